"""What the ladder's tests climb: small files of a reader's own, and a server that answers from the words of a text.

    path = labelled(tmp_path)
    served(monkeypatch, loopback)           # chat and embeddings
"""
from __future__ import annotations

import csv
import json
import random
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from helpers.ladder import __main__ as command
from tests.conftest import Loopback
from tests.talking import answer, connected, vectors

WORDS = {"billing": ["invoice", "charged", "refund", "price"], "delivery": ["parcel", "courier", "late", "address"],
         "product": ["size", "colour", "material", "battery"]}
FILLERS = ("the", "my", "again", "please", "today", "about", "still", "order", "hello", "why", "your", "monday", "blue",
           "thanks", "hope", "shop", "number", "week", "nobody", "answered", "phone", "twice", "house", "garden")


def texts(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Return texts of a few words, no two alike, each with its label; one in eight has a word of another label."""
    draw, found = random.Random(seed), {}
    while len(found) < count:
        label = draw.choice(sorted(WORDS))
        of = draw.choice(sorted(WORDS)) if draw.random() < 0.125 else label
        words = [draw.choice(WORDS[of]), *draw.sample(FILLERS, 6)]
        found[" ".join(draw.sample(words, len(words)))] = label
    return list(found.items())


def table(path: Path, heads: Sequence[str], rows: Sequence[Sequence], mark: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=mark).writerows([heads, *rows])
    return path


def lines(path: Path, rows: Sequence[dict]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def labelled(folder: Path, count: int = 160) -> Path:
    return table(folder / "own.csv", ("text", "label"), texts(count))


# ---------------------------------------------------------------- a server

def label_of(text: str) -> str:
    """Return the label whose word stands in a text."""
    return next((label for label in sorted(WORDS) if re.search("|".join(WORDS[label]), text)), "billing")


def sorter(asked: dict) -> str:
    """Answer a chat request by the words of its last message, as JSON if that is what is asked for."""
    label = label_of(asked["messages"][-1]["content"].split("Message:")[-1])
    return json.dumps({"label": label}) if "response_format" in asked else label


def embedding(text: str) -> list[float]:
    """Return how often a text holds each of the words, and a little of its length."""
    return [*(float(text.count(word)) for words in WORDS.values() for word in words), 0.01 * len(text)]


def server(said: Callable[[dict], str] = sorter, stop: Callable[[int], object] = lambda count: None) -> Callable:
    """A handler for chat and embeddings; `stop(count)` may raise or answer in its place at the nth chat request."""
    count, turn = [0], threading.Lock()

    def handler(method: str, path: str, headers: dict, body: bytes) -> tuple | str:
        if not body.endswith(b"}"):     # who sent it was killed meanwhile
            return Loopback.CUT
        asked = json.loads(body)
        if path.endswith("/embeddings"):
            return vectors(*map(embedding, asked["input"]))
        with turn:
            count[0] += 1
            number = count[0]
        return stop(number) or answer(said(asked), prompt=len(body) // 4)
    return handler


def served(monkeypatch: pytest.MonkeyPatch, loopback, handler: Callable | None = None) -> None:
    """Let the course talk to such a server, as a new process would."""
    connected(monkeypatch, loopback(handler or server()), COURSE_EMBEDDINGS="e")


# ---------------------------------------------------------------- the command

def climbed(monkeypatch: pytest.MonkeyPatch, *words: object) -> dict:
    """Run the command with these words and return the findings; the report lands in a temporary folder."""
    monkeypatch.setattr("sys.argv", ["ladder", *map(str, words)])
    return command.run(command.parser().parse_args())
