"""See what kind of task a file holds, and make its lines examples of such a task.

    labels      a few answers that come again and again
    records     answers that are JSON: fields read out of a text
    questions   answers in free words, where a folder of documents is given
    texts       answers in free words, where a file of rules says how they are scored

Does not: divide the examples (see splits.py).
"""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, create_model

from helpers import rows
from helpers.ladder import rules
from helpers.ladder.records import OwnRecords
from helpers.ladder.rules import RuleTask
from helpers.ladder.sheet import Line, Sheet
from helpers.tasks import OWN_FIELD, AnswerTask, Example, LabelTask, RecordTask, Task, TaskError

LABELS, RECORDS, QUESTIONS, TEXTS = "labels", "records", "questions", "texts"
LONGEST_LABEL = 60      # characters
MOST_LABELS = 200
TIMES = 2               # rows a label, on average, or the answers are texts


def kind_of(task: Task) -> str:
    """Return the kind of a task. Example: kind_of(load_task("tickets")) -> "labels" """
    kinds = {LabelTask: LABELS, RecordTask: RECORDS, AnswerTask: QUESTIONS}
    return next((kind for known, kind in kinds.items() if isinstance(task, known)), TEXTS)


def task_of(sheet: Sheet, *, documents: bool = False, rule_file: Path | None = None,
            meanings: dict[str, str] | None = None) -> tuple[Task, list[Example]]:
    """Return the task of a sheet, without its splits, and its lines as examples of it. Raises TaskError.

    `documents` says that there are some to answer from; `meanings` describes labels. A line whose answer is null has
    no label and is left out there.
    """
    if rule_file is not None:
        return _texts(sheet, rules.read(rule_file))
    if any(map(_is_json, sheet.lines)):
        return _records(sheet)
    if documents and any(map(_is_null, sheet.lines)):       # only a question may have no answer
        return _questions(sheet)
    sheet = replace(sheet, lines=[line for line in sheet.lines if not _is_null(line)])
    labels = Counter(map(_label, sheet.lines))
    if _are_labels(labels):
        return _labels(sheet, sorted(labels), meanings or {})
    if documents:
        return _questions(sheet)
    raise TaskError(f"Column {sheet.answers!r} of {sheet.name} holds {len(labels)} different answers in "
                    f"{len(sheet.lines)} rows: free texts, or labels with too few rows each. Free texts need "
                    "--rules FILE.json, which says how they are scored; questions on pages need --documents FOLDER; "
                    f"labels need {TIMES} rows each or more.")


def _is_null(line: Line) -> bool:
    return line.expected is None


def _tags(line: Line, **more: object) -> dict:
    return {"split": line.split, "group": line.group} | more


# ---------------------------------------------------------------- labels

def _label(line: Line) -> str:
    return rows.bare_label(str(line.expected))


def _are_labels(counts: Counter) -> bool:
    return (max(map(len, counts), default=LONGEST_LABEL + 1) <= LONGEST_LABEL and len(counts) <= MOST_LABELS
            and counts.total() >= TIMES * len(counts))


def _labels(sheet: Sheet, names: list[str], meanings: dict[str, str]) -> tuple[Task, list[Example]]:
    if len(names) < 2:
        raise TaskError(f"Column {sheet.answers!r} of {sheet.name} holds one label, {names[0]!r}: there is nothing to "
                        "decide. A task needs at least two.")
    if unknown := meanings.keys() - set(names):
        raise TaskError(f"{min(unknown)!r} is described and is no label of {sheet.name}: it has "
                        f"{', '.join(names[:8])}{', …' * (len(names) > 8)}.")
    task = LabelTask(sheet.name, {OWN_FIELD: {name: meanings.get(name, "") for name in names}}, OWN_FIELD)
    return task, [Example(line.id, line.input, _label(line), _tags(line), task) for line in sheet.lines]


def meanings_in(path: Path) -> dict[str, str]:
    """Return what a JSON file says of each label. Raises TaskError. Example file: {"billing": "money and prices"}"""
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise TaskError(f"The descriptions {path.name} cannot be read: {error}.") from None
    if not isinstance(found, dict) or not all(isinstance(line, str) for line in found.values()):
        raise TaskError(f'{path.name} does not describe labels. Write a JSON object, {{"billing": "money, prices"}}.')
    return {rows.bare_label(name): " ".join(line.split()) for name, line in found.items()}


