"""A task: examples split into train, validation and test, a label guide, and one way to score a reply.

    task = load_task("tickets")
    task.score(task.test[0], "delivery").right

Does not: ask a model anything.
"""
from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ValidationError

from helpers import answers, records, rows, voice
from helpers.invoices import Invoice
from helpers.rows import FILES, SHARES, TaskError, bare_label
from helpers.settings import ROOT

__all__ = ["AnswerTask", "Example", "LabelTask", "RecordTask", "ReplyTask", "Score", "Task", "TaskError", "bare_label",
           "load_task"]

DATA = ROOT / "data"
OWN_FIELD = "label"


@dataclass(frozen=True)
class Example:
    """One item: what comes in, and the answer a person gave."""

    id: str
    input: str
    expected: str | dict | list | None
    tags: dict = field(default_factory=dict)
    task: Task | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Score:
    """Valid: a program could use the reply. Right: the headline field is right. Fields: each answered field's mark."""

    valid: bool
    right: bool
    fields: dict[str, bool] = field(default_factory=dict)


@dataclass(eq=False)
class Task(ABC):
    """Examples in three splits, the guide by which a person answered them, and a score."""

    name: str
    guide: str = field(default="", kw_only=True)
    train: list[Example] = field(default_factory=list, kw_only=True)
    validation: list[Example] = field(default_factory=list, kw_only=True)
    test: list[Example] = field(default_factory=list, kw_only=True)

    @abstractmethod
    def score(self, example: Example, reply: object) -> Score:
        """Score one reply against the example's answer."""


@dataclass(eq=False)
class LabelTask(Task):
    """A task whose answers are labels: the labels of each field, with a one-line description of each.

    `headline` is the field whose accuracy is reported first; a plain-text reply answers that field alone.
    """

    fields: dict[str, dict[str, str]]
    headline: str

    @property
    def labels(self) -> list[str]:
        """The labels of the headline field. Example: load_task("tickets").labels[0] -> "delivery" """
        return list(self.fields[self.headline])

    def expected(self, example: Example) -> dict[str, str]:
        """Return the right answer as fields. Example: {"category": "delivery", "priority": "normal", …}"""
        return example.expected if isinstance(example.expected, dict) else {self.headline: example.expected}

    def label_of(self, example: Example) -> str:
        """Return the right label of the headline field. Example: label_of(task.test[0]) -> "delivery" """
        return self.expected(example)[self.headline]

    def read(self, reply: str | dict | None) -> dict[str, str]:
        """Return the fields a reply answers: of JSON each, of plain text the headline; empty if unusable.

        A plain reply is a label and nothing more, but for case, quotes and a full stop. "It is not billing" is
        no label. Example: read(" Billing. ") -> {"category": "billing"}
        """
        if isinstance(reply, str) and reply.lstrip().startswith("{"):
            try:
                reply = json.loads(reply)
            except (ValueError, RecursionError):        # a model that loops may nest without end
                return {}
        if isinstance(reply, dict):
            return {name: value for name, value in reply.items() if name in self.fields}
        return {self.headline: label} if (label := bare_label(reply or "")) else {}

    def score(self, example: Example, reply: str | dict | None) -> Score:
        """Score one reply against the example's answer.

        Example: score(example, "sorry, what?") -> Score(valid=False, right=False, fields={"category": False})
        """
        given, expected = self.read(reply), self.expected(example)
        valid = self.headline in given and all(given[name] in list(self.fields[name]) for name in given)
        fields = {name: given[name] == expected.get(name) for name in given}
        return Score(valid, valid and fields[self.headline], fields)


@dataclass(eq=False)
class RecordTask(Task):
    """A task whose answers are records, read out of a text: none, one or several, each with the fields of `record`."""

    record: type[BaseModel]

    @property
    def fields(self) -> list[str]:
        """The fields of a record. Example: load_task("invoices").fields[0] -> "vendor" """
        return list(self.record.model_fields)

    def score(self, example: Example, reply: str | dict | list | None, exact: bool = False) -> Score:
        """Score one reply: valid if every record in it fits the model, right if all fields of all records are.

        Numbers, dates and names may be spelled in other ways than the answer, unless `exact`.
        Example: score(example, "[]") -> Score(valid=True, right=False, fields={"vendor": False, …})
        """
        given = records.read(reply)
        if given is None:
            return Score(False, False, dict.fromkeys(self.fields, False))
        marks = records.marks(example.expected, given, self.fields, exact)
        valid = all(map(self._fits, given))
        return Score(valid, valid and all(marks.values()), marks)

    def _fits(self, record: dict) -> bool:
        try:
            self.record.model_validate_json(json.dumps(record))
        except ValidationError:
            return False
        return True


