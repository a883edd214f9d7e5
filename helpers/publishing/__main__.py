"""Record notebooks anew: every reply live, then one clean replayed run whose outputs are committed.

    python -m helpers.publishing                     all notebooks
    python -m helpers.publishing 00_start_here       one of them
    python -m helpers.publishing --missing           keep the recordings, ask live only what they lack
    python -m helpers.publishing --outputs           keep the recordings, only run and save again

Prints which replies changed since the last recording. A run that is cut off loses none: go on with --missing.
"""
from __future__ import annotations

import argparse
from pathlib import Path

from helpers.publishing import notebooks, readme, timetable
from helpers.publishing.prose import refreshed
from helpers.publishing.recording import record


def main() -> None:
    """Read the command line and record."""
    parser = argparse.ArgumentParser(prog="python -m helpers.publishing", description="Record notebooks anew.")
    parser.add_argument("names", nargs="*", help="notebooks, without .ipynb (default: all)")
    parser.add_argument("--missing", action="store_true", help="keep the recordings, ask live only what they lack")
    parser.add_argument("--outputs", action="store_true", help="keep the recordings, only run and save again")
    options = parser.parse_args()
    every = notebooks.committed() + notebooks.solved()
    chosen = [path for path in every if path.stem in options.names or not options.names]
    for path in chosen:
        if not options.outputs:
            record(path, replay="auto" if options.missing else "off")
        save_clean_run(path)
    readme.refresh()
    timetable.refresh()


def save_clean_run(path: Path) -> None:
    """Run the notebook from its recordings and save it, its prose numbers written anew."""
    notebook, values = notebooks.run(path, COURSE_REPLAY="only")
    notebooks.save(refreshed(notebook, values), path)
    print(f"{path.stem}: run from recordings and saved; {len(values)} values stand behind its prose")


if __name__ == "__main__":
    main()
