"""What calls, training and people cost, and after how many requests the dearer way has paid for itself.

    per_thousand(price_of("gpt-6-luna"), tokens_of(run))                  dollars for a thousand calls
    per_thousand_right(0.03, run.right, run.total)                        ... for a thousand right answers, a Band
    break_even_band(hours=(15, 60), wage=(40, 120), saved=0.0003)         requests, a Band

Money is in dollars; a price is in dollars per million tokens. Prices of calls come from genai-prices, by way of
provider/budget.py; data/prices.json adds what it lacks, each line with its source and date.
Does not: know what a provider really bills, nor what your hours and errors are worth; those are inputs.
"""
from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import pandas as pd

from helpers.evaluation import Run
from helpers.intervals import wilson
from helpers.local.weights import CHAT_MODELS
from helpers.provider.budget import Price, Tokens, UnknownPrice
from helpers.settings import ROOT, setting

PRICES = ROOT / "data" / "prices.json"
OLD = 90            # days after which a price should be looked up again
NEAR = 90           # days before a model stops in which to say so
MILLION = 1e6
DRAWS = 10_000      # of inputs that are given as ranges
ENDS = (5, 50, 95)  # percent of the draws that lie below a band's low, mid and high

Given = float | tuple[float, float]     # a number, or a range (low, high) for what is not known better


@dataclass(frozen=True)
class Band:
    """A number that is not known exactly. Example: f"{Band(900, 2800, math.inf):,.0f}" -> "2,800 (900 to never)" """

    low: float
    mid: float
    high: float

    def __format__(self, spec: str) -> str:
        low, mid, high = (_said(end, spec) for end in (self.low, self.mid, self.high))
        return f"{mid} ({low} to {high})" if low != high else mid

    def __str__(self) -> str:
        return format(self, "")


def rough(number: float) -> str:
    """Return a count with the two digits that an estimate deserves.

    Example: rough(2_837) -> "2,800"; rough(311_234_567) -> "310 million"; rough(math.inf) -> "never"
    """
    if math.isinf(number):
        return "never"
    if number < 1:
        return f"{number:.2g}"
    rounded = round(number, 1 - math.floor(math.log10(number)))
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if rounded >= size:
            return f"{rounded / size:,.10g} {name}"
    return f"{rounded:,.10g}"


def _said(number: float, spec: str) -> str:
    return "never" if math.isinf(number) else format(number, spec) if spec else rough(number)


# ---------------------------------------------------------------- prices

@dataclass(frozen=True)
class TunedPrice(Price):
    """The price of calls to a tuned model, from data/prices.json. Its unit: dollars per million tokens."""

    input: float = 0.0
    cached: float = 0.0
    output: float = 0.0

    def of(self, tokens: Tokens) -> float:
        """Return the list price of one call in dollars.

        Example: price_of("ft:gpt-4o-mini").of(Tokens(1000, 0, 100)) -> 0.00042
        """
        fresh = tokens.prompt - tokens.cached
        return (fresh * self.input + tokens.cached * self.cached + tokens.completion * self.output) / MILLION


def price_of(model: str) -> Price:
    """Return how a model's calls are priced, tuned ones included; a model of the course is free. Raises UnknownPrice.

    Example: price_of("gpt-6-luna").of(Tokens(1000, 0, 100)) -> 0.00015
    """
    if model in CHAT_MODELS:
        return Price(model, free=True)
    if model.startswith("ft:"):
        row = _tuned(model)
        return TunedPrice(model, input=row["input"], cached=row["cached"], output=row["output"])
    price = Price(model)
    price.of(Tokens(1, 0, 1))       # raises if nobody knows it
    return price


def training_price(model: str) -> float:
    """Return what training a model costs, in dollars per million tokens read. Raises UnknownPrice.

    Example: training_price("gpt-4o-mini") -> 3.0
    """
    return _tuned(model if model.startswith("ft:") else f"ft:{model}")["training"]


