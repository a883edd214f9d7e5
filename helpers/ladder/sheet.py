"""Read a reader's file as lines: a text, the answer a person gave, and what else the file says of them.

    read(Path("my.tsv"), Columns()) -> Sheet("my", [Line("row1", "Where is it?", "delivery"), ...], ...)

CSV, TSV or JSON lines. Does not: know what the answers mean (see kinds.py), or divide the lines (see splits.py).
"""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from helpers.rows import LABEL_NAMES, TEXT_NAMES, TaskError, filled, lines_of, refuse_other_splits, refuse_twins

FEWEST = 20         # lines: of fewer, a test of five would say nothing


@dataclass(frozen=True)
class Columns:
    """The names of the columns; empty where a usual name is to be looked for, and for `group` where there is none."""

    input: str = ""
    expected: str = ""
    group: str = ""


@dataclass(frozen=True)
class Line:
    """One line of the file. `more` holds the other columns."""

    id: str
    input: str
    expected: object
    split: str | None = None
    group: str | None = None
    more: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Sheet:
    """The lines that can be used, and how many could not, for want of a text or an answer."""

    name: str
    lines: list[Line]
    left_out: int
    answers: str        # the name of the column of answers


def read(path: Path, columns: Columns) -> Sheet:
    """Return the lines of a file. Raises TaskError, which names the column or the line.

    An answer that a JSON file gives as null is kept: of a question it says that no page answers it.
    """
    found = lines_of(path)
    text = _column(path, found, columns.input, TEXT_NAMES, "texts", "--input")
    label = _column(path, found, columns.expected, LABEL_NAMES, "answers", "--expected")
    group = _column(path, found, columns.group, (), "groups", "--group") if columns.group else ""
    used = [row for row in found if filled(row.get(text)) and _answered(row, label, path)]
    lines = [_line(number, row, text, label, group) for number, row in enumerate(used, 1)]
    _refuse_few(path, lines)
    refuse_twins(path, [line.id for line in lines])
    refuse_other_splits(path, {line.split for line in lines})
    return Sheet(path.stem, lines, len(found) - len(lines), label)


def _line(number: int, row: dict, text: str, label: str, group: str) -> Line:
    more = {name: value for name, value in row.items() if name not in {text, label, group, "id", "split"}}
    belongs = str(row[group]) if group and filled(row.get(group)) else None
    return Line(str(row.get("id") or f"row{number}"), str(row[text]), row[label], row.get("split"), belongs, more)


def _answered(row: dict, label: str, path: Path) -> bool:
    nothing = label in row and row[label] is None and path.suffix.lower() == ".jsonl"
    return nothing or filled(row.get(label))


def _column(path: Path, rows: list[dict], named: str, usual: tuple[str, ...], what: str, option: str) -> str:
    """Return the column that was named, or the first usual one among the columns of any row. Raises TaskError."""
    columns = dict.fromkeys(name for row in rows for name in row)
    wanted = (named.strip().lower(),) if named else usual
    found = next((name for name in wanted if name in columns), None)
    if found is None:
        which = f"called {named!r}" if named else f"of {what}"
        raise TaskError(f"{path.name} has no column {which}: it has {', '.join(columns) or 'none'}. Name the column "
                        f"of {what} with {option}" + (f", or call it {usual[0]!r}." if usual else "."))
    return found


def _refuse_few(path: Path, lines: list[Line]) -> None:
    if len(lines) < FEWEST:
        raise TaskError(f"{path.name} has {len(lines)} rows with a text and an answer: too few to learn from and to "
                        f"test on. Label at least 10 rows for each label, and {FEWEST} in all.")
