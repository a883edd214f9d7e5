"""A reader's own labelled rows, from a CSV, TSV or JSONL file, dealt into train, validation and test.

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
FILES = (".csv", ".tsv", ".jsonl")
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
    found = lines_of(path)
    text, label = _column(path, found, TEXT_NAMES, "texts"), _column(path, found, LABEL_NAMES, "labels")
    used = [row for row in found if filled(row.get(text)) and filled(row.get(label))]
    rows = [Row(str(row.get("id") or f"row{number}"), str(row[text]), bare_label(str(row[label])), row.get("split"))
            for number, row in enumerate(used, 1)]
    if len(labels := {row.label for row in rows}) < 2:
        raise TaskError(f"Column {label!r} of {path.name} holds {len(labels)} label: a task needs at least two.")
    refuse_twins(path, [row.id for row in rows])
    return dealt(path, rows)


def bare_label(text: str) -> str:
    """Strip a one-line reply of case, quotes and a full stop; a longer text is no label."""
    return text.strip().strip("\"'`*.").strip().lower()


def filled(value: object) -> bool:
    """Say whether a cell holds something; 0 and False are something. Example: filled(" ") -> False"""
    return value is not None and bool(str(value).strip())


def refuse_twins(path: Path, ids: list[str]) -> None:
    """Raise TaskError when several rows have the same id."""
    twice = next((name for name, count in Counter(ids).items() if count > 1), None)
    if twice is not None:
        raise TaskError(f"{path.name} has several rows with the id {twice!r}. Make the ids differ, or leave the column "
                        "out: runs are compared row by row, by id.")


def refuse_other_splits(path: Path, splits: set[str | None]) -> None:
    """Raise TaskError when a column `split` is there and says something else than SHARES names."""
    if splits != {None} and (unknown := splits - set(SHARES)):
        raise TaskError(f"Column 'split' of {path.name} says {unknown.pop()!r} somewhere. Write one of "
                        f"{', '.join(SHARES)} in every row, or leave the column out.")


def _column(path: Path, rows: list[dict], names: tuple[str, ...], what: str) -> str:
    """Return the first known name among the columns of any row."""
    columns = dict.fromkeys(name for row in rows for name in row)
    found = next((name for name in names if name in columns), None)
    if found is None:
        raise TaskError(f"{path.name} has no column of {what}: it has {', '.join(columns) or 'none'}. Name one of its "
                        f"columns {names[0]!r} (or {', '.join(map(repr, names[1:]))}).")
    return found


def dealt(path: Path, rows: list[Row]) -> dict[str, list[Row]]:
    """Split by the rows' own `split` column, or each label by SHARES with a fixed seed.

    Raises TaskError for a split that has another name. Example: len(dealt(Path("my.csv"), rows)["train"]) -> 60
    """
    named = {row.split for row in rows}
    refuse_other_splits(path, named)
    if named != {None}:
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

def lines_of(path: Path) -> list[dict]:
    """Return the rows of a CSV, TSV or JSON Lines file, the names of the columns in lower case. Raises TaskError."""
    if path.suffix.lower() not in FILES:
        raise TaskError(f"{path.name} ends in {path.suffix or 'nothing'!r}, and rows are read from {', '.join(FILES)}. "
                        "Save a spreadsheet as 'CSV UTF-8'.")
    if not path.is_file():
        raise TaskError(f"There is no file {path.name}. Give its path from the folder you are in: {Path.cwd().name}/.")
    found = from_jsonl(path) if path.suffix.lower() == ".jsonl" else from_table(path)
    if not found:
        raise TaskError(f"{path.name} has no rows.")
    return [{str(name).strip().lower(): value for name, value in row.items() if name} for row in found]


def from_table(path: Path) -> list[dict]:
    """Return the rows of a CSV or TSV file. Raises TaskError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            mark = _delimiter(path, file.readline())
            file.seek(0)
            return list(csv.DictReader(file, delimiter=mark))
    except UnicodeDecodeError:
        raise TaskError(f"{path.name} is not UTF-8 text. Save it as 'CSV UTF-8' and try again.") from None
    except csv.Error as error:
        raise TaskError(f"{path.name} is not a table that can be read: {error}.") from None


def _delimiter(path: Path, heading: str) -> str:
    """Example: _delimiter(Path("a.csv"), "text;label") -> ";", as spreadsheets in half of Europe write it"""
    if path.suffix.lower() == ".tsv":
        return "\t"
    return ";" if ";" in heading and "," not in heading else ","


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
