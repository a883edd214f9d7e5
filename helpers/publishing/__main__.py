"""Record notebooks anew: every reply live, then one clean replayed run whose outputs are committed.

    python -m helpers.publishing                     all notebooks
    python -m helpers.publishing 00_start_here       one of them
    python -m helpers.publishing --missing           keep the recordings, ask live only what they lack
    python -m helpers.publishing --outputs           keep the recordings, only run and save again

Prints which replies changed since the last recording.
"""
from __future__ import annotations

import argparse
from pathlib import Path

from helpers.provider.recordings import Recordings
from helpers.provider.shelves import RECORDINGS
from helpers.publishing import notebooks, readme, timetable
from helpers.publishing.prose import refreshed


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


def record(path: Path, replay: str) -> None:
    """Ask live what is not to be replayed, keep the replies the notebook needs and no others, and say what changed."""
    before = _replies(path.stem)
    notebooks.run(path, COURSE_REPLAY=replay, COURSE_RECORD=path.stem)
    after = _replies(path.stem)
    changed = [key for key in before.keys() & after.keys() if before[key] != after[key]]
    new, gone = after.keys() - before.keys(), before.keys() - after.keys()
    print(f"{path.stem}: {len(after)} replies recorded; {len(changed)} changed, {len(new)} new, {len(gone)} gone")
    for key in changed[:10]:
        print(f"  {key}: {before[key]!r}\n    is now {after[key]!r}")


def save_clean_run(path: Path) -> None:
    """Run the notebook from its recordings and save it, its prose numbers written anew."""
    notebook, values = notebooks.run(path, COURSE_REPLAY="only")
    notebooks.save(refreshed(notebook, values), path)
    print(f"{path.stem}: run from recordings and saved; {len(values)} values stand behind its prose")


def _replies(name: str) -> dict[str, object]:
    """Return the replies of one recording file by call, without what was measured on the way."""
    recordings = Recordings(RECORDINGS, files=f"{name}.jsonl")
    return {call.key: _answer(recorded.reply) for call, recorded in recordings.calls()}


def _answer(reply: dict | str) -> object:
    return reply if isinstance(reply, str) else reply.get("choices") or reply.get("data") or reply.get("error")


if __name__ == "__main__":
    main()
