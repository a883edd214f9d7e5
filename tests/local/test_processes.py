"""Several processes that train one adapter: they learn what one learns, and end together, whichever way."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from helpers import finetuning
from helpers.local import adapter, trainer, training, weights
from helpers.local.processes import ALONE, Processes, joined
from helpers.settings import ROOT
from tests.conftest import REAL_CACHE

THINGS = [("red", "yes"), ("bread", "no"), ("blue", "yes"), ("the rain", "no"), ("a loaf", "no"), ("violet", "yes"),
          ("the green of a wet meadow", "yes")]
STEPS = 6       # two epochs of seven examples, three a step: the third step has one, and the second process none
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2",
          "--main_process_port", "0", "-m", "helpers.local.adapter"]
ALIKE = {"OMP_NUM_THREADS": "1",
         "ONEDNN_MAX_CPU_ISA": "AVX2"}      # float32: in bfloat16 a row filled up to another length has another loss


def test_each_reads_its_share_and_nobody_reads_twice():
    shares = [Processes(rank, 3).share([1, 2, 3, 4, 5, 6, 7]) for rank in range(3)]
    assert shares == [[1, 4, 7], [2, 5], [3, 6]]
    assert ALONE.share([1, 2, 3]) == [1, 2, 3]


def test_one_that_is_alone_sends_nothing(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    weight = torch.ones(2, requires_grad=True)
    with joined() as processes:
        assert processes.first and processes.total(0.1) == 0.1
        assert processes.any(True) and not processes.any(False)
        processes.add_gradients([weight])
    assert weight.grad is None and not torch.distributed.is_initialized()


# ---------------------------------------------------------------- two, started by accelerate

@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """The embedded model as a transformers folder, which is read in a second."""
    raw, folder = REAL_CACHE / f"{weights.SMOLLM2.name}.{weights.SMOLLM2.recipe}.gguf", tmp_path_factory.mktemp("base")
    AutoModelForCausalLM.from_pretrained(raw.parent, gguf_file=raw.name, dtype=torch.float16,
                                         quantization_config=GgufConfig(dequantize=True)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(raw.parent, gguf_file=raw.name).save_pretrained(folder)
    return folder


@pytest.fixture
def arguments(base, tmp_path) -> list[str]:
    """What trains on the things, but for the folder it goes to."""
    data = finetuning.write([finetuning.conversation([{"role": "user", "content": f"Is {thing} a colour?"}], answer)
                             for thing, answer in THINGS], tmp_path / "train.jsonl")
    return ["--model", str(base), "--data", str(data), "--epochs", "2", "--batch-size", "3", "--rank", "4", "--out"]


def by_one(arguments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "bf16_pays", lambda device: False)
    monkeypatch.setattr(sys, "argv", ["adapter", *arguments, str(folder)])
    adapter.main()


def by_two(arguments: list[str], folder: Path, end: Callable[[subprocess.Popen], None] | None) -> tuple[str, int]:
    """Train with two processes, and end them so after the first step. Return what was said and the exit code."""
    launched = subprocess.Popen([*LAUNCH, *arguments, str(folder)], cwd=ROOT, env=os.environ | ALIKE, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = ""
    for line in launched.stdout:
        said += line
        if end and line.startswith("step "):
            end(launched)
            end = None
    return said, launched.wait()


def press_ctrl_c(launched: subprocess.Popen) -> None:
    launched.send_signal(signal.SIGINT)


def kill_the_second(launched: subprocess.Popen) -> None:
    children = psutil.Process(launched.pid).children(recursive=True)
    next(child for child in children if child.environ().get("RANK") == "1").kill()


def losses(folder: Path) -> list[float]:
    return torch.load(folder / "run" / "checkpoint.pt", weights_only=True)["so_far"]["losses"]


@pytest.mark.live
def test_two_that_were_stopped_then_halved_learn_what_one_learns(arguments, tmp_path, monkeypatch):
    one, two = tmp_path / "one", tmp_path / "two"
    by_one(arguments, one, monkeypatch)
    said, code = by_two(arguments, two, press_ctrl_c)
    assert code and said.count("Stopped as asked; the same command goes on where this stopped.") == 1
    stopped = len(losses(two))
    said, code = by_two(arguments, two, kill_the_second)
    assert code and "One of the 2 processes is gone, and the others cannot go on without it" in said
    assert 1 <= stopped < len(losses(two)) < STEPS and "step 1 of" not in said
    said, code = by_two(arguments, two, None)
    assert code == 0 and f"{two} holds the adapter: {STEPS} steps on cpu" in said
    # Sums in another order end otherwise in the seventh digit. Adam divides a gradient by its own size, so that one
    # that is nearly nothing may go a whole step up or down: of a million numbers a hundred differ, by a step or two.
    assert losses(two) == pytest.approx(losses(one), abs=1e-3)
    first, second = (load_file(folder / "adapter_model.safetensors") for folder in (one, two))
    apart = torch.cat([(first[name].float() - second[name].float()).abs().flatten() for name in first])
    assert apart.max() < STEPS * trainer.LEARNING_RATE and (apart > 1e-4).float().mean() < 1e-3
