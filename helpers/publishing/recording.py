"""Record what a notebook asks, so that a run that is cut off costs no reply.

    record(path, replay="auto") -> None        the notebook's file in data/recordings: what it asks, and no more

While a notebook is recorded, what was there before stands beside its file as NAME.before. A run that ends early, by a
failing cell, Ctrl-C or a kill, leaves both, old lines first: the next --missing run asks only what neither has.
"""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.provider.recordings import Recordings
from helpers.provider.shelves import RECORDINGS
from helpers.publishing import notebooks


def record(path: Path, replay: str) -> None:
    """Ask live what is not to be replayed, keep the replies the notebook needs and no others, and say what changed."""
    file = RECORDINGS / f"{path.stem}.jsonl"
    with nothing_lost(file):
        before = _replies(file)
        notebooks.run(path, COURSE_REPLAY=replay, COURSE_RECORD=path.stem)
    after = _replies(file)
    changed = [key for key in before.keys() & after.keys() if before[key] != after[key]]
    new, gone = after.keys() - before.keys(), before.keys() - after.keys()
    print(f"{path.stem}: {len(after)} replies recorded; {len(changed)} changed, {len(new)} new, {len(gone)} gone")
    for key in changed[:10]:
        print(f"  {key}: {before[key]!r}\n    is now {after[key]!r}")


@contextmanager
def nothing_lost(file: Path) -> Iterator[None]:
    """While a recording is written anew keep the old one beside it; if that is cut off, put both into the file."""
    kept = file.with_suffix(".before")
    if kept.exists():       # a recording was killed
        _put_back(kept, file)
    if file.exists():
        _write(kept, file.read_bytes())
    try:
        yield
    except BaseException:
        if kept.exists():
            _put_back(kept, file)
        raise
    kept.unlink(missing_ok=True)


def _put_back(kept: Path, file: Path) -> None:
    """Write the old lines and those that came since into the file; of two replies to one call the later counts."""
    since = file.read_bytes() if file.exists() else b""
    whole = since[:since.rfind(b"\n") + 1]      # a line that was being written is left out
    _write(file, kept.read_bytes() + whole)
    kept.unlink()


def _write(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(content)
    os.replace(part, path)


def _replies(file: Path) -> dict[str, object]:
    """Return the replies of one recording file by call, without what was measured on the way."""
    recordings = Recordings(file.parent, files=file.name)
    return {call.key: _answer(recorded.reply) for call, recorded in recordings.calls()}


def _answer(reply: dict | str) -> object:
    return reply if isinstance(reply, str) else reply.get("choices") or reply.get("data") or reply.get("error")
