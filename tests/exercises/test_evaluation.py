"""What the exercises of notebook 05 say to wrong answers, and that other answers than the shown ones are right."""
from __future__ import annotations

from functools import cache
from math import sqrt

import numpy as np
import pandas as pd
import pytest

from helpers import intervals, significance
from helpers.exercises import evaluation
from tests.exercises.marking import praise, refusal, run_of, telling

# ---------------------------------------------------------------- 05.1


def share_right(replies, expected):
    return sum((said or "").strip().strip(".").lower() == right
               for said, right in zip(replies, expected, strict=True)) / len(expected)


def untouched(replies, expected):
    answered = [(said, right) for said, right in zip(replies, expected, strict=True) if said]
    return sum(right in said.lower() for said, right in answered) / len(answered)


def containing(replies, expected):
    return sum(right in (said or "").lower() for said, right in zip(replies, expected, strict=True)) / len(expected)


def exact(replies, expected):
    return sum(said == right for said, right in zip(replies, expected, strict=True)) / len(expected)


def of_the_answered(replies, expected):
    said = [(a, b) for a, b in zip(replies, expected, strict=True) if a]
    return share_right(*zip(*said, strict=True)) if said else 0.0


def contained_in_the_label(replies, expected):
    plain = [(said or "-").strip().strip(".").lower() for said in replies]
    return sum(said in right for said, right in zip(plain, expected, strict=True)) / len(expected)


# ---------------------------------------------------------------- 05.2


def by_hand(right, total, z=1.959964):
    if total == 0:
        return 0, 1
    p, wide = right / total, 1 + z * z / total
    half = z * sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / wide
    return (p + z * z / (2 * total)) / wide - half, (p + z * z / (2 * total)) / wide + half


def borrowed(right, total):
    return intervals.wilson(right, total)


def centred(right, total):
    low, high = by_hand(right, total)
    return right / total - (high - low) / 2, right / total + (high - low) / 2


def no_rows_no_answer(right, total):
    return by_hand(right, total) if total else (0.0, 0.0)


# ---------------------------------------------------------------- 05.3

p_of = cache(intervals.mcnemar)


def drawn(gap, disagreement, rows, below=0.05, times=2000):
    shares = [(disagreement + gap) / 2, (disagreement - gap) / 2, 1 - disagreement]
    tests = np.random.default_rng(0).multinomial(rows, shares, times)
    return np.mean([p_of(int(won), int(lost)) < below for won, lost, _ in tests])


def counted(gap, disagreement, rows):
    """Whether the better one wins at all, which is no test."""
    tests = np.random.default_rng(0).multinomial(rows, [(disagreement + gap) / 2, (disagreement - gap) / 2,
                                                        1 - disagreement], 2000)
    return np.mean(tests[:, 0] > tests[:, 1])


# ---------------------------------------------------------------- 05.4


def by_customer(marks, groups):
    means = pd.Series(marks).groupby(groups).mean().to_numpy()
    draws = np.random.default_rng(0).choice(means, (1000, len(means))).mean(axis=1)
    return np.quantile(draws, [0.025, 0.975])


def by_row(marks, groups):
    return np.quantile(np.random.default_rng(0).choice(marks, (1000, len(marks))).mean(axis=1), [0.025, 0.975])


