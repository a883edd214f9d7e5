"""A judge is four counts; a judged score corrected by them holds the truth as often as it says."""
from __future__ import annotations

from math import isnan

import numpy as np
import pytest

from helpers.intervals import wilson
from helpers.judging import Judge, kappa

GOOD = Judge(right_kept=80, right_refused=20, wrong_kept=10, wrong_refused=90)


def test_verdicts_are_counted_against_the_truth():
    judge = Judge.of([True, True, False, False], [True, False, False, True])
    assert judge == Judge(right_kept=1, right_refused=1, wrong_kept=1, wrong_refused=1)
    assert judge.edge == 0 and judge.kappa == 0 and judge.agreement == 0.5


def test_a_judge_cannot_be_measured_where_all_rows_are_right():
    with pytest.raises(ValueError, match="some are right and some wrong"):
        Judge.of([True, False], [True, True])


# by hand: agreement 170/200; chance (90·100 + 110·100)/200² = .5; kappa .35/.5
def test_rates_and_kappa_by_hand():
    assert (GOOD.sensitivity, GOOD.specificity, GOOD.agreement) == (0.8, 0.9, 0.85)
    assert GOOD.kappa == pytest.approx(0.70)
    assert GOOD.summary()["kappa"] == "0.70"


def test_agreement_can_be_high_where_kappa_is_nothing():
    nods = Judge(right_kept=90, right_refused=0, wrong_kept=10, wrong_refused=0)
    assert nods.agreement == 0.9 and nods.kappa == pytest.approx(0)


# Rogan and Gladen: (.5 + .9 - 1) / (.8 + .9 - 1)
def test_a_score_is_corrected_as_rogan_and_gladen_do():
    assert GOOD.corrected(150, 300) == pytest.approx(0.4 / 0.7)
    assert GOOD.corrected(10, 300) == 0.0 and GOOD.corrected(290, 300) == 1.0


def test_a_perfect_judge_changes_nothing():
    assert Judge(100, 0, 0, 100).corrected(210, 300) == pytest.approx(0.7)


def test_a_judge_without_edge_is_refused_and_its_interval_is_everything():
    nods = Judge(right_kept=80, right_refused=20, wrong_kept=85, wrong_refused=15)
    with pytest.raises(ValueError, match="nothing to correct by"):
        nods.corrected(150, 300)
    assert nods.corrected_interval(150, 300) == (0.0, 1.0)


@pytest.mark.parametrize(("sensitivity", "specificity", "score"), [(0.9, 0.6, 0.5), (0.7, 0.9, 0.8), (0.95, 0.8, 0.3)])
def test_the_corrected_interval_holds_the_truth_where_the_judged_one_does_not(sensitivity, specificity, score):
    rng, corrected, judged, times = np.random.default_rng(0), 0, 0, 600
    for _ in range(times):
        right = int(rng.binomial(200, score))
        kept, waved = int(rng.binomial(right, sensitivity)), int(rng.binomial(200 - right, 1 - specificity))
        judge = Judge(kept, right - kept, waved, 200 - right - waved)
        called = int(rng.binomial(1000, score * sensitivity + (1 - score) * (1 - specificity)))
        low, high = judge.corrected_interval(called, 1000)
        corrected += low <= score <= high
        low, high = wilson(called, 1000)
        judged += low <= score <= high
    assert corrected / times >= 0.92
    assert judged / times < 0.2


def test_kappa_of_two_who_labelled_the_same_rows():
    assert kappa(list("aabb"), list("aaba")) == 0.5
    assert kappa(list("abc"), list("abc")) == 1 and kappa(list("ab"), list("ba")) == -1
    assert isnan(kappa(list("aa"), list("aa")))
    with pytest.raises(ValueError, match="no rows that both"):
        kappa([], [])


def test_kappa_of_two_verdicts_is_that_of_a_judge():
    said, right = [True] * 5 + [False] * 3, [True, True, False, True, True, False, True, False]
    assert kappa(said, right) == pytest.approx(Judge.of(said, right).kappa)
