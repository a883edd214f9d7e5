"""The command that trains an adapter on a file: what it leaves behind, and what it says when something is missing."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from helpers import finetuning
from helpers.local import adapter, training, weights
from tests.conftest import REAL_CACHE
from tests.tuning import base_file


@pytest.fixture
def data(tmp_path) -> Path:
    rows = [finetuning.conversation([{"role": "user", "content": f"Say it {times} times."}], "yes " * times)
            for times in (1, 2, 3)]
    return finetuning.write(rows, tmp_path / "train.jsonl")


@pytest.fixture
def run(monkeypatch, data, tmp_path):
    """Run the command on the data with these arguments too, and return the folder it wrote."""
    def run_with(*arguments: object) -> Path:
        folder = tmp_path / "adapter"
        monkeypatch.setattr(sys, "argv", ["adapter", "--data", str(data), "--out", str(folder), *map(str, arguments)])
        adapter.main()
        return folder
    return run_with


@pytest.mark.live
def test_peft_reads_what_was_trained_on_a_transformers_folder(run, tmp_path, capsys):
    raw, base = REAL_CACHE / f"{weights.SMOLLM2.name}.{weights.SMOLLM2.recipe}.gguf", tmp_path / "base"
    AutoTokenizer.from_pretrained(raw.parent, gguf_file=raw.name).save_pretrained(base)
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(vocab_size=49_152, hidden_size=32, intermediate_size=32, num_hidden_layers=1,
                                 num_attention_heads=2)).save_pretrained(base)
    folder = run("--model", base, "--epochs", 2, "--rank", 2, "--batch-size", 2)
    assert f"{folder} holds the adapter: 4 steps on" in capsys.readouterr().out
    tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder)
    assert tuned.peft_config["default"].r == 2 and tuned.peft_config["default"].base_model_name_or_path == str(base)
    assert all(value.abs().sum() > 0 for name, value in tuned.named_parameters() if "lora_B" in name)


@pytest.mark.parametrize("option", ["--model", "--data"])
def test_a_path_that_is_not_there_is_named(run, option, tmp_path):
    arguments = {"--model": base_file(tmp_path / "base.gguf")} | {option: tmp_path / "nowhere"}
    with pytest.raises(SystemExit, match=rf"{option} .*nowhere: nothing is there"):
        run(*(part for pair in arguments.items() for part in pair))


def test_four_bits_say_what_they_lack(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(training, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"lacks an NVIDIA GPU, the package bitsandbytes, a transf.* \(base"):
        training._in_four_bits(base_file(tmp_path / "base.gguf"))


def test_four_bits_are_a_part_of_a_run_only_when_asked_for():
    assert "four_bit" not in training.Recipe().settings and training.Recipe(four_bit=True).settings["four_bit"]
