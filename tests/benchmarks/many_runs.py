"""How much does the executor add to a run, beside a process of its own begun by hand, as it was before?

    python -m tests.benchmarks.many_runs            two to four minutes; bar: here no slower than by hand, within 5%;
                                                    writes data/results/many_runs.csv

A run does nothing but load what every run loads, so that all that is measured is overhead; a training takes minutes.
The ways take turns, three runs one after the other each time, and the median is what counts. The cluster is one worker
on this machine, connected to each time.
"""
from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import pandas as pd
from distributed import LocalCluster

from helpers.cluster import Cluster
from helpers.executor import Places, Processes, each
from helpers.experiments.letters import voice
from helpers.settings import ROOT
from tests.experiments import toys

RUNS, ROUNDS, BAR = 3, 7, 1.05
KEPT = ROOT / "data" / "results" / "many_runs.csv"
BY_HAND = """
import os, sys
from tests.experiments import toys
import helpers.experiments.__main__ as command      # which planned the experiment anew in every process
toys.row(command.EXPERIMENTS["voice"]()[int(sys.argv[1])])
os._exit(0)
"""


def main() -> None:
    """Do the runs in each way in turns, and print seconds a run, beside the bar."""
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as workers:
        ways: dict[str, Callable[[], None]] = {
            "by hand": by_hand, "executor, here": lambda: through(Processes()),
            "executor, a Dask worker": lambda: through(Cluster(workers.scheduler_address))}
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(1 + ROUNDS):
            for way, do in ways.items():
                started = time.perf_counter()
                do()
                if turn:        # the first one reads files that are not in memory yet
                    seconds[way].append((time.perf_counter() - started) / RUNS)
    report({way: median(taken) for way, taken in seconds.items()})


def by_hand() -> None:
    """Do the runs as the command did before: a process after the other."""
    for number in range(RUNS):      # those of voice()
        subprocess.run([sys.executable, "-c", BY_HAND, str(number)], cwd=ROOT, env=os.environ, check=True)


def through(places: Places) -> None:
    """Do the runs through the executor: planned here, and sent with all that they are trained on and asked."""
    with places:
        assert len(list(each(toys.row, voice(), places))) == RUNS


def report(found: dict[str, float]) -> None:
    """Keep the medians, print them, and say whether the bar is met."""
    before = found["by hand"]
    rows = pd.DataFrame({"way": found.keys(), "seconds": [round(taken, 2) for taken in found.values()]})
    rows.to_csv(KEPT, index=False)
    for way, taken in found.items():
        print(f"{way:24} {taken:5.2f} s a run, {1_000 * (taken - before):+6.0f} ms")
    ratio = found["executor, here"] / before
    print(f"here {ratio:.2f} of by hand (bar {BAR}): {'met' if ratio <= BAR else 'MISSED'}")


if __name__ == "__main__":
    main()
