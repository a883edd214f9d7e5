"""Prices are right, dated and doubted in time; costs are those of hand arithmetic; breaking even behaves as it must."""
from __future__ import annotations

import json
import math
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from helpers import cost
from helpers.cost import Band, break_even_band, price_of
from helpers.evaluation import Run
from helpers.intervals import wilson
from helpers.provider.budget import Tokens, UnknownPrice
from helpers.publishing.notebooks import NOTEBOOKS
from tests.notebook_checks import function_in

LOOKED_UP = date(2026, 11, 20)
OVERLAY = json.loads(cost.PRICES.read_text(encoding="utf-8"))


# ---------------------------------------------------------------- prices

@pytest.mark.parametrize(("model", "dollars"), [         # a million tokens in, cached, out: as looked up on 2026-11-20
    ("gpt-6-luna", (0.10, 0.01, 0.50)), ("gpt-6.1-terra", (1, 0.05, 5)), ("gpt-6.1-sol", (2, 0.10, 10)),
    ("ft:gpt-4.1", (3, 0.75, 12)), ("ft:gpt-4.1-mini", (0.80, 0.20, 3.20)),
    ("ft:gpt-4o", (3.75, 1.875, 15)), ("ft:gpt-4o-mini", (0.30, 0.15, 1.20))])
def test_a_price_is_the_one_that_was_looked_up(model, dollars):
    price, k = price_of(model), 1_000
    found = [k * price.of(tokens) for tokens in (Tokens(k), Tokens(k, k), Tokens(0, 0, k))]
    assert found == pytest.approx(dollars)


def test_cached_tokens_are_a_part_of_the_prompt_and_not_paid_twice():
    assert price_of("ft:gpt-4o-mini").of(Tokens(1_000, 400, 100)) == pytest.approx(
        (600 * 0.30 + 400 * 0.15 + 100 * 1.20) / 1e6)


def test_each_request_is_priced_by_itself_as_long_prompts_cost_more():
    luna = price_of("gpt-6-luna")
    one_long, many_short = [Tokens(400_000)], [Tokens(100_000)] * 4
    assert cost.per_thousand(luna, one_long) == pytest.approx(2 * 4 * cost.per_thousand(luna, many_short))


@pytest.mark.parametrize("name", ["ft:gpt-4o-mini-2024-07-18:acme::Ab12", "ft:gpt-4o-mini:acme:desk:Ab12"])
def test_a_tuned_model_is_known_by_the_name_that_a_job_gives_it(name):
    assert price_of(name).of(Tokens(1_000)) == pytest.approx(0.0003)
    assert cost.training_price(name) == 3.00


@pytest.mark.parametrize("model", ["course-135m", "smollm2-135m"])
def test_the_models_of_the_course_cost_no_money(model):
    assert price_of(model).of(Tokens(10**6, 0, 10**6)) == 0


@pytest.mark.parametrize("ask", [price_of, cost.notices, cost.training_price, lambda name: cost.price_table([name])])
def test_an_unknown_model_is_named(ask):
    with pytest.raises(UnknownPrice, match="nobody-knows"):
        ask("nobody-knows")


def test_an_unknown_tuned_model_says_which_are_known_and_what_to_do():
    with pytest.raises(UnknownPrice, match=r"'ft:course-135m:x::1'.*ft:gpt-4o-mini.*add a line.*machine\(\)"):
        price_of("ft:course-135m:x::1")


def test_training_is_priced_and_a_model_that_cannot_be_trained_is_not():
    assert [cost.training_price(f"gpt-4{name}") for name in (".1", ".1-mini", "o", "o-mini")] == [25, 5, 25, 3]
    with pytest.raises(UnknownPrice, match="gpt-6-luna"):
        cost.training_price("gpt-6-luna")


@pytest.mark.parametrize("row", OVERLAY["models"] + OVERLAY["stops"] + list(OVERLAY["rules"].values()))
def test_every_line_has_a_source_and_a_day(row):
    assert row["source"].startswith("https://") and date.fromisoformat(row["looked_up"]) <= date.today()


def test_the_table_shows_a_row_each_with_its_notice():
    table = cost.price_table(["gpt-6-luna", "ft:gpt-4o"], date(2026, 11, 29))
    assert table.loc["ft:gpt-4o", ["training", "input", "cached", "output"]].tolist() == [25, 3.75, 1.875, 15]
    assert math.isnan(table.training["gpt-6-luna"]) and table.notice["gpt-6-luna"] == ""
    assert "2027-01-14" in table.notice["ft:gpt-4o"]


