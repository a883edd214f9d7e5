"""One question by three searches: hits first, the answer after them, and where the marked place was found."""
from __future__ import annotations

import pytest

from helpers.labs.inspection import Choice, Inspection, summary
from tests.labs.shelf import QUESTION, answer, gold, shelf


@pytest.fixture
def inspection(monkeypatch):
    return Inspection(shelf(monkeypatch), answer, gold)


def test_the_hits_are_there_before_the_answer(inspection):
    first, last = inspection.looked(Choice(QUESTION, 8, k=2))
    assert first.answer is None and last.answer.startswith("read 2: Your money") and first.hits == last.hits
    assert {mode: len(hits) for mode, hits in first.hits.items()} == {"hybrid": 2, "keyword": 1, "dense": 2}


def test_the_model_reads_what_the_chosen_search_found(inspection):
    *_, by_words = inspection.looked(Choice(QUESTION, 8, k=3, mode="keyword"))
    assert by_words.answer == "read 1: Your money comes back as money."
    *_, nothing = inspection.looked(Choice("xyzzy?", 8, mode="keyword"))
    assert nothing.answer == "read 0: nothing"


def test_it_says_at_which_place_the_marked_passage_was_found(inspection):
    seen = next(inspection.looked(Choice(QUESTION, 8, k=2)))
    assert seen.found["dense"] == 1
    assert "by keyword in passage 1 of 1" in summary(seen)
    other = Inspection(inspection.indexes, answer, lambda question, hit: False)
    assert "by dense not among 2" in summary(next(other.looked(Choice(QUESTION, 8, k=2))))


def test_where_nobody_marked_a_place_it_says_so(inspection):
    seen = next(inspection.looked(Choice("is sunday fine?", 8)))
    assert not seen.marked and summary(seen).startswith("Nobody marked")


@pytest.mark.parametrize(("choice", "why"), [
    (Choice(" ", 8), "question is empty"), (Choice(QUESTION, 8, k=0), r"k = 0 passages: take 1 to 20\."),
    (Choice(QUESTION, 80), r"no index of passages of 80 words\. There are: 8, 4\.")])
def test_a_choice_of_nothing_is_named(inspection, choice, why):
    with pytest.raises(ValueError, match=why):
        next(inspection.looked(choice))
