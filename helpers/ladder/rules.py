"""Score free texts by a few rules that a reader writes down as JSON: what must stand there, what must not, how long.

    {"must_contain": ["kind regards"], "must_not_contain": ["as an AI"], "max_words": 120,
     "must_contain_column": "order"}

Every key may be left out. `must_contain_column` names a column of the data: what a row has there, its reply must hold;
several things are parted by " | ". Words are compared whole and without case. Rules are data and no program, so that a
file that somebody sends you can do nothing but score.
Does not: judge whether a text is good.
"""
from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from helpers.answers import holds
from helpers.tasks import Example, Score, Task, TaskError

PART = " | "
LISTS, NUMBER, COLUMN = ("must_contain", "must_not_contain"), "max_words", "must_contain_column"
KEYS = (*LISTS, NUMBER, COLUMN)


@dataclass(frozen=True)
class Rules:
    """What a reply must keep."""

    must_contain: tuple[str, ...] = ()
    must_not_contain: tuple[str, ...] = ()
    max_words: int = 0          # 0: as many as it likes
    must_contain_column: str = ""

    def kept(self, reply: str, facts: list[str]) -> dict[str, bool]:
        """Say of each rule whether a reply keeps it; `facts` is what its row has in the column.

        Example: Rules(max_words=2).kept("Thank you very much", []) -> {"max_words": False}
        """
        marks = {f"has {text!r}": holds(reply, [text]) for text in self.must_contain}
        marks |= {f"has no {text!r}": not holds(reply, [text]) for text in self.must_not_contain}
        marks |= {NUMBER: len(reply.split()) <= self.max_words} if self.max_words else {}
        return marks | ({COLUMN: all(holds(reply, [fact]) for fact in facts)} if self.must_contain_column else {})


@dataclass(eq=False)
class RuleTask(Task):
    """A task whose answers are free texts, scored by rules."""

    rules: Rules = field(default_factory=Rules)

    def score(self, example: Example, reply: object) -> Score:
        """Score one reply: valid if it is a text of no more words than allowed, right if it keeps every rule.

        Example: score(example, "") -> Score(valid=False, right=False, fields={"max_words": True})
        """
        reply = reply if isinstance(reply, str) else ""
        kept = self.rules.kept(reply, example.tags.get("facts", []))
        return Score(bool(reply.strip()) and kept.get(NUMBER, True), bool(reply.strip()) and all(kept.values()), kept)


def read(path: Path) -> Rules:
    """Return the rules in a file. Raises TaskError, which names the key."""
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TaskError(f"The rules {path.name} cannot be opened ({error.strerror}). Give the path from the folder you "
                        "are in.") from None
    except ValueError as error:
        raise TaskError(f"The rules {path.name} are not JSON: {error}. Write an object such as "
                        '{"must_contain": ["kind regards"], "max_words": 120}.') from None
    if not isinstance(found, dict) or not found:
        raise TaskError(f"The rules {path.name} hold no rule. There are: {', '.join(KEYS)}.")
    if unknown := found.keys() - set(KEYS):
        raise TaskError(f"The rules {path.name} have a key {min(unknown)!r}. There are: {', '.join(KEYS)}.")
    texts = (_texts(path, found, name) for name in LISTS)
    return Rules(*texts, _words(path, found), str(found.get(COLUMN, "")).strip().lower())


def _texts(path: Path, found: dict, name: str) -> tuple[str, ...]:
    texts = found.get(name, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) and _has_word(text) for text in texts):
        raise TaskError(f"{name!r} in {path.name} is {json.dumps(texts)[:40]}: write a list of texts, each with a word "
                        'in it, as in ["kind regards"]. Words are what is compared.')
    return tuple(texts)


def _words(path: Path, found: dict) -> int:
    words = found.get(NUMBER, 0)
    if not isinstance(words, int) or isinstance(words, bool) or words < 0:
        raise TaskError(f"{NUMBER!r} in {path.name} is {json.dumps(words)[:40]}: write a number of words, as in 120.")
    return words


def _has_word(text: str) -> bool:
    return holds(text, [text]) and any(letter.isalnum() for letter in text)
