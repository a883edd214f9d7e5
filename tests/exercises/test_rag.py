"""What the exercises of notebook 03 say to wrong answers, and that other answers than the shown ones are right."""
from __future__ import annotations

import re

import numpy as np
import pytest

from helpers import load_task
from helpers.documents import chunk
from helpers.exercises import rag
from helpers.exercises.exercise import NotYet
from helpers.retrieval import Hit, Passage
from tests.exercises.marking import praise, run_of, telling

TASK = load_task("handbook")
KNOWN = {split: [one for one in getattr(TASK, split) if one.expected is not None] for split in ("validation", "test")}
UNKNOWN = {split: [one for one in getattr(TASK, split) if one.expected is None] for split in ("validation", "test")}


class Found:
    """An index that finds the gold of these questions within three hits, and of no others."""

    def __init__(self, *questions):
        self.of, self.passages = {one.input: one.tags["gold"] for one in questions}, []

    def search(self, query, k, mode="hybrid"):
        return [Passage("", f"{gold['page']}.md", gold["start"], gold["end"]) for gold in self.of.get(query, [])]


class Scored:
    """An index whose best hit has a score of 0.3 for these questions, and of 0.7 for others."""

    def __init__(self, *questions):
        self.low = {one.input for one in questions}

    def search(self, query, k, mode="hybrid"):
        return [Hit("", "", 0, 0, 0.3 if query in self.low else 0.7)]


BEFORE = Found(*KNOWN["test"][:80], *KNOWN["validation"][:20])
AFTER = Found(*KNOWN["test"][5:89], *KNOWN["validation"][1:23])            # 9 won, 5 lost; 3 and 1 on validation
OVERLAPPING = Found()
OVERLAPPING.passages = [Passage("", "a", 0, 50), Passage("", "a", 40, 90)]
TELLING = Scored(*UNKNOWN["validation"][:8], *UNKNOWN["test"][:25], *KNOWN["test"][:40])
ONLY_THERE = Scored(*UNKNOWN["validation"])
LIKE_THE_MODEL = Scored(*UNKNOWN["validation"], *KNOWN["validation"][:21], *UNKNOWN["test"][:15], *KNOWN["test"][:58])


def windows(size, step):
    def cut(page):
        words = list(re.finditer(r"\S+", page))
        starts = range(0, max(len(words) - size + step, 1), step) if words else []
        return [(words[i].start(), words[min(i + size, len(words)) - 1].end()) for i in starts]
    return cut


def paragraphs(page):
    return [match.span() for match in re.finditer(r"\S[\s\S]*?(?=\n\s*\n|\s*\Z)", page)]


def without_headings(page):
    return [span for span in windows(80, 80)(page) if not page[span[0]:].startswith("#")]


def by_any(example, passages, right):
    """Takes one of the gold passages for enough."""
    held = any(rag._share(gold, passages) >= 0.9 for gold in example.tags["gold"])
    return None if right else "reader" if held or not example.tags["gold"] else "search"


def by_page(example, passages, right):
    """Takes another part of the right page for the passage."""
    sources = {one.source for one in passages}
    needed = any if example.tags["any"] else all
    return None if right else "reader" if needed(f"{gold['page']}.md" in sources for gold in example.tags["gold"]) \
        or not example.tags["gold"] else "search"


def whose(example, passages, right):
    return None if right else "reader" if not example.tags["gold"] or rag._found(example, passages) else "search"


def near(question, hits):
    return hits[0].score < 0.5


