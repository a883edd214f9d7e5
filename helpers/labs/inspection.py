"""One question searched by words, by meaning and by both, and what is read from what was found.

    inspection = Inspection({80: index}, answer, gold)
    inspection.looked(Choice("how long till it lets me try again?", words=80, k=3))     first the hits, then the answer

Does not: show anything, or build an index.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from helpers.retrieval import Hit, Index

MOST = 20       # hits that are worth reading
ORDER = ("keyword", "dense", "hybrid")


@dataclass(frozen=True)
class Choice:
    """What is asked, of passages how long, how many of them, and which search the model gets to read."""

    question: str
    words: int
    k: int = 3
    mode: str = "hybrid"


@dataclass(frozen=True)
class Seen:
    """What came of a choice: hits by each way to search, and the answer once it is there."""

    choice: Choice
    hits: dict[str, list[Hit]]
    golden: dict[str, list[bool | None]] = field(default_factory=dict)      # does a hit hold the marked place?
    answer: str | None = None

    @property
    def marked(self) -> bool:
        """Did somebody mark where the answer stands?"""
        return any(gold is not None for marks in self.golden.values() for gold in marks)

    @property
    def found(self) -> dict[str, int]:
        """At which place each search has the first passage that holds the answer's place; 0 where it has none."""
        return {mode: next((n for n, gold in enumerate(marks, 1) if gold), 0) for mode, marks in self.golden.items()}


class Inspection:
    """The indexes by length of passage, what answers from passages, and what knows where an answer stands.

    `answer(question, passages)` returns the reply; `gold(question, hit)` says whether a hit holds the answer's place,
    None where nobody marked one.
    """

    def __init__(self, indexes: dict[int, Index], answer: Callable[[str, list[Hit]], str],
                 gold: Callable[[str, Hit], bool | None]):
        self.indexes, self.answer, self.gold = indexes, answer, gold

    def looked(self, choice: Choice) -> Iterator[Seen]:
        """Yield what was found, and then the same with the model's answer. Raises ValueError."""
        _check(choice, self.indexes)
        hits = {mode: self.indexes[choice.words].search(choice.question, choice.k, mode) for mode in ORDER}
        golden = {mode: [self.gold(choice.question, hit) for hit in found] for mode, found in hits.items()}
        yield Seen(choice, hits, golden)
        yield Seen(choice, hits, golden, self.answer(choice.question, hits[choice.mode]))


def _check(choice: Choice, indexes: dict[int, Index]) -> None:
    if not choice.question.strip():
        raise ValueError("The question is empty, and there is nothing to look for. Write or choose one.")
    if not 1 <= choice.k <= MOST:
        raise ValueError(f"k = {choice.k} passages: take 1 to {MOST}.")
    if choice.words not in indexes:
        raise ValueError(f"There is no index of passages of {choice.words} words. There are: "
                         f"{', '.join(map(str, indexes))}.")


def summary(seen: Seen) -> str:
    """Say in a line where the answer's place was found.

    Example: "The answer's place: by keyword not among 3, by dense in passage 1 of 3, by hybrid in passage 2 of 3."
    """
    if not seen.marked:
        return "Nobody marked where the answer to this one stands: read, and judge for yourself."
    places = ", ".join(f"by {mode} {_place(place, len(seen.hits[mode]))}" for mode, place in seen.found.items())
    return f"The answer's place: {places}."


def _place(place: int, of: int) -> str:
    """Example: _place(2, 3) -> "in passage 2 of 3"; _place(0, 3) -> "not among 3" """
    return f"in passage {place} of {of}" if place else f"not among {of}"
