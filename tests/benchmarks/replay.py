"""(d) How many rows a second does a replayed evaluation score?

    python -m tests.benchmarks.replay            300 test tickets, the schema prompt of notebook 00
"""
from __future__ import annotations

import os
import time
from statistics import median

os.environ["COURSE_REPLAY"] = "only"

from helpers import evaluate, load_task
from helpers.ladder import schema_prompt

ROUNDS = 5


def main() -> None:
    """Replay five times and print rows per second; the first round reads the recordings from disk."""
    task = load_task("tickets")
    seconds = [one_round(task) for _ in range(ROUNDS)]
    print(f"first {len(task.test) / seconds[0]:.0f} rows/s (reads the recordings), "
          f"then {len(task.test) / median(seconds[1:]):.0f} rows/s")


def one_round(task) -> float:
    """Return the seconds one evaluation takes."""
    started = time.perf_counter()
    evaluate(schema_prompt(task), task.test)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
