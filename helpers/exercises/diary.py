"""What a reader has done, in one small file in the store's folder (`.course/progress.json`).

Where every reply is replayed (COURSE_REPLAY=only) it reads as empty and nothing is written: what the tests solve is
not what the reader has solved. Does not: leave this machine.
"""
from __future__ import annotations

import json
import os
from collections.abc import Collection
from datetime import date
from pathlib import Path

import pandas as pd
from filelock import FileLock

from helpers.exercises.exercise import MODULES, of_notebook
from helpers.exercises.questions import questions
from helpers.settings import setting, store_folder


def file() -> Path:
    """Return the file that holds the progress."""
    return store_folder() / "progress.json"


def entries() -> dict[str, str]:
    """Return what is done, and on which day. Example: {"01.1": "2026-11-29", "quiz 01.2": "2026-11-29"}"""
    if setting("COURSE_REPLAY") == "only" or not file().exists():
        return {}
    try:
        return json.loads(file().read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file()} cannot be read ({error}). Delete it to begin anew, or mend it.") from error


def enter(what: str) -> None:
    """Note that something is done today, unless it was before."""
    if setting("COURSE_REPLAY") == "only":
        return
    file().parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file().with_suffix(".lock")):      # two notebooks may be open
        part = file().with_suffix(".part")
        part.write_text(json.dumps({what: date.today().isoformat()} | entries(), indent=1), encoding="utf-8")
        os.replace(part, file())


def progress() -> pd.DataFrame:
    """Return a table of exercises solved and quiz questions answered, a row each notebook.

    Example: progress().loc["01", "exercises"] -> "2 of 4"
    """
    done = entries()
    rows = {number: {"exercises": _share(done, of_notebook(number)),
                     "quiz": _share(done, [one.name for one in questions(number)])} for number in MODULES}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("notebook")


def _share(done: dict[str, str], names: Collection[str]) -> str:
    return f"{sum(name in done for name in names)} of {len(names)}"
