"""The questions of the quizzes, and how a page shows them where there are no widgets.

Kept in data/quizzes/NUMBER.toml:

    [[question]]
    text = "..."
    options = [{ text = "...", right = true, why = "..." }, { text = "...", why = "..." }]
"""
from __future__ import annotations

import tomllib
from dataclasses import dataclass
from html import escape

from helpers.settings import ROOT

QUIZZES = ROOT / "data" / "quizzes"


@dataclass(frozen=True)
class Option:
    """One answer to choose, and what is right or wrong about it."""

    text: str
    why: str
    right: bool = False

    @property
    def said(self) -> str:
        """What a reader who chooses it is told. Example: "Right: both answered the same tickets." """
        return f"{'Right' if self.right else 'No'}: {self.why}"


@dataclass(frozen=True)
class Question:
    """A question and its options, one of them right. `name` is what the diary calls it."""

    name: str
    text: str
    options: list[Option]


def questions(number: str) -> list[Question]:
    """Return a notebook's questions; none when it has no quiz. Example: questions("01")[0].name -> "quiz 01.1" """
    path = QUIZZES / f"{number}.toml"
    if not path.exists():
        return []
    read = tomllib.loads(path.read_text(encoding="utf-8"))["question"]
    return [Question(f"quiz {number}.{place}", one["text"], [Option(**option) for option in one["options"]])
            for place, one in enumerate(read, 1)]


def as_html(asked: list[Question]) -> str:
    """Return the questions for a page without widgets: an option unfolds into what is to be said about it."""
    return "\n".join(f"<p><b>{escape(one.text)}</b></p>" + "".join(
        f"<details><summary>{escape(option.text)}</summary><p>{escape(option.said)}</p></details>"
        for option in one.options) for one in asked)


def as_text(asked: list[Question]) -> str:
    """Return the questions and their options as plain text, without what is to be said about them."""
    return "\n\n".join("\n".join([one.text, *(f"  - {option.text}" for option in one.options)]) for one in asked)
