"""Tuned models on disk: found by name, merged when needed, gone when deleted."""
from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from gguf.quants import dequantize

from helpers.local import gguf_files, tuned
from helpers.local.refusals import ApiError
from helpers.local.weights import WeightsError
from tests.tuning import adapter_file, base_file

NAME = "ft:base:course:tickets:1a2b3c4d"


@pytest.fixture
def add(tmp_path):
    base, adapter = base_file(tmp_path / "base.gguf"), adapter_file(tmp_path / "a.safetensors")
    return lambda name=NAME, **facts: tuned.add(name, adapter, base, **{"step": 4, "metrics": {}} | facts)


def test_a_model_is_merged_when_it_is_needed_and_once(add, monkeypatch):
    add()
    file = tuned.find(NAME).file()
    (matrix,) = GGUFReader(file).tensors
    assert matrix.tensor_type.name == "Q8_0"
    assert np.allclose(dequantize(matrix.data, matrix.tensor_type), 3.0, atol=0.05)     # 1 + 1 · 1 + 1 · 1
    monkeypatch.setattr(gguf_files, "merge_adapter", None)
    assert tuned.find(NAME).file() == file


def test_a_merge_that_breaks_off_leaves_nothing_half_written(add, monkeypatch):
    def full(_: object, target: Path, *__: object) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(gguf_files, "merge_adapter", full)
    with pytest.raises(WeightsError, match=r"No space left.*Free some disk space and ask again"):
        add().file()
    assert not list(tuned.find(NAME).folder.glob("model.*"))


def test_a_model_whose_base_is_gone_says_so(add, tmp_path):
    add()
    (tmp_path / "base.gguf").unlink()
    with pytest.raises(WeightsError, match=r"tuned on .*base\.gguf, which is gone. Put it back, or tune again"):
        tuned.find(NAME).file()


def test_an_unknown_name_is_told_the_known_ones(add):
    with pytest.raises(ApiError, match=r"none yet.*run the cell that trains it, a few minutes") as caught:
        tuned.find("ft:other")
    assert caught.value.status == 404
    add()
    with pytest.raises(ApiError, match=f"no tuned model 'ft:other' here. There are: {NAME}"):
        tuned.find("ft:other")


def test_checkpoints_come_latest_first_and_the_model_is_one_of_them(add):
    add(f"{NAME}:ckpt-step-2", step=2)
    add()
    add("ft:base:course:tickets:99999999")
    assert [model.card["step"] for model in tuned.checkpoints(NAME)] == [4, 2]


def test_a_deleted_model_is_gone_and_its_checkpoints_stay(add):
    add(f"{NAME}:ckpt-step-2", step=2)
    add()
    tuned.delete(NAME)
    assert tuned.names() == [f"{NAME}:ckpt-step-2"] and not tuned.exists(NAME)
