"""How long does each section of each notebook take to replay, and how much memory at its peak?

    python -m tests.benchmarks.sections            all notebooks; a quarter of an hour on two busy cores
    python -m tests.benchmarks.sections 00_start_here

Seconds are the processor's, so that what else the machine does counts little. Keeps what it finds in
data/results/replay_sections.csv, from which docs/teaching.md has its table.
"""
from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

import nbformat
import psutil
from nbclient import NotebookClient

from helpers.publishing import notebooks, timetable
from tests.benchmarks.memory import Peak


def main() -> None:
    """Replay each notebook, cell by cell, and keep a row for each section."""
    chosen = [path for path in notebooks.committed() if path.stem in sys.argv[1:] or not sys.argv[1:]]
    rows = [row for row in timetable.kept(timetable.SECONDS) if row["notebook"] not in {path.stem for path in chosen}]
    for path in chosen:
        new = replayed(path)
        rows += new
        timetable.keep(timetable.SECONDS, sorted(rows, key=lambda row: row["notebook"]))
        print(f"{path.stem}: {sum(row['seconds'] for row in new):.0f} s, {new[0]['megabytes']} MB", flush=True)
    timetable.refresh()


def replayed(path) -> list[dict]:
    """Return a row for each section: its processor seconds, and the notebook's peak memory."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=notebooks.CELL_SECONDS,
                            resources={"metadata": {"path": str(path.parent)}})
    took = {section.title: 0.0 for section in timetable.sections(path)}
    with client.setup_kernel(env=os.environ | {"COURSE_REPLAY": "only"}):
        kernel = psutil.Process().children()[-1]
        peak = Peak(kernel.pid)
        for index, (cell, title) in enumerate(timetable.titled(notebook)):
            before = busy(kernel)
            client.execute_cell(cell, index)
            took[title] += busy(kernel) - before
        megabytes = peak.stop()
    today = datetime.now(UTC).date().isoformat()
    return [{"notebook": path.stem, "section": title, "seconds": round(seconds, 2), "megabytes": round(megabytes),
             "date": today} for title, seconds in took.items()]


def busy(kernel: psutil.Process) -> float:
    """Return the processor seconds a kernel has taken, with the programs it started and saw end."""
    return sum(kernel.cpu_times()[:4])


if __name__ == "__main__":
    main()
