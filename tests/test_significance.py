"""Rows needed, tests read side by side, rows in groups: against published numbers and by simulation."""
from __future__ import annotations

import math

import numpy as np
import pytest

from helpers.intervals import detectable, mcnemar, wilson
from helpers.significance import clustered, disagreement_for, holm, paired_rows, unpaired, unpaired_rows, wald


def test_wald_has_no_width_where_all_are_right():
    assert wald(20, 20) == (1.0, 1.0)
    assert wald(50, 100) == pytest.approx((0.402, 0.598), abs=0.001)


# Newcombe, R. G. (1998), Statistics in Medicine 17, 873–890, table II, method 10, the rows of equal size
@pytest.mark.parametrize(("a", "b", "total", "low", "high"), [(0, 10, 10, 0.6075, 1.0), (10, 10, 10, -0.2775, 0.2775)])
def test_the_unpaired_interval_is_the_published_one(a, b, total, low, high):
    assert unpaired(a, b, total) == pytest.approx((low, high), abs=0.0001)


def test_and_so_it_is_for_groups_of_unequal_size():
    assert unpaired(48, 56, 80, 70) == pytest.approx((0.0524, 0.3339), abs=0.0001)


@pytest.mark.parametrize(("difference", "disagreement", "rows"), [(0.05, 0.10, 312), (0.02, 0.10, 1960)])
def test_paired_rows_are_connors(difference, disagreement, rows):
    assert paired_rows(difference, disagreement) == rows
    assert detectable(disagreement, rows) == pytest.approx(difference, abs=0.0002)


def test_so_many_paired_rows_show_it_four_times_in_five():
    rows = paired_rows(0.10, 0.30)
    draws = np.random.default_rng(0).multinomial(rows, [0.20, 0.10, 0.70], 2000)
    pairs, times = np.unique(draws[:, :2], axis=0, return_counts=True)
    shown = np.array([mcnemar(*map(int, pair)) < 0.05 for pair in pairs])
    assert times @ shown / times.sum() == pytest.approx(0.78, abs=0.03)     # the exact test is a little reserved


def test_a_difference_cannot_exceed_the_disagreement():
    with pytest.raises(ValueError, match="difference <= disagreement"):
        paired_rows(0.2, 0.1)


# Fleiss, Levin and Paik's formula by hand for .80 and .75, and the number of the design notes at .825 and .775
@pytest.mark.parametrize(("a", "b", "rows"), [(0.80, 0.75, 1094), (0.825, 0.775, 1004)])
def test_unpaired_rows_are_the_published_formulas(a, b, rows):
    assert unpaired_rows(a, b) == unpaired_rows(b, a) == rows


def test_equal_rates_need_no_number_of_rows():
    with pytest.raises(ValueError, match="must differ"):
        unpaired_rows(0.5, 0.5)


def test_a_published_p_says_how_often_two_methods_disagreed():
    assert mcnemar(150, 110) == pytest.approx(0.0155, abs=0.001)
    assert disagreement_for(40, mcnemar(150, 110)) == 260
    assert disagreement_for(-40, mcnemar(150, 110)) == 260


@pytest.mark.parametrize("gap", [0, 1, 5, 20])
@pytest.mark.parametrize("p", [0.0001, 0.03, 0.2, 0.77, 1.0])
def test_no_other_count_of_disagreements_comes_nearer_to_a_published_p(gap, p):
    def off(count: int) -> float:
        return abs(math.log(mcnemar((count + gap) // 2, (count - gap) // 2) / p))
    assert off(disagreement_for(gap, p)) == min(map(off, range(max(gap, 1), 40 * max(gap, 5), 2)))


# Holm, S. (1979): the smallest is multiplied by the number of tests, the next by one less, never falling
def test_holm_in_the_order_given():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_finds_something_in_nothing_at_most_once_in_twenty():
    studies = np.random.default_rng(0).random((1000, 10))
    assert np.mean([min(holm(study)) < 0.05 for study in studies]) == pytest.approx(0.05, abs=0.02)


def test_rows_that_are_copies_count_once():
    marks = [True, False, True, True, False, True, True, False] * 5
    low, high = clustered(marks * 4, list(range(40)) * 4)
    once = wilson(sum(marks), 40)
    assert (low, high) == pytest.approx(once, abs=0.03)
    assert high - low > 1.8 * np.subtract(*wilson(sum(marks) * 4, 160)[::-1])


def test_clusters_cover_where_rows_do_not():
    rng, held = np.random.default_rng(1), {"rows": 0, "groups": 0}
    for _ in range(600):
        own = rng.beta(0.7 * 7 / 3, 0.3 * 7 / 3, 40)        # alike at .3
        marks = rng.random((40, 5)) < own[:, None]
        low, high = wilson(int(marks.sum()), 200)
        held["rows"] += low <= 0.7 <= high
        low, high = clustered(marks.ravel(), np.repeat(np.arange(40), 5))
        held["groups"] += low <= 0.7 <= high
    assert held["rows"] / 600 == pytest.approx(0.79, abs=0.04)
    assert held["groups"] / 600 >= 0.91


def test_one_group_says_nothing():
    assert clustered([True, False], ["a", "a"]) == (0.0, 1.0)