# ---------------------------------------------------------------- notices

@pytest.mark.parametrize(("days", "says"), [(0, False), (90, False), (91, True), (400, True)])
def test_a_price_older_than_90_days_is_doubted(days, says):
    found = cost.notices("gpt-6-luna", LOOKED_UP + timedelta(days))
    assert (found != []) == says
    assert not says or all(text in found[0] for text in (f"{days} days ago", "2026-11-20", "https://"))


def test_the_day_is_today_unless_another_is_given(monkeypatch):
    monkeypatch.setattr(cost, "date", type("Later", (date,), {"today": classmethod(lambda _: date(2027, 6, 1))}))
    assert "193 days ago" in cost.notices("gpt-6-luna")[0]


@pytest.mark.parametrize(("day", "says"), [
    ("2026-10-15", None), ("2026-10-17", "stops on 2027-01-14, in 89 days"),
    ("2027-01-13", "stops on 2027-01-14, in 1 days"), ("2027-01-14", "stopped on 2027-01-14"),
    ("2028-01-01", "stopped on 2027-01-14")])
def test_a_model_near_or_past_its_end_names_its_replacement(day, says):
    found = [one for one in cost.notices("gpt-4o", date.fromisoformat(day)) if "stop" in one]
    assert (found == []) if says is None else (says in found[0] and "gpt-6-luna" in found[0])


def test_a_model_that_is_gone_is_named_although_nothing_is_known_of_its_price():
    assert cost.notices("ft:gpt-3.5-turbo-0125:x::y", LOOKED_UP) == [
        "ft:gpt-3.5-turbo-0125:x::y stopped on 2026-10-23; the provider's replacement: gpt-5.6-terra"]


def test_a_tuned_models_replacement_cannot_be_tuned_and_it_says_so():
    assert "cannot be tuned" in cost.notices("ft:gpt-4.1-mini", date(2026, 12, 1))[0]


def test_a_price_that_nobody_dated_says_so():
    assert "does not say" in cost.notices("claude-haiku-4-5")[0]


def test_a_price_of_the_readers_own_is_mentioned(monkeypatch):
    monkeypatch.setenv("COURSE_PRICE", "1,2")
    assert any("COURSE_PRICE" in one for one in cost.notices("gpt-6-luna", LOOKED_UP))
    assert not any("COURSE_PRICE" in one for one in cost.notices("ft:gpt-4.1", LOOKED_UP))


# ---------------------------------------------------------------- calls

CALLS = [Tokens(300, 200, 2), Tokens(500, 200, 4)]


def test_a_thousand_calls():
    assert cost.per_thousand(price_of("ft:gpt-4o-mini"), CALLS) == pytest.approx(
        1_000 * ((200 * 0.30 + 400 * 0.15 + 6 * 1.20) + 200 * 0.30) / 1e6 / 2)


def test_a_batch_is_half_of_the_uncached_price():
    uncached = [Tokens(300, 0, 2), Tokens(500, 0, 4)]
    luna = price_of("gpt-6-luna")
    assert cost.per_thousand(luna, CALLS, batch=True) == pytest.approx(cost.per_thousand(luna, uncached) / 2)


def test_no_calls_have_no_price():
    with pytest.raises(ValueError, match="list is empty"):
        cost.per_thousand(price_of("gpt-6-luna"), [])


def test_the_tokens_of_a_run_are_those_of_its_rows():
    run = Run("r", pd.DataFrame({"prompt_tokens": [300, 50], "completion_tokens": [2, 3]}), pd.DataFrame())
    assert cost.tokens_of(run) == [Tokens(300, 0, 2), Tokens(50, 0, 3)]
    assert cost.tokens_of(run, cached=100) == [Tokens(300, 100, 2), Tokens(50, 50, 3)]


@pytest.mark.parametrize(("cached", "counted"), [(1_023, 0), (1_024, 1_024), (1_900, 1_900)])
def test_a_short_beginning_is_not_cached(cached, counted):
    assert cost.with_cache_floor(Tokens(2_000, cached, 1)) == Tokens(2_000, counted, 1)
    assert cost.with_cache_floor(Tokens(2_000, 10, 1), least=10).cached == 10


