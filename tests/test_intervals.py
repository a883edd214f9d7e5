"""Intervals and tests: against published numbers, and by simulation what their names promise."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from helpers.intervals import detectable, mcnemar, paired_bootstrap, wilson


# Newcombe, R. G. (1998), Statistics in Medicine 17, 857–872, table I, method 3
@pytest.mark.parametrize(("right", "total", "low", "high"), [
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)])
def test_wilson_gives_the_published_intervals(right, total, low, high):
    assert wilson(right, total) == pytest.approx((low, high), abs=0.00005)


def test_wilson_stays_between_nothing_and_all():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(20, 20)[1] <= 1.0 and wilson(20, 20)[0] == pytest.approx(1 - wilson(0, 20)[1])


@pytest.mark.parametrize("total", [20, 150, 300])
def test_wilson_covers_a_high_rate_where_the_textbook_interval_fails(total):
    right = np.arange(total + 1)
    weight = binom.pmf(right, total, 0.97)
    wald = 1.96 * np.sqrt(right / total * (1 - right / total) / total)
    covered = [low <= 0.97 <= high for low, high in (wilson(int(r), total) for r in right)]
    assert weight @ covered >= 0.93
    if total == 20:
        assert weight @ (np.abs(right / total - 0.97) <= wald) == pytest.approx(0.455, abs=0.002)


# the insurance tickets of DESIGN.md, then coins counted by hand: 2 · (1 + 3) / 2³, and so on
@pytest.mark.parametrize(("won", "lost", "p"), [
    (17, 1, 0.000145), (2, 1, 1.0), (0, 0, 1.0), (3, 0, 0.25), (0, 6, 1 / 32), (5, 5, 1.0)])
def test_mcnemar_is_the_exact_coin(won, lost, p):
    assert mcnemar(won, lost) == pytest.approx(p, abs=5e-7)
    assert mcnemar(lost, won) == mcnemar(won, lost)


def test_the_bootstrap_is_centred_as_wide_as_theory_and_the_same_every_time():
    low, high = paired_bootstrap(30, 10, 300)
    spread = np.sqrt((30 + 10) / 300 - (20 / 300) ** 2) / np.sqrt(300)
    assert (low, high) == pytest.approx((20 / 300 - 1.96 * spread, 20 / 300 + 1.96 * spread), abs=0.004)
    assert (low, high) == paired_bootstrap(30, 10, 300)
    assert (low, high) == pytest.approx((0.027, 0.107), abs=0.0005)


def test_the_bootstrap_turns_round_with_the_runs():
    low, high = paired_bootstrap(30, 10, 300)
    assert paired_bootstrap(10, 30, 300) == pytest.approx((-high, -low), abs=0.004)


def test_the_bootstrap_covers_the_true_difference_nineteen_times_in_twenty():
    draws = np.random.default_rng(1).multinomial(300, [0.10, 0.04, 0.86], 300)
    intervals = [paired_bootstrap(int(won), int(lost), 300) for won, lost, _ in draws]
    hits = [low <= 0.06 <= high for low, high in intervals]
    assert 0.91 <= np.mean(hits) <= 0.985


# Connor's formula by hand: (1.960 √.3 + 0.842 √(.3 − .1243²))² / .1243² = 150
@pytest.mark.parametrize(("disagreement", "total", "difference"), [(0.10, 312, 0.0500), (0.30, 150, 0.1243)])
def test_the_detectable_difference_is_the_published_formulas(disagreement, total, difference):
    assert detectable(disagreement, total) == pytest.approx(difference, abs=0.0001)


@pytest.mark.parametrize(("disagreement", "total"), [(0.10, 312), (0.30, 150), (0.40, 300)])
def test_a_detectable_difference_is_detected_about_four_times_in_five(disagreement, total):
    difference = detectable(disagreement, total)
    won, lost = (disagreement + difference) / 2, (disagreement - difference) / 2
    draws = np.random.default_rng(0).multinomial(total, [won, lost, 1 - disagreement], 3000)
    counts, times = np.unique(draws[:, :2], axis=0, return_counts=True)
    shown = np.array([mcnemar(*map(int, pair)) < 0.05 for pair in counts])
    # 0.80 is what the formula aims at; the exact test is a little reserved
    assert times @ shown / times.sum() == pytest.approx(0.78, abs=0.03)


@pytest.mark.parametrize(("disagreement", "total"), [(0.0, 300), (0.01, 20)])
def test_too_few_changed_rows_can_show_nothing(disagreement, total):
    assert detectable(disagreement, total) == 1.0


def test_more_rows_show_smaller_differences():
    assert detectable(0.2, 1000) < detectable(0.2, 300) < detectable(0.2, 100)
