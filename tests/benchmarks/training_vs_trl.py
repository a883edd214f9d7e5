"""(i) How fast is training, and how good what comes out, beside TRL's SFTTrainer?

    python -m venv ELSEWHERE && ELSEWHERE/bin/pip install torch==2.13.0 trl peft gguf datasets
    python -m tests.benchmarks.training_vs_trl --trl ELSEWHERE/bin/python        about 10 minutes on two cores
    python -m tests.benchmarks.training_vs_trl                                   the course's own two ways

Both train an adapter of rank 16 on every linear layer of course-135m, on the same tickets with the same short prompt,
one epoch, batches of 8, rate 1e-3; the loss is that of the answers. TRL has its defaults otherwise, once with and once
without gradient checkpointing. A fourth way is the course's training with PEFT's own layers in place of those of
helpers/local/lora.py. Turn about, each in a process of its own, medians of the rounds.

Bars: at least 2.5 times TRL's tokens a second, 1.5 times without checkpointing; 330 tokens a second on two cores (with
bfloat16 in hardware); held-out loss no more than 2% worse; peak memory under 3 GB.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from helpers import finetuning
from helpers.experiments.tickets import taught
from helpers.local import weights
from helpers.settings import ROOT
from helpers.tasks import load_task

WAYS = ("course", "PEFT's layers", "TRL", "TRL, no checkpointing")
OWN = WAYS[:2]
FASTER, FASTER_WITHOUT, TOKENS, WORSE, MEGABYTES = 2.5, 1.5, 330, 1.02, 3_072


def main() -> None:
    """Train turn about, and print tokens a second, held-out loss and peak memory of each way, and the bars."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.training_vs_trl")
    parser.add_argument("--trl", help="a Python that has TRL (default: leave it out)")
    parser.add_argument("--examples", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    task = load_task("tickets")
    with tempfile.TemporaryDirectory() as folder:
        files = [finetuning.write(taught(task.train[:options.examples]), Path(folder) / "train.jsonl"),
                 finetuning.write(taught(task.validation[:50]), Path(folder) / "unseen.jsonl")]
        arguments = [str(weights.chat_model_path()), *map(str, files)]
        measured = {way: [] for way in (WAYS if options.trl else OWN)}
        for _ in range(options.rounds):
            for way in measured:
                measured[way].append(run(way, options.trl, arguments))
                print(way, measured[way][-1], flush=True)
    report({way: {name: median(one[name] for one in found) for name in found[0]} for way, found in measured.items()})


def run(way: str, trl: str | None, arguments: list[str]) -> dict[str, float]:
    """Train in a process of its own, and return tokens_per_second, loss and megabytes."""
    scripts = {"course": [sys.executable, "-m", "tests.benchmarks.training_side", "course"],
               "PEFT's layers": [sys.executable, "-m", "tests.benchmarks.training_side", "peft"],
               "TRL": [trl, "tests/benchmarks/training_side.py", "trl"],
               "TRL, no checkpointing": [trl, "tests/benchmarks/training_side.py", "trl-plain"]}
    done = subprocess.run([*scripts[way], *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{way} failed:\n{done.stderr[-2_000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def report(found: dict[str, dict[str, float]]) -> None:
    """Print the medians, and which bars are met."""
    for way, one in found.items():
        print(f"{way:22} {one['tokens_per_second']:6.0f} tokens/s, held-out loss {one['loss']:.3f}, "
              f"peak {one['megabytes']:,.0f} MB")
    ours, layers, *others = found.values()
    print(f"{ours['tokens_per_second'] / layers['tokens_per_second']:.2f} × PEFT's layers")
    bars = {f"{ours['tokens_per_second']:.0f} tokens/s (bar {TOKENS})": ours["tokens_per_second"] >= TOKENS,
            f"peak {ours['megabytes']:,.0f} MB (bar {MEGABYTES:,})": ours["megabytes"] < MEGABYTES}
    if others:
        bars |= beside(ours, *others)
    for bar, met in bars.items():
        print(f"{bar}: {'met' if met else 'MISSED'}")


def beside(ours: dict[str, float], trl: dict[str, float], plain: dict[str, float]) -> dict[str, bool]:
    """Return the bars that TRL sets, and whether each is met."""
    faster, without = (ours["tokens_per_second"] / one["tokens_per_second"] for one in (trl, plain))
    worse = ours["loss"] / trl["loss"]
    return {f"{faster:.2f} × TRL (bar {FASTER})": faster >= FASTER,
            f"{without:.2f} × TRL without checkpointing (bar {FASTER_WITHOUT})": without >= FASTER_WITHOUT,
            f"loss {worse:.2f} of TRL's (bar {WORSE})": worse <= WORSE}


if __name__ == "__main__":
    main()
