"""Drift is noticed where it is, and not where it is not."""
from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare

from helpers import drift
from helpers.drift import due_to_mix, mix_shift, strangeness
from helpers.evaluation import Run
from helpers.tasks import Example
from tests.talking import mini_task


def test_a_mix_against_itself_has_not_moved():
    shift = mix_shift(["a", "b"] * 50, ["b", "a"] * 20)
    assert shift.distance == 0 and shift.p == 1


def test_another_mix_is_seen_and_its_table_says_where():
    shift = mix_shift(["a"] * 50 + ["b"] * 50, ["a"] * 10 + ["b"] * 30 + ["c"] * 10)
    assert shift.p < 0.005
    assert shift.distance == pytest.approx(0.3)       # a .5 → .2, b .5 → .6, c 0 → .2
    assert list(shift.table.now) == pytest.approx([0.2, 0.6, 0.2])


def test_the_same_mix_rings_at_most_once_in_twenty():
    rng = np.random.default_rng(0)
    draws = [(rng.integers(0, 4, 60), rng.integers(0, 4, 40)) for _ in range(200)]
    rings = [mix_shift([str(one) for one in then], [str(one) for one in now], seed=1).p < 0.05 for then, now in draws]
    assert np.mean(rings) <= 0.09


def test_its_p_agrees_with_chi_squared_where_that_is_good():
    then, now = ["a"] * 4000 + ["b"] * 4000, ["a"] * 430 + ["b"] * 370
    assert mix_shift(then, now).p == pytest.approx(chisquare([430, 370]).pvalue, abs=0.02)


def test_an_empty_list_is_refused():
    with pytest.raises(ValueError, match="is empty"):
        mix_shift([], ["a"])


def test_strangeness_is_the_distance_to_the_nearest_known_text(monkeypatch):
    vectors = {"known": [1.0, 0.0], "other": [0.0, 1.0], "near": [0.6, 0.8]}
    monkeypatch.setattr(drift, "embed", lambda texts: np.array([vectors[text] for text in texts]))
    assert strangeness(["known", "other"], ["known", "near"]) == pytest.approx([0.0, 0.2])


def rows_of(*labels: str) -> list[Example]:
    task = mini_task()
    return [Example(f"e{i}", "text", {"category": label}, {}, task) for i, label in enumerate(labels)]


def test_what_the_mix_alone_would_do_to_a_score():
    then = rows_of("delivery", "delivery", "billing", "billing")
    run = Run("run", pd.DataFrame({"id": [one.id for one in then], "right": [True, True, True, False]}), pd.DataFrame())
    later = rows_of("billing", "billing", "billing", "delivery")
    assert due_to_mix(run, then, then) == 0.75
    assert due_to_mix(run, then, later) == pytest.approx((3 * 0.5 + 1) / 4)


def test_a_label_that_was_never_measured_is_refused():
    then = rows_of("delivery")
    run = Run("run", pd.DataFrame({"id": ["e0"], "right": [True]}), pd.DataFrame())
    with pytest.raises(ValueError, match="no row labelled 'billing'"):
        due_to_mix(run, then, rows_of("billing"))
