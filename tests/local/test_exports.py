"""Exports: each form is loaded back by the program it is for, and says what is served here."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from helpers.local import conversations, training, tuned, weights
from helpers.local.engine import ChatEngine
from helpers.local.exports import export
from helpers.tasks import Example, load_task
from tests.benchmarks.served_tuned import asked, greedy, served, with_adapter
from tests.conftest import REAL_CACHE
from tests.tuning import adapter_file, base_file

NAME = "ft:base:course:tickets:1a2b3c4d"


@pytest.fixture
def small(tmp_path) -> str:
    """A tuned model of one matrix."""
    tuned.add(NAME, adapter_file(tmp_path / "a.safetensors"), base_file(tmp_path / "base.gguf"), step=4, metrics={})
    return NAME


def test_an_adapter_is_a_folder_as_peft_writes_it(small, tmp_path):
    folder = export(small, tmp_path / "new" / "mine", "adapter")
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["target_modules"]) == (2, 2, ["down_proj"])
    assert config["base_model_name_or_path"] == "base"
    assert set(load_file(folder / "adapter_model.safetensors")) == {
        f"base_model.model.model.layers.0.mlp.down_proj.lora_{part}.weight" for part in "AB"}


def test_a_gguf_is_the_file_that_is_served(small, tmp_path):
    (file,) = export(small, tmp_path / "mine", "gguf").iterdir()
    assert file.name == "ft_base_course_tickets_1a2b3c4d.gguf"
    assert file.read_bytes() == tuned.find(small).file().read_bytes()


def test_nothing_is_written_over_and_an_empty_folder_is_filled(small, tmp_path):
    (tmp_path / "mine").mkdir()
    folder = export(small, tmp_path / "mine", "gguf")
    with pytest.raises(FileExistsError, match=r"mine is not empty.*Name a new folder"):
        export(small, folder, "gguf")


def test_what_cannot_be_exported_says_why_and_leaves_nothing(small, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="form='onnx' is not one of adapter, gguf, safetensors"):
        export(small, tmp_path / "mine", "onnx")
    with pytest.raises(LookupError, match=f"no tuned model 'ft:other' here. There are: {NAME}"):
        export("ft:other", tmp_path / "mine", "gguf")
    monkeypatch.setattr(tuned.Tuned, "file", lambda self: tmp_path / "nothing.gguf")
    with pytest.raises(FileNotFoundError):
        export(small, tmp_path / "mine", "gguf")
    assert not (tmp_path / "mine").exists() and not list(tmp_path.glob(".part*/*"))


# ---------------------------------------------------------------- a real one

def beginning(example: Example) -> list[dict]:
    return asked(replace(example, input=example.input[:100]))


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> tuple[str, Path]:
    """A model tuned on 32 beginnings of tickets, in a cache of its own beside the real weights."""
    home = tmp_path_factory.mktemp("tuned")
    base = REAL_CACHE / f"{weights.COURSE.name}.{weights.COURSE.version}.gguf"
    rows = [{"messages": [*beginning(one), {"role": "assistant", "content": one.expected["category"]}]}
            for one in load_task("tickets").train[:32]]
    lessons = [[[conversations.conversation(row)] for row in rows]]
    recipe = training.Recipe(rank=16, alpha=32, learning_rate=1e-3, batch_examples=8, batch_tokens=1_024,
                             epochs=4)      # until it answers with labels: in prose, near-ties decide
    run = training.train(base, lessons, recipe, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(home))
        name = "ft:course-135m:course:tickets:1a2b3c4d"
        tuned.add(name, run.adapter, base, step=4, metrics={}).file()
    return name, home


BATCH = [beginning(one) for one in load_task("tickets").test[:30]]


@pytest.fixture
def replies(real, monkeypatch) -> list[str]:
    """What the engine says, served from the merged file."""
    name, home = real
    monkeypatch.setattr(tuned, "cache_folder", lambda: home)
    return served(ChatEngine(tuned.find(name).file()), BATCH)


def equal(first: list[str], second: list[str]) -> int:
    return sum(a == b for a, b in zip(first, second, strict=True))


@pytest.mark.live
def test_the_served_model_says_what_pytorch_says_with_the_exported_adapter(real, replies, tmp_path):
    model, tokenizer = with_adapter(export(real[0], tmp_path / "adapter", "adapter"))
    assert len(set(replies)) > 2
    assert equal(greedy(model, tokenizer, BATCH), replies) >= 28      # tests/benchmarks/served_tuned.py asks 300


@pytest.mark.live
def test_a_transformers_folder_says_what_is_served(real, replies, tmp_path):
    folder = export(real[0], tmp_path / "whole", "safetensors")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    assert equal(greedy(model, AutoTokenizer.from_pretrained(folder), BATCH[:12]), replies[:12]) >= 11


@pytest.mark.live
def test_an_exported_gguf_is_served_as_ones_own_weights(real, replies, tmp_path):
    (file,) = export(real[0], tmp_path / "one-file", "gguf").iterdir()
    assert served(ChatEngine(file), BATCH[:6]) == replies[:6]
