"""Hand in answers as a notebook does, and runs and labelled rows that need no model.

A test module of exercises keeps its wrong answers in WRONG: exercise -> what is wrong -> (answer, words it is told).

    WRONG = {"01.1": {"names no label": (("What is it?", ask), "does not name delivery")}}
    test_what_a_wrong_answer_is_told = telling(WRONG)
"""
from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from helpers import Run
from helpers.exercises.exercise import NotYet, find
from helpers.provider.budget import Tokens
from helpers.provider.meter import Metered, count

Wrong = dict[str, dict[str, tuple[tuple, str]]]


def refusal(name: str, *answer: object) -> str:
    """Return why an answer is not right yet; the test fails when it is right."""
    with pytest.raises(NotYet) as refused:
        find(name).mark(*answer)
    return str(refused.value)


def praise(name: str, *answer: object) -> str:
    """Return what is said of a right answer; the test fails when it is not right."""
    return find(name).mark(*answer)


def telling(wrong: Wrong) -> Callable[..., None]:
    """Return a test that hands in every wrong answer and looks for the words that it must be told."""
    each = [pytest.param(name, answer, words, id=f"{name} {what}") for name, answers in wrong.items()
            for what, (answer, words) in answers.items()]

    @pytest.mark.parametrize(("name", "answer", "words"), each)
    def test(name: str, answer: tuple, words: str) -> None:
        assert words in refusal(name, *answer)
    return test


def run_of(marks: list[bool], *, name: str = "a run", right: str = "billing", said: list[str] | None = None,
           valid: list[bool] | None = None, first: int = 0) -> Run:
    """Return a run of one row for each mark, with ids from `first` on."""
    ids = [f"e{first + i}" for i in range(len(marks))]
    rows = pd.DataFrame({"id": ids, "expected": [{"category": right}] * len(marks),
                         "reply": said or [right if mark else "other" for mark in marks],
                         "valid": valid or [True] * len(marks), "right": marks, "error": "",
                         "prompt_tokens": 100, "completion_tokens": 2, "cost": 0.0, "seconds": 0.1})
    return Run(name, rows, pd.DataFrame(index=rows.id))


def spending(answer: Callable, prompt: int = 300, completion: int = 2) -> Callable:
    """Return the same way to answer, with tokens counted as if a model had been asked."""
    def ask(example: object) -> object:
        count(Metered(Tokens(prompt=prompt, completion=completion), cost=0.0, seconds=0.1, replayed=False))
        return answer(example)
    return ask
