"""Prompts tried one after the other: flips, stopping in the middle, and what choosing does to a score."""
from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.labs.trials import Trials
from tests.labs.tries import EXAMPLES, HALF, RIGHT, answering, run


@pytest.fixture
def trials():
    made = Trials(answering, EXAMPLES)
    made.begin_with(run(HALF))
    return made


def tried(trials, prompt):
    return list(trials.asked(prompt))


def test_a_run_made_elsewhere_is_the_first_try(trials):
    assert trials.summary() == "before: 3 of 6 right (19% to 81%), 6 valid." and trials.step() is None
    assert set(trials.rows().before) == {""}


def test_a_run_that_lacks_a_ticket_cannot_be_compared_with():
    with pytest.raises(ValueError, match=r"'before' has 5 of the 6 examples"):
        Trials(answering, EXAMPLES).begin_with(run(HALF, EXAMPLES[1:]))


def test_it_says_which_tickets_changed_sides(trials):
    tried(trials, "out in out in in in")
    rows = trials.rows().set_index("id")
    assert dict(rows.change[rows.change != ""]) == {"t1": "won", "t3": "won", "t4": "lost", "t5": "won"}
    assert (rows.before["t1"], rows.now["t1"], rows.expected["t1"]) == ("out", "in", "in")
    assert "3 won, 1 lost (p = 0.62), which chance may explain" in trials.summary()


def test_a_small_p_is_not_rounded_to_none():
    trials = Trials(lambda prompt: lambda _: prompt, [replace(EXAMPLES[1], id=f"t{n}") for n in range(10)])
    tried(trials, "in")
    tried(trials, "out")
    assert "0 won, 10 lost (p = 0.002), more than chance explains" in trials.summary()


def test_a_flip_is_against_the_last_try_and_not_the_first(trials):
    tried(trials, RIGHT)
    tried(trials, "in in out in out in")
    assert list(trials.rows().change) == ["lost", "", "", "", "", ""]
    assert "Against try 2: 0 won, 1 lost" in trials.summary()


def test_no_change_of_sides_is_said(trials):
    tried(trials, RIGHT)
    tried(trials, f"{RIGHT} please")
    assert "no ticket changed sides" in trials.summary()


def test_a_try_that_was_stopped_is_no_try(trials):
    steps = trials.asked(RIGHT)
    next(steps), next(steps)
    steps.close()
    assert len(trials.runs) == 1
    assert len(tried(trials, RIGHT)) == 6 and trials.runs[-1].right == 6


def test_an_invalid_reply_is_wrong_and_no_label(trials):
    tried(trials, "perhaps in out in out in")
    assert trials.runs[-1].right == 5 and "5 valid" in trials.summary()


def test_a_reply_that_fails_is_a_wrong_row_with_its_error(trials):
    tried(trials, "out in out")
    assert trials.runs[-1].failed == 3 and "IndexError" in trials.rows().error.iloc[-1]


def test_the_third_try_brings_the_warning(trials):
    tried(trials, RIGHT)
    assert trials.warning() == ""
    tried(trials, HALF)
    assert trials.warning().startswith("3 tries on the same 6: the best, try 2 with 6, was also the luckiest.")


@pytest.mark.parametrize(("prompt", "why"), [("  ", r"empty.*Write one"), (RIGHT, r"prompt of try 2.*Change it")])
def test_nothing_is_asked_where_nothing_would_be_learned(trials, prompt, why):
    tried(trials, RIGHT)
    with pytest.raises(ValueError, match=why):
        tried(trials, prompt)