WRONG = {
    "03.1": {
        "leaves out what was never found": ((lambda ranks, k: (ranks[np.isfinite(ranks)] <= k).mean(),),
                                            "asked are not counted"),
        "the last hit does not count": ((lambda ranks, k: (ranks < k).mean(),), "at most k, not fewer"),
        "a count": ((lambda ranks, k: (ranks <= k).sum(),), "Give their share"),
        "called too early": ((0.52,), "give the function itself"),
    },
    "03.2": {
        "eighty words each": ((windows(80, 80),), "ends in the heading"),
        "long passages": ((windows(200, 200),), "80 are the most"),
        "paragraphs": ((paragraphs,), "ends in the heading"),
        "leaves headings out": ((without_headings,), "stands whole in no passage"),
        "texts": ((lambda page: [one.text for one in chunk(page, words=80)],), "something else than pairs"),
        "the course's own": ((lambda page: [(one.start, one.end) for one in chunk(page, words=80, overlap=0)],),
                             "ends in the heading"),
        "nothing": ((lambda page: None,), "returned None"),
    },
    "03.3": {
        "luck is a loss": ((lambda one, passages, right: "reader" if rag._found(one, passages) else "search", [], {}),
                           "a right answer is no loss"),
        "one of two is enough": ((by_any, [], {}), "two passages were needed"),
        "the right page is enough": ((by_page, [], {}), "may lack the gold stretch"),
        "nothing to find is a miss": ((lambda *case: whose(*case) if case[0].tags["gold"] or case[2] else "search",
                                       [], {}), "the reader did not decline"),
    },
    "03.4": {
        "the other way round": ((AFTER, 5, 9, "cannot tell", BEFORE), "the other way round"),
        "on validation": ((AFTER, 3, 1, "cannot tell", BEFORE), "those of the validation questions"),
        "by the sign alone": ((AFTER, 9, 5, "better", BEFORE), "That is not 'better'"),
        "other counts": ((AFTER, 12, 5, "cannot tell", BEFORE), "not the counts within 3 hits"),
        "the index as it was": ((OVERLAPPING, 9, 5, "cannot tell", BEFORE), "Build it with overlap=0"),
        "a word of one's own": ((AFTER, 9, 5, "equal", BEFORE), "'equal' is no verdict"),
    },
    "03.5": {
        "always": ((lambda question, hits: True, TELLING), "20 points between the two"),
        "never": ((lambda question, hits: False, TELLING), "fewer than half"),
        "knows validation by heart": ((near, ONLY_THERE), "declines too little here"),
        "as the model declines": ((near, LIKE_THE_MODEL), "that may be nothing"),
        "a score": ((lambda question, hits: hits[0].score, TELLING), "Let it return True where it declines"),
    },
}
test_what_a_wrong_answer_is_told = telling(WRONG)


def test_a_share_of_all_questions_is_right():
    assert "never found" in praise("03.1", lambda ranks, k: np.mean(ranks <= k))


def test_the_losses_of_each_number_of_passages_are_shown():
    runs = [run_of([False] * len(TASK.validation), name=f"k = {k}") for k in (1, 3)]
    for run in runs:
        run.rows["id"] = [one.id for one in TASK.validation]
    picks = {"k = 1": lambda one: [], "k = 3": lambda one: Found(one).search(one.input, 3)}
    assert "k = 1: search 50, reader 10; k = 3: search 0, reader 60" in praise("03.3", whose, runs, picks)


def test_a_surprise_that_is_not_confirmed_is_told_so():
    assert "+2.7 points" in praise("03.4", AFTER, 9, 5, "cannot tell", BEFORE)


def test_a_rule_that_holds_on_both_parts_is_right():
    assert "declines 25 of 30 without an answer and 40 of 150 with one" in praise("03.5", near, TELLING)


def test_passages_that_read_everything_twice_are_too_many():
    """Windows that begin every fortieth word keep each answer whole, and cost twice the words."""
    read = sum(len(("word " * 400)[start:end].split()) for start, end in windows(80, 40)("word " * 400))
    assert read > rag.READ * 400


def test_an_answer_cut_in_two_is_shown():
    page = (rag.PAGES / "green-slip.md").read_text(encoding="utf-8")
    spans = {path.name: [(0, 10_000)] for path in rag.PAGES.glob("*.md")} | {"green-slip.md": windows(20, 20)(page)}
    with pytest.raises(NotYet, match=r"answers are cut in two, as on 'green-slip\.md'"):
        rag._keeps_answers(spans, {"green-slip.md": page})
