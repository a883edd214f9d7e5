"""The instruction data: small tasks from many walks of life, on which the course's own model learns to read a prompt.

Each task is one file, `data/instructions/<walk>/<task>.json`, written by hand; `splits.json` says which tasks are for
training, for development, and unseen until the end. A task is never in two splits.
Does not: turn a task into prompts (see rendering.py), or measure a model (see measures.py).
"""
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from helpers.settings import ROOT

FOLDER = ROOT / "data" / "instructions"
SPLITS = ("train", "more", "pages", "development", "unseen")
LABELLED = ("label", "yes_no", "tone", "reason")        # the kinds whose answer is one label of a list
CHOICE = "one of:"


@dataclass(frozen=True)
class SmallTask:
    """One narrow task: what it asks, in several phrasings, and 16 to 30 items with their answers."""

    name: str               # "kitchens/leftover_codes"
    kind: str               # label, yes_no, tone, reason, fields, extract, passage, choose, rewrite, format
    title: str
    asks: list[str]         # phrasings of the same request, none of which names a label or a format
    noun: str               # what a text is called: "note"
    items: list[dict]
    labels: dict[str, str] = field(default_factory=dict)        # label -> what it means
    fields: dict[str, str] = field(default_factory=dict)        # JSON field -> what belongs there
    passages: dict[str, str] = field(default_factory=dict)
    clear: bool = False     # everyday English settles every item; the others have boundary cases
    opaque: bool = False    # the labels' names say nothing without their descriptions
    rule: str = ""          # of a rewrite
    form: str = ""          # of a format

    @property
    def walk(self) -> str:
        return self.name.split("/")[0]

    @property
    def labelled(self) -> bool:
        return self.kind in LABELLED

    def answerable(self) -> list[dict]:
        """Return the items that have an answer."""
        return [item for item in self.items if item["answer"] is not None]


Nearest = Callable[[SmallTask, dict], list[dict]]       # a task's other items, the one most like this item first


def choices(description: str) -> list[str]:
    """Return the values a field may take, none when it is free.

    Example: choices("one of: yes, no; as the writer says") -> ["yes", "no"]
    """
    if not description.startswith(CHOICE):
        return []
    return [value.strip() for value in description.removeprefix(CHOICE).split(";")[0].split(",")]


def load(split: str | None = None, folder: Path = FOLDER) -> list[SmallTask]:
    """Return the tasks of a split, all of them when none is named, in the order of their names.

    Raises KeyError for an unknown split. Example: load("development")[0].name -> "beekeeping/brick_on_the_roof"
    """
    names = None if split is None else set(json.loads((folder / "splits.json").read_text(encoding="utf-8"))[split])
    paths = sorted(folder.glob("*/*.json"))
    return [_task(path) for path in paths if names is None or _name(path) in names]


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _task(path: Path) -> SmallTask:
    return SmallTask(name=_name(path), **json.loads(path.read_text(encoding="utf-8")))
