"""When a change is paid back, against sums by hand, and in words."""
from __future__ import annotations

import math
from dataclasses import replace

import pytest

from helpers.labs.payback import VOLUMES, Payback

SURE = Payback(requests=1_000_000, hours=(10, 10), wage=(50, 50), tokens=(1_000, 100), price=(1.0, 2.0),
               points=0.0, per_error=(1, 1))


def test_the_money_is_back_when_what_is_saved_equals_what_was_spent():
    assert SURE.by_tokens == pytest.approx(1_000 * 1.0 / 1e6 - 100 * 2.0 / 1e6)
    assert SURE.after.mid == pytest.approx(10 * 50 / 0.0008)
    assert replace(SURE, points=1.0).after.mid == pytest.approx(10 * 50 / (0.0008 + 0.01 * 1))


@pytest.mark.parametrize("points", [0.0, 3.0, -0.05])
def test_the_curves_cross_where_the_money_is_back(points):
    plan = replace(SURE, points=points)
    now, then = plan.bills()
    cheaper = (then.mid < now.mid).to_numpy()
    assert (cheaper == (plan.after.mid < VOLUMES)).all() and cheaper.any() and not cheaper.all()


def test_ranges_make_bands_and_a_change_that_costs_more_never_pays():
    wide = replace(SURE, hours=(5, 20)).after
    assert wide.low < SURE.after.mid < wide.high < math.inf
    dearer = replace(SURE, price=(1.0, 20.0))
    assert dearer.by_tokens < 0 and dearer.after.low == math.inf
    assert str(dearer).endswith("The money is back: never.")


def test_worse_answers_can_cost_more_than_the_tokens_save():
    assert SURE.after.mid < math.inf == replace(SURE, points=-1.0).after.mid


@pytest.mark.parametrize(("changed", "words"), [
    ({}, "Spent once: $500. A thousand requests save $0.80 by their tokens. The money is back: after 620,000 requests, "
         "in 7.5 months."),
    ({"requests": 10_000}, "requests, in 62 years."),
    ({"points": 1.0}, "save $0.80 by their tokens and save $10.00 by their answers. The money is back: after 46,000 "
                      "requests, in 0.56 months. By tokens alone: after 620,000 requests."),
    ({"points": -0.06, "per_error": (0.5, 2.0)}, "cost $0.30 to $1.20 by their answers. The money is back: after "),
    ({"points": 5.0, "tokens": (100, 1_000)}, "A thousand requests cost $1.90 by their tokens and save $50.00 by ")])
def test_what_comes_of_it_is_said_in_words(changed, words):
    assert words in str(replace(SURE, **changed))


def test_where_some_draws_never_pay_it_is_said():
    assert "to never) requests" in str(replace(SURE, points=-0.06, per_error=(0.5, 2.0)))
    assert "more likely never than ever, at best after" in str(replace(SURE, points=-0.06, per_error=(1.0, 2.0)))
