"""One whole climb on a small file, made once: many tests look at what it found, printed and wrote."""
from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers import settings
from tests.conftest import Loopback, set_only
from tests.ladder.own import climbed, labelled, served


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The file, the findings, what was printed, and the page."""
    folder: Path = tmp_path_factory.mktemp("whole")
    (folder / "root").mkdir()
    server, printed = Loopback(), io.StringIO()
    with pytest.MonkeyPatch.context() as monkeypatch, contextlib.redirect_stdout(printed):
        monkeypatch.setattr(settings, "ROOT", folder / "root")
        set_only(monkeypatch, COURSE_CACHE=folder / "cache", COURSE_STORE=folder / "store")
        served(monkeypatch, server)
        path = labelled(folder, 140)
        found = climbed(monkeypatch, path, "--target", 0.9, "--report", folder / "out.html")
    yield SimpleNamespace(path=path, found=found, printed=printed.getvalue(),
                          html=(folder / "out.html").read_text(encoding="utf-8"))
    server.close()