# ---------------------------------------------------------------- records

def _is_json(line: Line) -> bool:
    answer = line.expected
    return isinstance(answer, dict | list) or (isinstance(answer, str) and answer.lstrip()[:1] in ("{", "["))


def _records(sheet: Sheet) -> tuple[Task, list[Example]]:
    read = [(line, _read(sheet, line)) for line in sheet.lines]
    found = [record for _, records in read for record in records]
    if not found:
        raise TaskError(f"No answer in {sheet.name} holds a record: all are empty. Give some that have one.")
    task = OwnRecords(sheet.name, shape("record", found))
    return task, [Example(line.id, line.input, [_whole(record, task.fields) for record in records], _tags(line), task)
                  for line, records in read]


def _read(sheet: Sheet, line: Line) -> list[dict]:
    answer = line.expected
    try:
        answer = json.loads(answer) if isinstance(answer, str) else answer
    except ValueError:
        answer = ""
    records = [answer] if isinstance(answer, dict) else [] if answer is None else answer
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise TaskError(f"{line.id} of {sheet.name} has the answer {str(line.expected)[:40]!r}, and other answers are "
                        'JSON. Write an object such as {"amount": 12.5}, a list of objects, or [] for none.')
    return records


def _whole(record: dict, fields: list[str]) -> dict:
    return {name: record.get(name) for name in fields}


def shape(name: str, found: Iterable[dict]) -> type[BaseModel]:
    """Return a model of pydantic whose fields are those of the records; each may be None.

    Raises TaskError. Example: shape("record", [{"amount": 12.5, "paid": True}]).model_fields.keys() -> amount, paid
    """
    values: dict[str, list] = {}
    for record in found:
        for field, value in record.items():
            values.setdefault(field, []).append(value)
    if odd := [field for field in values if field.startswith("_") or hasattr(BaseModel, field)]:
        raise TaskError(f"The answers have a field {odd[0]!r}, a name that is taken. Call it otherwise, as in "
                        f"'my_{odd[0].strip('_')}'.")
    fields = {field: (_type(field, seen) | None, ...) for field, seen in values.items()}
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _type(name: str, values: list) -> type:
    """Return the type of a field's values: yes or no, a number, objects, a list; a text where they differ."""
    seen = [value for value in values if value is not None]
    if not seen or any(isinstance(value, str) for value in seen):
        return str if all(isinstance(value, str) for value in seen) else str | float
    if all(isinstance(value, bool) for value in seen):
        return bool
    if all(isinstance(value, dict) for value in seen):
        return shape(name, seen)
    if all(isinstance(value, list) for value in seen):
        return list[_type(name, [one for value in seen for one in value])]
    return float


# ---------------------------------------------------------------- questions and texts

def _questions(sheet: Sheet) -> tuple[Task, list[Example]]:
    task = AnswerTask(sheet.name)
    return task, [Example(line.id, line.input, None if _is_null(line) else _spellings(line)[0],
                          _tags(line, variants=_spellings(line)), task) for line in sheet.lines]


def _spellings(line: Line) -> list[str]:
    """Return the ways in which an answer may be said: those of the column `variants`, and the parts between bars."""
    if _is_null(line):
        return []
    given = line.expected if isinstance(line.expected, list) else str(line.expected).split(rules.PART)
    more = line.more.get("variants") or []
    more = more if isinstance(more, list) else str(more).split(rules.PART)
    return list(dict.fromkeys(str(one).strip() for one in [*given, *more] if str(one).strip()))


def _texts(sheet: Sheet, given: rules.Rules) -> tuple[Task, list[Example]]:
    column = given.must_contain_column
    if column and not any(column in line.more for line in sheet.lines):
        others = sorted({name for line in sheet.lines for name in line.more})
        raise TaskError(f"The rules name a column {column!r}, and {sheet.name} has none of that name beside the texts "
                        f"and answers: it has {', '.join(others) or 'no other'}.")
    task = RuleTask(sheet.name, rules=given)
    return task, [Example(line.id, line.input, str(line.expected or ""), _tags(line, facts=_facts(line, column)), task)
                  for line in sheet.lines]


def _facts(line: Line, column: str) -> list[str]:
    value = line.more.get(column) if column else None
    found = value if isinstance(value, list) else str("" if value is None else value).split(rules.PART)
    return [str(fact).strip() for fact in found if str(fact).strip()]