def test_a_thousand_right_answers_by_hand_and_by_wilson():
    band, (low, high) = cost.per_thousand_right(0.03, 100, 300), wilson(100, 300)
    assert (band.low, band.mid, band.high) == pytest.approx((0.03 / high, 0.09, 0.03 / low))
    assert band.low < band.mid < band.high


def test_no_right_answer_has_a_price():
    with pytest.raises(ValueError, match="0 of 300 answers are right"):
        cost.per_thousand_right(0.03, 0, 300)


@pytest.mark.parametrize(("right", "total"), [(5, 0), (-1, 10), (11, 10)])
def test_a_score_that_is_none_is_refused(right, total):
    for price in (cost.per_thousand_right, lambda *some: cost.per_thousand_with_errors(*some, 1.0)):
        with pytest.raises(ValueError, match=f"{right} right of {total}"):
            price(0.03, right, total)


def test_errors_are_paid_for_as_well():
    band = cost.per_thousand_with_errors(0.03, 225, 300, per_error=2.00)
    assert band.mid == pytest.approx(0.03 + 250 * 2) and band.low < band.mid < band.high
    assert cost.per_thousand_with_errors(0.03, 0, 300, 0.0).mid == pytest.approx(0.03)


def test_a_machine_is_paid_for_its_idle_hours_too():
    assert cost.machine(0.36, 1.00) == pytest.approx(0.10)
    assert cost.machine(0.36, 1.00, busy=0.25) == pytest.approx(0.40)
    with pytest.raises(ValueError, match="busy=0"):
        cost.machine(0.36, 1.00, busy=0)


# ---------------------------------------------------------------- the articles' arithmetic

def test_three_epochs_are_billed_three_times():
    assert cost.training_cost(100 * 500, 8.00) == pytest.approx(0.40)
    assert cost.training_cost(100 * 500, 8.00, epochs=3) == pytest.approx(1.20)


def test_two_hundred_tokens_pay_back_forty_cents_after_a_thousand_requests():
    assert cost.break_even(0.40, 200 * 0.002 / 1_000) == pytest.approx(1_000)


@pytest.mark.parametrize(("ratio", "share"), [(1, 0), (1.5, 1 / 3), (2, 0.5), (0.5, 0)])
def test_a_dearer_model_must_save_tokens_before_it_is_cheaper(ratio, share):
    assert cost.least_saving(ratio) == pytest.approx(share)
    assert ratio < 1 or (1 - share) * ratio == pytest.approx(1)


@pytest.mark.parametrize("ratio", [0, -1])
def test_a_ratio_that_is_none_is_refused(ratio):
    with pytest.raises(ValueError, match="ratio"):
        cost.least_saving(ratio)


# ---------------------------------------------------------------- breaking even

RANGES = {"hours": {"data work": (10, 40), "iteration": (5, 20)}, "wage": (40, 120), "saved": (0.001, 0.003)}


@pytest.mark.parametrize("saved", [0.0, -0.01])
def test_what_saves_nothing_never_pays(saved):
    assert cost.break_even(100, saved) == math.inf
    assert break_even_band(hours=10, wage=50, saved=saved) == Band(math.inf, math.inf, math.inf)


def test_numbers_without_ranges_give_the_plain_quotient():
    assert break_even_band(hours=10, wage=50, other=100, saved=0.01) == Band(60_000, 60_000, 60_000)
    assert break_even_band(hours=10, wage=50, saved=0.0, fewer_errors=0.05, per_error=1.0).mid == pytest.approx(10_000)


def test_a_band_is_in_order_and_lies_within_the_extremes():
    band = break_even_band(**RANGES)
    assert 15 * 40 / 0.003 < band.low < band.mid < band.high < 60 * 120 / 0.001


def test_a_band_holds_nine_draws_of_ten():
    band = break_even_band(hours=(0, 1), wage=100, saved=1, draws=100_000)
    assert (band.low, band.mid, band.high) == pytest.approx((5, 50, 95), abs=0.5)


def test_the_same_seed_draws_the_same():
    assert break_even_band(**RANGES, seed=1) == break_even_band(**RANGES, seed=1) != break_even_band(**RANGES, seed=2)


def test_more_to_spend_takes_longer_and_more_saved_takes_less():
    band = break_even_band(**RANGES)
    assert break_even_band(**RANGES, other=5_000).low > band.low
    assert break_even_band(**RANGES, fewer_errors=0.01, per_error=1.0).high < band.high