def training_cost(tokens: float, dollars_per_million: float, epochs: int = 1) -> float:
    """Return what training costs in dollars: every epoch reads, and is billed for, all tokens again.

    Example: training_cost(100 * 500, 8.00, epochs=3) -> 1.2
    """
    _not_negative(tokens=tokens, dollars_per_million=dollars_per_million, epochs=epochs)
    return tokens * epochs * dollars_per_million / MILLION


def notices(model: str, today: date | None = None) -> list[str]:
    """Return what to know before relying on a model's price: that it is old, or that the model stops, and what then.

    `today` is the day to judge by, if it is not today. Raises UnknownPrice.
    Example: notices("ft:gpt-4o", date(2026, 11, 29)) -> ["ft:gpt-4o stops on 2027-01-14, in 46 days; …"]
    """
    today, key = today or date.today(), _key(model)
    stop = next((row for row in _overlay()["stops"] if key in row["models"]), None)
    row = next((row for row in _overlay()["models"] if row["model"] == key), None)
    found = [_stop_notice(model, stop, today)] if stop else []
    if not stop or row:
        price_of(model)             # raises if nobody knows it
        found += [_age_notice(model, row, today)]
    if setting("COURSE_PRICE") and not key.startswith("ft:"):
        found += [f"COURSE_PRICE is set and stands for the list price of {model}."]
    return [notice for notice in found if notice]


def _stop_notice(model: str, stop: dict, today: date) -> str:
    left = (date.fromisoformat(stop["date"]) - today).days
    instead = f"the provider's replacement: {stop['replacement']}"
    if left <= 0:
        return f"{model} stopped on {stop['date']}; {instead}"
    return f"{model} stops on {stop['date']}, in {left} days; {instead}" if left <= NEAR else ""


def _age_notice(model: str, row: dict | None, today: date) -> str:
    if row is None:
        return f"{model}: the price is that of genai-prices, and data/prices.json does not say when it was last right."
    age = (today - date.fromisoformat(row["looked_up"])).days
    return (f"{model}: the price was looked up on {row['looked_up']}, {age} days ago; look again at {row['source']}"
            if age > OLD else "")


def price_table(models: Iterable[str], today: date | None = None) -> pd.DataFrame:
    """Return a row for each model: dollars per million tokens of training, input, cached input, output; notices."""
    return pd.DataFrame([_price_row(model, today) for model in models],
                        columns=["training", "input", "cached", "output", "notice"], index=list(models))


def _price_row(model: str, today: date | None) -> list:
    price, k = price_of(model), 1_000       # of a small call: below every long-context tier
    each = [k * price.of(tokens) for tokens in (Tokens(k), Tokens(k, k), Tokens(0, 0, k))]
    training = training_price(model) if model.startswith("ft:") else math.nan
    return [training, *(round(one, 6) for one in each), " ".join(notices(model, today))]


def _key(model: str) -> str:
    """Example: _key("ft:gpt-4o-mini-2024-07-18:acme::Ab12") -> "ft:gpt-4o-mini" """
    tuned, name = ("ft:", model.split(":")[1]) if model.startswith("ft:") else ("", model)
    return tuned + re.sub(r"-\d{4}(-\d{2}-\d{2})?$", "", name)


def _tuned(model: str) -> dict:
    known = {row["model"]: row for row in _overlay()["models"] if "training" in row}
    if _key(model) not in known:
        raise UnknownPrice(f"No price is known for {model!r}. data/prices.json has {', '.join(known)}; add a line with "
                           "its source and the day. A model on your own machine costs its seconds: machine().")
    return known[_key(model)]


@cache
def _overlay() -> dict:
    return json.loads(PRICES.read_text(encoding="utf-8"))


# ---------------------------------------------------------------- calls