def five_in_a_row(marks, groups):
    """The rows are not in the customers' order."""
    return by_customer(marks, np.repeat(np.arange(len(marks) // 5), 5))


# ---------------------------------------------------------------- 05.5


def pair(won: int, lost: int, rows: int, first: int = 0) -> tuple:
    """Two runs on the same rows, the second of which wins some and loses some."""
    before = [False] * won + [True] * (rows - won)
    after = [True] * won + [False] * lost + [True] * (rows - won - lost)
    return run_of(before, name="before", first=first), run_of(after, name="after", first=first)


PLAN = {"gap": 0.10, "pilot": pair(15, 5, 100, first=1000), "final": pair(60, 20, 300), "verdict": "better"}
OTHERS = (run_of([True] * 300, first=0), run_of([True] * 300, first=1))

WRONG = {
    "05.1": {
        "untouched": ((untouched,), "['billing', None] where ['billing', 'billing'] is right gets 1.00 and should get "
                                    "0.50: a failed row counts as wrong"),
        "contains the label": ((containing,), "'incorrect' is not 'correct'"),
        "exact to the letter": ((exact,), "capitals, spaces and a full stop are no mistake"),
        "rows dropped": ((of_the_answered,), "a failed row counts as wrong and not as nothing"),
        "part of a label": ((contained_in_the_label,), "'incorrect' is not 'correct'"),
        "a count": ((lambda replies, expected: "1 of 2",), "Let it return a share"),
    },
    "05.2": {
        "Wald's": ((significance.wald,), "that is Wald's interval"),
        "Wald's, cut at 0 and 1": ((lambda r, n: tuple(np.clip(significance.wald(r, n), 0, 1)),), "Wald's interval"),
        "the course's own": ((intervals.wilson,), "Write it from its formula"),
        "the course's own, called": ((borrowed,), "Write it from its formula"),
        "the share in the middle": ((centred,), "Wilson's is 19.33% to 68.05%"),
        "z of another promise": ((lambda r, n: by_hand(r, n, z=1.645),), "Wilson's is 19.33% to 68.05%"),
        "no rows": ((no_rows_no_answer,), "of no rows nothing is known"),
        "a width": ((lambda right, total: 0.05,), "Let it return a pair"),
    },
    "05.3": {
        "what is usually aimed at": ((lambda gap, disagreement, rows: 0.8,), "you say it is seen 80% of the time"),
        "no test": ((counted,), "a gap of 5 points, 10% of the rows differ, 312 rows"),
        "without disagreement": ((lambda gap, disagreement, rows: drawn(gap, 0.10, rows),), "use `disagreement`"),
        "always the same rows": ((lambda gap, disagreement, rows: drawn(gap, disagreement, 312),),
                                 "Draw tests of `rows` rows"),
        "too easily sure": ((lambda *plan: drawn(*plan, below=0.2),), "312 rows: you say"),
        "sure of nothing": ((lambda gap, *rest: drawn(gap, *rest) if gap else 0.5,), "Where nothing differs"),
        "in words": ((lambda *plan: "often",), "Let it return a share"),
    },
    "05.4": {
        "draws rows": ((by_row,), "draw customers, not rows"),
        "Wilson's": ((lambda marks, groups: intervals.wilson(int(sum(marks)), len(marks)),),
                     "draw customers, not rows"),
        "five in a row": ((five_in_a_row,), "draw customers, not rows"),
        "everything": ((lambda marks, groups: (0.0, 1.0),), "says too little"),
        "one number": ((lambda marks, groups: marks.mean(),), "Let it return a pair"),
    },
    "05.5": {
        "a list": (([0.1],), "give a dict with gap, pilot, final, verdict"),
        "points": ((PLAN | {"gap": 10},), "the gap is a share"),
        "one run": ((PLAN | {"pilot": PLAN["pilot"][:1]},), "the pilot is a pair of runs"),
        "different rows": ((PLAN | {"final": OTHERS},), "answered different rows"),
        "the pilot is in the final": ((PLAN | {"pilot": pair(15, 5, 100)},), "100 rows of the final were in the pilot"),
        "a pilot of twelve": ((PLAN | {"pilot": pair(2, 1, 12, first=1000)},), "cannot be read from fewer than 40"),
        "too few rows": ((PLAN | {"gap": 0.05},), "whatever it shows decides nothing"),
        "a gap that cannot be": ((PLAN | {"gap": 0.30},), "they cannot differ by 30 points"),
        "alike": ((PLAN | {"pilot": pair(0, 0, 100, first=1000)},), "never disagree in the pilot"),
        "a verdict against the interval": ((PLAN | {"verdict": "cannot tell"},), "that is 'better'"),
        "no difference, because 0 lies in it": ((PLAN | {"final": pair(45, 30, 300), "verdict": "no such difference"},),
                                                "that is 'cannot tell'"),
        "a word of one's own": ((PLAN | {"verdict": "significant"},), "'significant' is no verdict"),
    },
}
test_what_a_wrong_answer_is_told = telling(WRONG)


def test_a_score_is_held_to_small_sets():
    assert "9 small sets" in praise("05.1", share_right)
    assert "should get 0.50" in refusal("05.1", lambda replies, expected: 0)


def test_an_interval_by_hand_agrees_however_exactly_z_is_written():
    assert "10 intervals agree" in praise("05.2", by_hand)
    assert "10 intervals agree" in praise("05.2", lambda right, total: list(by_hand(right, total, z=1.96)))


@pytest.mark.parametrize("times", [1000, 5000])
def test_a_simulation_may_be_small(times):
    assert "5 plans, each within 5 points" in praise("05.3", lambda *plan: drawn(*plan, times=times))


def test_the_power_that_is_held_to_is_that_of_the_formula():
    """Connor's formula promises four in five at 312 rows; the exact test is a little reserved."""
    assert significance.paired_rows(0.05, 0.10) == 312
    assert 0.75 < evaluation._power(0.05, 0.10, 312) < 0.80


@pytest.mark.parametrize("plan", evaluation.PLANS)
def test_the_power_that_is_held_to_is_what_many_draws_show(plan):
    assert evaluation._power(*plan) == pytest.approx(drawn(*plan, times=20_000), abs=0.01)


def test_intervals_between_customers_hold_what_they_say():
    assert "holds the true 70%" in praise("05.4", by_customer)
    assert "holds the true 70%" in praise("05.4", significance.clustered)


@pytest.mark.parametrize(("won", "lost", "verdict"), [
    (60, 20, "better"), (20, 60, "worse"), (12, 10, "no such difference"), (45, 30, "cannot tell")])
def test_each_verdict_is_right_where_its_interval_is(won, lost, verdict):
    assert f", {verdict}." in praise("05.5", PLAN | {"final": pair(won, lost, 300), "verdict": verdict})
