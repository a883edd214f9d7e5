"""(p) How long does the ladder take with its defaults on 600 rows of short classification, nothing recorded?

    python -m tests.benchmarks.ladder         ten to fifteen minutes on two quiet cores; bar: 15 minutes

The rows are the course's training tickets with their categories, in a file as a reader brings one. What the ladder says
is printed as it climbs.
"""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from helpers.settings import ROOT
from helpers.tasks import load_task

ROWS, BAR = 600, 15


def main() -> None:
    """Climb once, and print the minutes."""
    taught = load_task("tickets").train[:ROWS]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "tickets.csv"
        rows = pd.DataFrame([{"input": one.input, "expected": one.expected["category"]} for one in taught])
        rows.to_csv(data, index=False)
        settings = {"COURSE_REPLAY": "off", "COURSE_STORE": str(Path(folder) / "store")}
        command = [sys.executable, "-m", "helpers.ladder", str(data), "--report", str(Path(folder) / "report.html")]
        started = time.monotonic()
        subprocess.run(command, cwd=ROOT, env=os.environ | settings, check=True)
        minutes = (time.monotonic() - started) / 60
    print(f"{minutes:.1f} minutes for {len(taught)} rows (bar {BAR}): {'met' if minutes <= BAR else 'MISSED'}")


if __name__ == "__main__":
    main()
