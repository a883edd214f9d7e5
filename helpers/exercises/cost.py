"""The exercises of notebook 06: price a call, break even, find an article's slips, choose a rung for a volume."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from helpers.exercises.exercise import exercise, must

# ---------------------------------------------------------------- a call

PRICES = {"small": (0.10, 0.01, 0.50), "large": (2.00, 0.10, 10.00), "tuned": (0.30, 0.15, 1.20)}
CALLS = [(1_000, 0, 100), (2_000, 1_500, 50), (1_539, 1_539, 2), (8_000, 1_024, 0)]    # prompt, cached, completion
Price = tuple[float, float, float]


@exercise("06.1", hints=[
    "Price a prompt of which everything was cached, by hand. What does the function make of it?",
    "`cached` tokens are some of the `prompt` tokens and not beside them.",
    "`fresh = prompt - cached` are those that were read anew."])
def a_call_that_is_not_billed_twice(call_price: Callable[[int, int, int, Price], float]) -> str:
    """Mark the price of a call: fresh, cached and written tokens, each once and at its own price."""
    must(callable(call_price), "give the function itself, without calling it.")
    for model, price in PRICES.items():
        for prompt, cached, completion in CALLS:
            said, right = call_price(prompt, cached, completion, price), _price(prompt, cached, completion, price)
            must(_same(said, right), f"{prompt:,} tokens in, {cached:,} of them cached, {completion} out, at the "
                 f"{model} model's price: it says {_dollars(said)}, and the bill says ${right:.8f}. "
                 f"{_misbilled(said, prompt, cached, completion, price)}")
    return f"{len(CALLS)} calls at {len(PRICES)} prices, to the last digit."


def _price(prompt: int, cached: int, completion: int, price: Price) -> float:
    return ((prompt - cached) * price[0] + cached * price[1] + completion * price[2]) / 1e6


def _misbilled(said: object, prompt: int, cached: int, completion: int, price: Price) -> str:
    """Say what a wrong bill seems to have done."""
    twice = _price(prompt + cached, cached, completion, price)
    for other, why in [(twice, "Some tokens are paid for twice."),
                       (_price(prompt, 0, completion, price), "It bills the cached tokens at the full price."),
                       (_price(prompt - cached, 0, completion, price), "Cached tokens are cheap, and not free."),
                       (1e6 * _price(prompt, cached, completion, price), "A price is for a million tokens.")]:
        if _same(said, other):
            return why
    return "Take each kind of token once, at its own price."


def _same(said: object, right: float) -> bool:
    return isinstance(said, int | float) and math.isclose(said, right, rel_tol=1e-9, abs_tol=1e-15)


def _dollars(said: object) -> str:
    return f"${said:.8f}" if isinstance(said, int | float) else repr(said)


# ---------------------------------------------------------------- breaking even

BREAKS = [      # spent, before, after, fewer errors, what an error costs
    (0.40, 0.00050, 0.00011, 0.0, 0.0), (3_000, 0.00003, 0.000023, 0.0, 0.0), (500, 0.03, 0.0001, 0.0, 0.0),
    (0, 0.002, 0.001, 0.0, 0.0), (3_000, 0.00003, 0.00003, 0.0, 0.0), (3_000, 0.00003, 0.000066, 0.0, 0.0),
    (3_000, 0.00003, 0.000066, 0.01, 0.50), (3_000, 0.00003, 0.00001, -0.02, 0.50)]


@exercise("06.2", hints=[
    "A request saves `before - after`, and `fewer_errors * per_error` on top of that.",
    "Where a request saves nothing, or costs more than before, nothing is ever paid back: `math.inf`.",
    "There is no half request: `math.ceil`."])
def a_break_even_with_its_edges(back_after: Callable[..., float]) -> str:
    """Mark break-even: whole requests, at once if nothing was spent, never if nothing is saved."""
    must(callable(back_after), "give the function itself, without calling it.")
    for case in BREAKS:
        spent, before, after, fewer, per_error = case
        said, saved = back_after(*case), before - after + fewer * per_error
        what = f"${spent:,} spent, ${before:g} a request before and ${after:g} after"
        what += f", {fewer:.0%} fewer errors of ${per_error:.2f}" if per_error else ""
        must(isinstance(said, int | float), f"{what}: it returned {said!r}, which is no number of requests.")
        _right_requests(said, spent, saved, what, fewer * per_error)
    return f"{len(BREAKS)} cases, with those that pay at once and those that never do."


def _right_requests(said: float, spent: float, saved: float, what: str, mended: float) -> None:
    if saved <= 0:
        must(math.isinf(said) and said > 0, f"{what}: it says {said:,}. A request saves ${saved:g}, so that this is "
                                            "never paid back: math.inf.")
        return
    right = math.ceil(spent / saved)
    must(math.isfinite(said), f"{what}: it says never. A request saves ${saved:g}{_thanks_to(mended)}.")
    must(said == right, f"{what}: it says {said:,}, and it is {right:,}. " + (
        "Requests are whole, and the last one has to be counted." if abs(said - right) < 1 or said == right - 1
        else f"A request saves ${saved:g}{_thanks_to(mended)}."))


def _thanks_to(mended: float) -> str:
    return f", ${mended:g} of it by errors that are not made" if mended > 0 else ""


# ---------------------------------------------------------------- an article's arithmetic

COMES_TO = {"training": 2.88, "people": 2_000, "before": 0.000135, "after": 0.000045, "saved": 9.00, "errors": 3_000,
            "back": 222.5}
PRINTED = {"training": 0.96, "people": 2_000, "before": 0.000135, "after": 0.0000225, "saved": 11.25, "errors": 3_000,
           "back": 177.9}
SLIPS = {"training": "every epoch reads all tokens again, and is billed for it",
         "after": "a tuned model has a price of its own",
         "saved": "it builds on a line that was wrong", "back": "it builds on lines that were wrong"}
NEAR = 0.01         # of a corrected number: articles round


@exercise("06.3", hints=[
    "Reckon each line anew from its own words, by `cost.training_cost` or by hand. Two are wrong by themselves.",
    "A line that uses a wrong number is wrong as well, though its own step is right.",
    "What does *at twice that price* mean for 150 tokens? And how often does an epoch read the examples?"])
def the_slips_of_an_article(corrections: dict[str, float]) -> str:
    """Mark what is corrected in an article: every line that is wrong, no line that is right, and the right numbers."""
    must(isinstance(corrections, dict), "give a dict: the name of a line -> what it should come to.")
    unknown = next((name for name in corrections if name not in PRINTED), None)
    must(unknown is None, f"there is no line {unknown!r}. The lines are {', '.join(PRINTED)}.")
    spoiled = next((name for name in corrections if name not in SLIPS), "")
    must(not spoiled, f"the line {spoiled!r} was right as printed. Reckon it once more.")
    for name in [name for name in SLIPS if name in corrections]:
        said, right = corrections[name], COMES_TO[name]
        must(not math.isclose(said, PRINTED[name], rel_tol=1e-6),
             f"{name!r} is given as it was printed: {SLIPS[name]}.")
        must(math.isclose(said, right, rel_tol=NEAR), f"{name!r} is wrong in the article and comes to something else "
                                                      f"than {said:g} as well: {SLIPS[name]}.")
    left = [name for name in SLIPS if name not in corrections]
    must(not left, f"what you corrected is right, and {len(left)} wrong line(s) are left. " + (
        "Look at what uses a number that you corrected." if {"training", "after"} <= set(corrections) else
        "Reckon every line from its own words."))
    return "two slips, and two lines that they spoiled. The training's hardly matters, the price's doubles a bill."


# ---------------------------------------------------------------- which rung?

class Rung(NamedTuple):
    """A way to answer: dollars spent once (low, high), dollars a request, and its score on a test."""

    name: str
    fixed: tuple[float, float]
    per_call: float
    right: int
    total: int


CANNOT = "cannot tell"
PROMPT, SHOTS = Rung("prompt", (0, 0), 0.00003, 100, 300), Rung("shots", (0, 0), 0.00009, 93, 300)
FITTED = Rung("regression", (400, 4_800), 0.0, 213, 300)
TUNED, GOOD = Rung("tuned", (1_300, 5_200), 0.000025, 211, 300), Rung("better", (8_000, 9_000), 0.0002, 285, 300)
CLOSE = Rung("few rows", (0, 0), 0.00001, 21, 30)       # 70%, and 52% to 83% by its interval
SCENES = [      # rungs, requests, target, dollars an error, the right choice, and what to think of
    ([PROMPT, SHOTS], 100_000, 0.90, 0.50, None, "no rung reaches the target, so that there is none to choose"),
    ([PROMPT, FITTED], 200, 0.0, 0.50, "prompt", "two hundred requests do not bring back what is spent once"),
    ([PROMPT, FITTED], 100_000, 0.0, 0.50, "regression", "a wrong answer costs more than all tokens"),
    ([PROMPT, TUNED], 1_000_000, 0.0, 0.0, "prompt", "errors cost nothing here, and the tokens do not bring it back"),
    ([CLOSE, FITTED], 1_000, 0.60, 0.0, "regression", "the lower end of the other's interval misses the target"),
    ([FITTED, TUNED], 1_000_000, 0.60, 0.50, CANNOT, "their scores differ by one answer: either may be cheaper"),
    ([TUNED, GOOD, FITTED], 1_000_000, 0.60, 0.50, "better", "at a million requests its score is worth what it costs"),
    ([GOOD], 50, 0.90, 0.50, "better", "it alone reaches the target; dear or not, there is no other")]


@exercise("06.4", hints=[
    "First the target: keep the rungs with `wilson(rung.right, rung.total)[0] >= target`. None left: return None.",
    "What a rung costs: what is spent once + volume × (a call + share wrong × an error). Both ends of both ranges.",
    "Draw what is spent once and the share of right answers evenly from their ranges, often. Who is cheapest?",
    "Cheapest in nine draws of ten: choose it. Otherwise `\"cannot tell\"`."])
def a_rung_for_a_volume(choose: Callable[[Sequence[Rung], int, float, float], str | None],
                        measured: Sequence[Rung]) -> str:
    """Mark a function that chooses a rung by target, volume and the price of an error, or says that it cannot tell."""
    must(callable(choose), "give the function itself, without calling it.")
    for rungs, *given, right, why in SCENES:
        for order in (rungs, rungs[::-1]):
            said = choose(order, *given)
            must(said == right, f"of {', '.join(rung.name for rung in order)}, {_given(*given)}, it chooses {said!r}, "
                                f"and {right!r} is meant: {why}.")
    chosen = {volume: choose(measured, volume, 0.25, 0.50) for volume in (100, 10_000, 1_000_000)}
    return "of what was measured: " + "; ".join(f"{volume:,} tickets: {name}" for volume, name in chosen.items()) + "."


def _given(volume: int, target: float, per_error: float) -> str:
    return f"for {volume:,} requests, a target of {target:.0%} and ${per_error:.2f} an error"