def test_a_saving_that_may_be_a_loss_may_never_pay():
    band = break_even_band(hours=10, wage=50, saved=(-0.001, 0.003))
    assert band.low < band.mid < math.inf and band.high == math.inf


def test_totals_begin_at_what_is_spent_once_and_rise_by_each_request():
    total = cost.total_band([0, 1_000], per_call=0.01, hours=10, wage=50, errors=0.2, per_error=0.5)
    assert total.mid.tolist() == pytest.approx([500, 500 + 1_000 * (0.01 + 0.1)])
    assert (total.low == total.high).all()


def test_totals_cross_where_the_project_breaks_even():
    even = break_even_band(hours=10, wage=50, saved=0.004).mid
    dearer = cost.total_band([even], per_call=0.010).mid.iloc[0]
    tuned = cost.total_band([even], per_call=0.006, hours=10, wage=50).mid.iloc[0]
    assert dearer == pytest.approx(tuned)


@pytest.mark.parametrize(("call", "word"), [
    (lambda: cost.total_band([100, -5], per_call=0.01), "volume is -5"),
    (lambda: cost.break_even(-1, 0.01), "fixed is -1"),
    (lambda: break_even_band(hours=-1, wage=50, saved=0.01), "cannot be negative"),
    (lambda: break_even_band(hours=(40, 10), wage=50, saved=0.01), "wrong way round"),
    (lambda: cost.training_cost(-5, 8), "tokens is -5"),
    (lambda: cost.machine(-1, 8), "seconds is -1"),
    (lambda: cost.change_band(labels=-3, minutes=1, hours=1, wage=1), "labels is -3"),
    (lambda: cost.per_thousand_with_errors(0.03, 1, 3, -1), "per_error is -1")])
def test_what_cannot_be_is_refused_by_name(call, word):
    with pytest.raises(ValueError, match=word):
        call()


def test_a_change_is_labels_and_hours_at_a_wage():
    assert cost.change_band(labels=60, minutes=1, hours=2, wage=50, other=7) == Band(157, 157, 157)
    band = cost.change_band(labels=60, minutes=(0.5, 2), hours=2, wage=50)
    assert 125 < band.low < band.mid < band.high < 200


# ---------------------------------------------------------------- how it is said

@pytest.mark.parametrize(("number", "text"), [
    (0, "0"), (0.0312, "0.031"), (7.4, "7.4"), (12.34, "12"), (99.7, "100"), (2_837, "2,800"),
    (999_999, "1 million"), (1_234_567, "1.2 million"),
    (311_234_567, "310 million"), (4.26e9, "4.3 billion"), (math.inf, "never")])
def test_an_estimate_has_two_digits(number, text):
    assert cost.rough(number) == text


def test_a_band_says_its_middle_and_its_ends():
    band = Band(900, 2_837, math.inf)
    assert f"{band:,.0f}" == "2,837 (900 to never)" and str(band) == "2,800 (900 to never)"
    assert str(Band(math.inf, math.inf, math.inf)) == "never"


# ---------------------------------------------------------------- the cell to copy

NOTEBOOK = NOTEBOOKS / "06_cost.ipynb"


def test_the_cell_to_copy_prices_a_reply_as_the_course_does():
    dollars = function_in(NOTEBOOK, "dollars")
    for details in (None, type("Details", (), {"cached_tokens": 400})):
        usage = type("Usage", (), {"prompt_tokens": 1_000, "completion_tokens": 100, "prompt_tokens_details": details})
        tokens = Tokens(1_000, 400 if details else 0, 100)
        assert dollars(usage, (0.10, 0.01, 0.50)) == pytest.approx(price_of("gpt-6-luna").of(tokens))


def test_the_cell_to_copy_breaks_even_where_the_course_does():
    import random
    shown = function_in(NOTEBOOK, "break_even", random=random)
    found = shown(0.003, 0.001, hours=(15, 60), wage=(40, 120), fewer_errors=(0.0, 0.02), per_error=(0.1, 2.0))
    band = break_even_band(hours=(15, 60), wage=(40, 120), saved=0.002, fewer_errors=(0.0, 0.02), per_error=(0.1, 2.0))
    assert np.log(found) == pytest.approx(np.log([band.low, band.mid, band.high]), abs=0.06)
    assert shown(0.001, 0.003, hours=(1, 2), wage=(1, 2))[0] == math.inf
