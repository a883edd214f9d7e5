"""(q) How long does a notebook take when nothing is recorded and the model on this machine answers every cell?

    python -m tests.benchmarks.live 02_few_shot 03_rag       up to an hour on two quiet cores; bar: 30 minutes each
"""
from __future__ import annotations

import argparse
import tempfile
import time

from helpers.publishing import notebooks

BAR = 30


def main() -> None:
    """Run the notebooks one after the other, each with a store of its own that is empty, and print the minutes.

    As for a reader whose model the course did not record: what one cell asked is not asked again by the next.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.live")
    paths = {path.stem: path for path in notebooks.committed()}
    parser.add_argument("names", nargs="+", choices=paths, metavar="NAME", help="notebooks, without .ipynb")
    for path in map(paths.get, parser.parse_args().names):
        with tempfile.TemporaryDirectory() as store:
            started = time.monotonic()
            notebooks.run(path, COURSE_REPLAY="own", COURSE_STORE=store)
        minutes = (time.monotonic() - started) / 60
        print(f"{path.stem}: {minutes:.1f} minutes (bar {BAR}): {'met' if minutes <= BAR else 'MISSED'}", flush=True)


if __name__ == "__main__":
    main()
