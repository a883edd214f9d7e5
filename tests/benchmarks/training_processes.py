"""(o) Are two processes with a thread each as fast as one process with two threads?

    python -m tests.benchmarks.training_processes        about 8 minutes on two cores;
                                                         writes data/results/training_processes.csv

Both train an adapter of rank 16 on the same tickets with course-135m, batches of 8, started by the commands of
docs/bigger.md. Turn about, medians of the rounds. Two cores are two cores: what this tells is the price of splitting a
batch and adding gradients up. Bar: 0.9 of one process.
"""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import pandas as pd
import torch

from helpers import finetuning
from helpers.experiments.tickets import taught
from helpers.local import weights
from helpers.settings import ROOT
from helpers.tasks import load_task

ONE, TWO = "one process, two threads", "two processes, a thread each"
LAUNCHERS = {ONE: [sys.executable], TWO: [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu",
                                          "--num_processes", "2", "--main_process_port", "0"]}
THREADS, BAR = {ONE: 2, TWO: 1}, 0.9
KEPT = ROOT / "data" / "results" / "training_processes.csv"


def main() -> None:
    """Train turn about, keep tokens a second, and print them with the bar."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.training_processes")
    parser.add_argument("--examples", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    measured = {way: [] for way in LAUNCHERS}
    with tempfile.TemporaryDirectory() as folder:
        data = finetuning.write(taught(load_task("tickets").train[:options.examples]), Path(folder) / "train.jsonl")
        for turn in range(options.rounds):
            for way in LAUNCHERS:
                measured[way].append(speed(way, data, Path(folder) / f"{turn}-{THREADS[way]}"))
                print(f"{way}: {measured[way][-1]:.0f} tokens/s", flush=True)
    found = {way: median(speeds) for way, speeds in measured.items()}
    pd.DataFrame({"way": found.keys(), "tokens a second": [round(speed) for speed in found.values()]}).to_csv(
        KEPT, index=False)
    for way, tokens in found.items():
        print(f"{way:28} {tokens:4.0f} tokens/s")
    print(f"{found[TWO] / found[ONE]:.2f} of one process (bar {BAR}): "
          f"{'met' if found[TWO] >= BAR * found[ONE] else 'MISSED'}")


def speed(way: str, data: Path, folder: Path) -> float:
    """Train in processes of its own, and return tokens a second, loading not counted."""
    command = [*LAUNCHERS[way], "-m", "helpers.local.adapter", "--model", str(weights.chat_model_path()), "--data",
               str(data), "--out", str(folder), "--epochs", "1", "--batch-size", "8"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": str(THREADS[way])},
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{way} failed:\n{done.stderr[-2_000:]}")
    so_far = torch.load(folder / "run" / "checkpoint.pt", weights_only=True)["so_far"]
    return so_far["tokens"] / so_far["seconds"]


if __name__ == "__main__":
    main()
