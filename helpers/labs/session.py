"""Rows labelled one by one, some of them twice, and every label on disk before the next row is shown.

    session = Session(texts, ["loans", "rooms"], name="desk")
    session.label("loans"); session.back(); session.agreement()

Kept in the store's folder (`.course/labels/NAME.jsonl`), a line each label, so that a crash loses none; labelling the
same rows again under the same name goes on where it was. Where every reply is replayed (COURSE_REPLAY=only) nothing is
read or written. Does not: show anything, or know which label is right.
"""
from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pandas as pd

from helpers.intervals import wilson
from helpers.judging import kappa
from helpers.settings import setting, store_folder

COUNT, REPEATED = 50, 10


@dataclass(frozen=True)
class Item:
    """A row to label; `again` if it comes for the second time."""

    text: str
    again: bool = False


@dataclass(frozen=True)
class Agreement:
    """How often two labels of the same row were the same."""

    who: str
    same: int
    total: int
    kappa: float

    def __str__(self) -> str:
        low, high = wilson(self.same, self.total)
        beyond = "not defined, for there is one label only" if self.kappa != self.kappa else f"{self.kappa:.2f}"
        return (f"{self.who}: {self.same} of {self.total} the same ({self.same / self.total:.0%}, 95% interval "
                f"{low:.0%} to {high:.0%}), kappa {beyond}")


class Session:
    """The rows in the order they are shown, and what they were called so far."""

    def __init__(self, texts: Sequence[str], labels: Sequence[str], name: str = "mine", *, count: int = COUNT,
                 repeated: int = REPEATED, seed: int = 0):
        _check(texts, labels, name)
        self.labels, self.name = list(labels), name
        self.plan = planned(texts, count, repeated, seed)
        self.given = {item: label for item, label in _read(self.file).items() if label in self.labels}

    @property
    def file(self) -> Path:
        return store_folder() / "labels" / f"{self.name}.jsonl"

    @property
    def done(self) -> int:
        return sum(item in self.given for item in self.plan)

    @property
    def item(self) -> Item | None:
        """The row to label next; None when all are."""
        return next((item for item in self.plan if item not in self.given), None)

    def label(self, label: str) -> None:
        """Call the row at hand so, and keep it on disk. Raises ValueError for a label that there is not."""
        if label not in self.labels:
            raise ValueError(f"There is no label {label!r}. There are: {', '.join(self.labels)}.")
        if (item := self.item) is not None:
            _keep(self.file, item, label)
            self.given[item] = label

    def back(self) -> Item | None:
        """Take the last label back and return its row; None when there is none."""
        item = next((one for one in reversed(self.given) if one in self.plan), None)
        if item is not None:
            _keep(self.file, item, None)
            del self.given[item]
        return item

    def table(self) -> pd.DataFrame:
        """Return the rows that are labelled, each once: text, label."""
        rows = [(item.text, self.given[item]) for item in self.plan if not item.again and item in self.given]
        return pd.DataFrame(rows, columns=["text", "label"])

    def agreement(self) -> Agreement | None:
        """Return how far the labels of rows that came twice are the same; None before any has come twice."""
        again = [one for one in self.plan if one.again and one in self.given and Item(one.text) in self.given]
        first = [self.given[Item(one.text)] for one in again]
        return _agreed("with yourself", first, [self.given[one] for one in again])

    def agreement_with(self, expected: dict[str, str], who: str = "with the file") -> Agreement | None:
        """Return how far the labels are those that somebody else gave, by text."""
        rows = [row for row in self.table().itertuples() if row.text in expected]
        return _agreed(who, [row.label for row in rows], [expected[row.text] for row in rows])


def planned(texts: Sequence[str], count: int, repeated: int, seed: int) -> list[Item]:
    """Return rows in a drawn order, those of them that come twice among the last third, with others in between.

    Example: planned(["a", "b", "c"], 3, 1, seed=0) -> [Item("b"), Item("a"), Item("c"), Item("b", again=True)]
    """
    random = Random(seed)
    every = list(dict.fromkeys(texts))
    drawn = random.sample(every, min(count, len(every)))
    first, rest = drawn[:len(drawn) * 2 // 3], drawn[len(drawn) * 2 // 3:]
    again = [Item(text, again=True) for text in random.sample(first, min(repeated, len(first)))]
    last = [*map(Item, rest), *again]
    random.shuffle(last)
    return [*map(Item, first), *last]


def _agreed(who: str, one: list[str], other: list[str]) -> Agreement | None:
    if not one:
        return None
    return Agreement(who, sum(a == b for a, b in zip(one, other, strict=True)), len(one), kappa(one, other))


def _check(texts: Sequence[str], labels: Sequence[str], name: str) -> None:
    if not texts:
        raise ValueError("There are no rows to label: the list is empty.")
    if len(set(labels)) < 2:
        raise ValueError(f"{list(labels)} is too few labels: with fewer than two there is nothing to decide.")
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"{name!r} is to be the name of a file: take letters, digits, - and _ only.")


# ---------------------------------------------------------------- on disk

def _read(path: Path) -> dict[Item, str]:
    """Return what was kept, the later word on a row in place of the earlier; a line that was cut off is left out."""
    given: dict[Item, str] = {}
    if setting("COURSE_REPLAY") == "only" or not path.exists():
        return given
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        item = Item(row["text"], row["again"])
        given.pop(item, None)
        if row["label"] is not None:
            given[item] = row["label"]
    return given


def _keep(path: Path, item: Item, label: str | None) -> None:
    """Add a line, and see to it that it is on the disk before anything else happens."""
    if setting("COURSE_REPLAY") == "only":
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"text": item.text, "again": item.again, "label": label}, ensure_ascii=False)
    with path.open("a+b") as file:
        if file.tell() and not _ends_a_line(file):
            file.write(b"\n")
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _ends_a_line(file) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
