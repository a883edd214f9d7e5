"""Folders and files that appear whole or not at all, whenever the process that writes them is killed.

    with scratch(home) as part:
        (part / "content").write_bytes(b"...")
        settle(part, home / "file-1f0c")

Does not: survive a power failure in the second after.
"""
from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch(home: Path) -> Iterator[Path]:
    """Yield an empty folder in `home`, hidden, that is gone afterwards if it was not settled."""
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".part-") as outer:
        part = Path(outer) / "part"
        part.mkdir()
        yield part


def settle(part: Path, folder: Path) -> None:
    """Give a folder its place. One that is there already stays: ids are made from content, so it is the same."""
    try:
        os.rename(part, folder)
    except OSError:
        if not folder.exists():
            raise


def settled(home: Path) -> list[Path]:
    """Return the folders in `home` that are whole, none if there is no such folder."""
    return sorted(path for path in home.glob("*") if path.is_dir() and not path.name.startswith("."))


def write(path: Path, text: str) -> None:
    """Write a file anew; who reads it meanwhile sees the old text or the new."""
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)
