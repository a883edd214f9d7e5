"""A reader's own labelled rows, from a CSV or JSONL file, dealt into train, validation and test.

    labelled(Path("my.csv"))["test"][0] -> Row(id="row7", text="Where is it?", label="delivery", split=None)

Does not: know what a task is (see tasks.py).
"""
from __future__ import annotations

import csv
import json
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

TEXT_NAMES = ("input", "text", "message", "question", "body")
LABEL_NAMES = ("expected", "label", "category", "class", "answer", "target")
SHARES = {"train": 0.6, "validation": 0.15, "test": 0.25}       # of data that comes without a split


class TaskError(ValueError):
    """The data cannot be used as a task; the message names file, line or column, and what would do."""


@dataclass(frozen=True)
class Row:
    """One labelled text; `split` is the file's own, if it has one."""

    id: str
    text: str
    label: str
    split: str | None


def labelled(path: Path) -> dict[str, list[Row]]:
    """Return a file's labelled rows by split. Rows without text or label are left out. Raises TaskError."""
    if not path.exists():
        raise TaskError(f"There is no file {path}. Give the path from the folder you are in: {Path.cwd().name}/.")
    found = from_csv(path) if path.suffix.lower() == ".csv" else from_jsonl(path)
    if not found:
        raise TaskError(f"{path.name} has no rows.")
    found = [{str(name).strip().lower(): value for name, value in row.items() if name} for row in found]
    text, label = _column(path, found, TEXT_NAMES, "texts"), _column(path, found, LABEL_NAMES, "labels")
    filled = [row for row in found if _filled(row.get(text)) and _filled(row.get(label))]
    rows = [Row(str(row.get("id") or f"row{number}"), str(row[text]), bare_label(str(row[label])), row.get("split"))
            for number, row in enumerate(filled, 1)]
    if len(labels := {row.label for row in rows}) < 2:
        raise TaskError(f"Column {label!r} of {path.name} holds {len(labels)} label: a task needs at least two.")
    twice = [name for name, count in Counter(row.id for row in rows).items() if count > 1]
    if twice:
        raise TaskError(f"{path.name} has several rows with the id {twice[0]!r}. Make the ids differ, or leave the "
                        "column out: runs are compared row by row, by id.")
    return _dealt(path, rows)


def bare_label(text: str) -> str:
    """Strip a one-line reply of case, quotes and a full stop; a longer text is no label."""
    return text.strip().strip("\"'`*.").strip().lower()


def _filled(value: object) -> bool:
    return value is not None and bool(str(value).strip())      # 0 and False are labels


def _column(path: Path, rows: list[dict], names: tuple[str, ...], what: str) -> str:
    """Return the first known name among the columns of any row."""
    columns = dict.fromkeys(name for row in rows for name in row)
    found = next((name for name in names if name in columns), None)
    if found is None:
        raise TaskError(f"{path.name} has no column of {what}: it has {', '.join(columns) or 'none'}. Name one of its "
                        f"columns {names[0]!r} (or {', '.join(map(repr, names[1:]))}).")
    return found


def _dealt(path: Path, rows: list[Row]) -> dict[str, list[Row]]:
    """Split by the rows' own `split` column, or each label by SHARES with a fixed seed."""
    named = {row.split for row in rows}
    if named != {None}:
        if unknown := named - set(SHARES):
            raise TaskError(f"Column 'split' of {path.name} says {unknown.pop()!r} somewhere. Write one of "
                            f"{', '.join(SHARES)} in every row, or leave the column out.")
        return {split: [row for row in rows if row.split == split] for split in SHARES}
    by_label = defaultdict(list)
    for row in rows:
        by_label[row.label].append(row)
    splits: dict[str, list[Row]] = {split: [] for split in SHARES}
    for label in sorted(by_label):
        members = random.Random(label).sample(by_label[label], len(by_label[label]))
        first, second = round(len(members) * 0.6), round(len(members) * 0.75)
        splits["train"] += members[:first]
        splits["validation"] += members[first:second]
        splits["test"] += members[second:]
    # mixed, so that the first rows of a split are a fair sample of it
    return {split: random.Random(0).sample(members, len(members)) for split, members in splits.items()}


# ---------------------------------------------------------------- files

def from_csv(path: Path) -> list[dict]:
    """Return the rows of a CSV file. Raises TaskError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    except UnicodeDecodeError:
        raise TaskError(f"{path.name} is not UTF-8 text. Save it as 'CSV UTF-8' and try again.") from None
    except csv.Error as error:
        raise TaskError(f"{path.name} is not a CSV file that can be read: {error}.") from None


def from_jsonl(path: Path) -> list[dict]:
    """Return the rows of a JSON Lines file. Raises TaskError, which names the line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")    # a text may hold other line separators
    except UnicodeDecodeError:
        raise TaskError(f"{path.name} is not UTF-8 text. Save it as UTF-8 and try again.") from None
    return [_object(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _object(path: Path, number: int, line: str) -> dict:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise TaskError(f"{path.name}, line {number} is not JSON: {error}. Each line holds one JSON object.") from None
    if not isinstance(row, dict):
        raise TaskError(f"{path.name}, line {number} is {line.strip()[:20]}: each line holds one JSON object, {{...}}.")
    return row