@dataclass(eq=False)
class ReplyTask(Task):
    """A task whose answers are replies to customers, judged by the rules of the house's voice."""

    fields: ClassVar[list[str]] = voice.NAMES

    def score(self, example: Example, reply: object) -> Score:
        """Score one reply: valid if it keeps every rule of form, right if the facts are all there as well.

        Example: score(example, "Hello!") -> Score(valid=False, right=False, fields={"greeting": False, …})
        """
        kept = voice.kept(reply if isinstance(reply, str) else "", example.tags["name"], example.tags["facts"])
        valid = all(kept[name] for name in self.fields if name != "facts")
        return Score(valid, valid and kept["facts"], kept)


@dataclass(eq=False)
class AnswerTask(Task):
    """A task of questions on pages, some of which no page answers; those are to be declined."""

    def score(self, example: Example, reply: object) -> Score:
        """Score one reply: right if it holds the answer in one of its spellings, or declines where there is none.

        Valid is a reply that either answers or declines, and not both at once.
        Example: score(example, "I don't know.") -> Score(valid=True, right=False, fields={"answered": False})
        """
        reply = reply if isinstance(reply, str) else ""
        declined = answers.declines(reply)
        said = answers.holds(reply, example.tags["variants"])
        if example.expected is None:
            return Score(bool(reply.strip()), declined, {"declined": declined})
        return Score(bool(reply.strip()) and not (declined and said), said and not declined,
                     {"answered": said and not declined})


def load_task(name: str | Path) -> Task:
    """Load a task of the course by name, or a reader's own labelled rows from a CSV or JSONL file.

    A file needs one column of texts (input, text, message, …) and one of labels (label, category, …); a `split`
    column is used when there is one, otherwise the rows are split by label, the same way every time.
    Raises TaskError. Example: load_task("tickets"), load_task("my.csv")
    """
    path = Path(name)
    if path.suffix.lower() in FILES:
        return _own_task(path)
    folder = DATA / str(name)
    if not (folder / "test.jsonl").exists():
        known = ", ".join(sorted(path.parent.name for path in DATA.glob("*/test.jsonl")))
        raise TaskError(f"There is no task {str(name)!r}. The course has: {known}. Your own rows come from a .csv, "
                        ".tsv or .jsonl file.")
    return _course_task(folder)


def _course_task(folder: Path) -> Task:
    task = _empty_task(folder)
    task.guide = (folder / "guide.md").read_text(encoding="utf-8")
    for split in SHARES:
        found = rows.from_jsonl(path) if (path := folder / f"{split}.jsonl").exists() else []
        setattr(task, split, [Example(row["id"], row["input"], row["expected"], row["tags"], task) for row in found])
    return task


def _empty_task(folder: Path) -> Task:
    """Return the task without its examples: of labels, unless it is known to be another kind."""
    if folder.name == "invoices":
        return RecordTask(folder.name, Invoice)
    if folder.name == "voice":
        return ReplyTask(folder.name)
    if folder.name == "handbook":
        return AnswerTask(folder.name)
    definition = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    return LabelTask(folder.name, definition["fields"], definition["headline"])


def _own_task(path: Path) -> LabelTask:
    """Return a reader's own rows as a task of labels that nobody has described."""
    splits = rows.labelled(path)
    labels = sorted({row.label for members in splits.values() for row in members})
    task = LabelTask(path.stem, {OWN_FIELD: dict.fromkeys(labels, "")}, OWN_FIELD)
    for split, members in splits.items():
        setattr(task, split, [Example(row.id, row.text, row.label, {"split": row.split}, task) for row in members])
    return task