def tokens_of(run: Run, cached: int = 0) -> list[Tokens]:
    """Return what each call of a run used; `cached` is how many tokens at the beginning all its prompts share.

    Example: tokens_of(run)[0] -> Tokens(prompt=283, cached=0, completion=2)
    """
    return [Tokens(prompt, min(cached, prompt), completion)
            for prompt, completion in zip(run.rows.prompt_tokens, run.rows.completion_tokens, strict=True)]


def with_cache_floor(tokens: Tokens, least: int | None = None) -> Tokens:
    """Return tokens as a provider counts them that caches no beginning shorter than `least` tokens.

    `least` is OpenAI's, 1,024. Example: with_cache_floor(Tokens(890, 850, 2)) -> Tokens(890, 0, 2)
    """
    least = _overlay()["rules"]["cache"]["least_tokens"] if least is None else least
    return tokens if tokens.cached >= least else Tokens(tokens.prompt, 0, tokens.completion)


def per_thousand(price: Price, calls: Sequence[Tokens], batch: bool = False) -> float:
    """Return the dollars for a thousand calls like these, each priced by itself, as long prompts may cost more.

    `batch`: half the price, and nothing of it cached: the older models publish no cached price for batches.
    Example: per_thousand(price_of("gpt-6-luna"), [Tokens(1000, 0, 100)]) -> 0.15
    """
    if not calls:
        raise ValueError("There are no calls to price: the list is empty.")
    if batch:
        calls = [Tokens(one.prompt, 0, one.completion) for one in calls]
    share = _overlay()["rules"]["batch"]["share"] if batch else 1.0
    return 1_000 * share * sum(price.of(one) for one in calls) / len(calls)


def per_thousand_right(dollars: float, right: int, total: int) -> Band:
    """Return the dollars for a thousand right answers, when a thousand calls cost `dollars`; ends by Wilson's interval.

    Raises ValueError when none is right: no money buys an answer then.
    Example: per_thousand_right(0.030, 100, 300) -> Band(low=0.077, mid=0.090, high=0.106)
    """
    _share(right, total)
    if right == 0:
        raise ValueError(f"0 of {total} answers are right, so a right answer has no price. Choose another method.")
    low, high = wilson(right, total)
    return Band(dollars / high, dollars * total / right, dollars / low)


def per_thousand_with_errors(dollars: float, right: int, total: int, per_error: float) -> Band:
    """Return the dollars for a thousand answers when each wrong one costs `per_error` dollars to put right.

    Example: per_thousand_with_errors(0.03, 100, 300, 1.00) -> Band(low=611, mid=667, high=718)
    """
    _share(right, total)
    _not_negative(dollars=dollars, per_error=per_error)
    low, high = wilson(right, total)
    return Band(*(dollars + 1_000 * (1 - accuracy) * per_error for accuracy in (high, right / total, low)))


def machine(seconds: float, dollars_per_hour: float, busy: float = 1.0) -> float:
    """Return the dollars for a thousand calls on a machine that is paid by the hour, busy or not.

    `seconds` is what a call keeps it busy for, `busy` the share of its hours in which it has work.
    Example: machine(0.2, 0.10, busy=0.25) -> 0.0222
    """
    _not_negative(seconds=seconds, dollars_per_hour=dollars_per_hour)
    if not 0 < busy <= 1:
        raise ValueError(f"busy={busy:g} is not a share above 0 and up to 1: write a quarter of the time as 0.25.")
    return 1_000 * seconds / 3_600 * dollars_per_hour / busy


# ---------------------------------------------------------------- breaking even

def least_saving(ratio: float) -> float:
    """Return the share of its tokens a prompt must lose before a model that costs `ratio` times as much is cheaper.

    The same bill: (1 - saving) × ratio = 1. Example: least_saving(2.0) -> 0.5
    """
    if not ratio > 0:
        raise ValueError(f"ratio={ratio:g} is no ratio of two prices: it must be above 0.")
    return max(0.0, 1 - 1 / ratio)


def break_even(fixed: float, saved: float) -> float:
    """Return the requests after which `fixed` dollars are back, when each saves `saved` dollars; infinite if none does.

    Example: break_even(0.40, 200 * 0.002 / 1000) -> 1000.0
    """
    _not_negative(fixed=fixed)
    return fixed / saved if saved > 0 else math.inf


def break_even_band(*, hours: Given | Mapping[str, Given], wage: Given, saved: Given, fewer_errors: Given = 0.0,
                    per_error: Given = 0.0, other: Given = 0.0, draws: int = DRAWS, seed: int = 0) -> Band:
    """Return after how many requests a project is paid back, when its inputs are known as ranges only.

    Each draw takes a value for every input, evenly from its range, and breaks even once; the band holds nine draws of
    ten. `hours` of work at `wage` dollars and `other` dollars are spent once; each request saves `saved` dollars, and
    `fewer_errors` (a share of requests) times `per_error` dollars. High may be infinite: some draws never pay.
    Example: break_even_band(hours=10, wage=50, saved=0.01) -> Band(50000, 50000, 50000)
    """
    draw = _Draws(draws, seed)
    fixed = draw(hours) * draw(wage) + draw(other)
    each = draw(saved) + draw(fewer_errors) * draw(per_error)
    if (fixed < 0).any():
        raise ValueError("Hours, wage and other cannot be negative: they are what is spent.")
    return _band(np.divide(fixed, each, out=np.full(draws, math.inf), where=each > 0))


def total_band(volumes: Sequence[float], *, per_call: Given, hours: Given | Mapping[str, Given] = 0.0,
               wage: Given = 0.0, errors: Given = 0.0, per_error: Given = 0.0, other: Given = 0.0,
               draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """Return what so many requests cost in all, a row each volume: low, mid, high, in dollars.

    Spent once: `hours` × `wage` + `other`. With each request: `per_call`, and `errors` (a share) × `per_error`.
    Example: total_band([0, 1000], per_call=0.01, hours=10, wage=50).mid -> 500, 510
    """
    _not_negative(**{"a volume": min(volumes)})
    draw = _Draws(draws, seed)
    fixed = draw(hours) * draw(wage) + draw(other)
    each = draw(per_call) + draw(errors) * draw(per_error)
    bands = [_band(fixed + volume * each) for volume in volumes]
    return pd.DataFrame([vars(band) for band in bands], index=list(volumes))


def change_band(*, labels: int, minutes: Given, hours: Given, wage: Given, other: Given = 0.0, draws: int = DRAWS,
                seed: int = 0) -> Band:
    """Return the dollars for a change of what is wanted: `labels` to give anew, `minutes` each, and `hours` of work.

    Example: change_band(labels=60, minutes=1, hours=2, wage=50) -> Band(150, 150, 150)
    """
    _not_negative(labels=labels)
    draw = _Draws(draws, seed)
    return _band((labels * draw(minutes) / 60 + draw(hours)) * draw(wage) + draw(other))


class _Draws:
    """Draw every input that is a range, evenly, each independent of the others; the same draws for the same seed."""

    def __init__(self, draws: int, seed: int):
        self.draws, self._random = draws, np.random.default_rng(seed)

    def __call__(self, given: Given | Mapping[str, Given]) -> np.ndarray:
        if isinstance(given, Mapping):
            return sum(map(self, given.values()), np.zeros(self.draws))
        low, high = given if isinstance(given, tuple) else (given, given)
        if low > high:
            raise ValueError(f"The range ({low:g}, {high:g}) is the wrong way round: write the lower end first.")
        return self._random.uniform(low, high, self.draws)


def _band(values: np.ndarray) -> Band:
    return Band(*map(float, np.percentile(values, ENDS, method="nearest")))


def _share(right: int, total: int) -> None:
    if not 0 <= right <= total or total == 0:
        raise ValueError(f"{right} right of {total} is no score: count right answers, and all answers.")


def _not_negative(**values: float) -> None:
    for name, value in values.items():
        if value < 0:
            raise ValueError(f"{name} is {value:g}: it cannot be negative.")
