"""What the exercises of notebook 06 say to wrong answers, and that other answers than the shown ones are right."""
from __future__ import annotations

import math
import re

import nbformat
import pytest

from helpers.cost import break_even, price_of
from helpers.exercises import cost
from helpers.exercises.desk import source
from helpers.intervals import wilson
from helpers.provider.budget import Tokens
from helpers.publishing.notebooks import NOTEBOOKS
from helpers.publishing.prose import text_of
from tests.exercises.marking import praise, telling

RIGHT = {"training": 2.88, "after": 0.000045, "saved": 9.0, "back": 222.5}


def billed(prompt, cached, completion, price):
    return ((prompt - cached) * price[0] + cached * price[1] + completion * price[2]) / 1e6


def back_after(spent, before, after, fewer_errors=0, per_error=0):
    saved = before - after + fewer_errors * per_error
    return math.ceil(spent / saved) if saved > 0 else math.inf


def ends(rung, volume, per_error):
    """The least and the most that so many requests may cost."""
    low, high = wilson(rung.right, rung.total)
    return (rung.fixed[0] + volume * (rung.per_call + (1 - high) * per_error),
            rung.fixed[1] + volume * (rung.per_call + (1 - low) * per_error))


def reaching(rungs, target):
    return [rung for rung in rungs if wilson(rung.right, rung.total)[0] >= target]


def middle(rung, volume, per_error):
    return sum(rung.fixed) / 2 + volume * (rung.per_call + (1 - rung.right / rung.total) * per_error)


def by_bands(rungs, volume, target, per_error):
    """Choose the rung whose dearest case is cheaper than every other's cheapest."""
    fit = sorted(reaching(rungs, target), key=lambda rung: ends(rung, volume, per_error)[1])
    if not fit:
        return None
    clear = all(ends(fit[0], volume, per_error)[1] < ends(rung, volume, per_error)[0] for rung in fit[1:])
    return fit[0].name if clear else "cannot tell"


def cheapest(rungs, volume, target, per_error):
    fit = reaching(rungs, target)
    return min(fit, key=lambda rung: middle(rung, volume, per_error)).name if fit else None


def by_tokens(rungs, volume, target, per_error):
    return by_bands(rungs, volume, target, 0.0)


def whatever_the_target(rungs, volume, target, per_error):
    return by_bands(rungs, volume, 0.0, per_error)


def by_point_estimate(rungs, volume, target, per_error):
    return by_bands([rung for rung in rungs if rung.right / rung.total >= target], volume, 0.0, per_error)


WRONG = {
    "06.1": {
        "untouched": ((lambda n, cached, out, price: (n * price[0] + cached * price[1] + out * price[2]) / 1e6,),
                      "paid for twice"),
        "as if nothing were cached": ((lambda n, cached, out, price: billed(n, 0, out, price),), "at the full price"),
        "cached is free": ((lambda n, cached, out, price: billed(n - cached, 0, out, price),), "cheap, and not free"),
        "a token's price": ((lambda *call: 1e6 * billed(*call),), "for a million tokens"),
        "writing at the price of reading": ((lambda *call: billed(*call[:3], (*call[3][:2], call[3][0])),),
                                            "at its own price"),
    },
    "06.2": {
        "divides and no more": ((lambda spent, before, after, fewer=0, each=0: spent / (before - after),),
                                "Requests are whole"),
        "rounds down": ((lambda *case: back_after(*case) if math.isinf(back_after(*case)) else
                         max(0, back_after(*case) - 1),), "the last one has to be counted"),
        "a negative number": ((lambda spent, before, after, fewer=0, each=0: math.ceil(
            spent / (before - after + fewer * each or 1e-9)),), "never paid back"),
        "errors left out": ((lambda spent, before, after, fewer=0, each=0: back_after(spent, before, after),),
                            "by errors that are not made"),
        "None for never": ((lambda *case: None if math.isinf(back_after(*case)) else back_after(*case),),
                           "which is no number of requests"),
    },
    "06.3": {
        "the training alone": (({"training": 2.88},), "Reckon every line from its own words"),
        "what they spoiled is left": (({"training": 2.88, "after": 0.000045},), "uses a number that you corrected"),
        "a right line": ((RIGHT | {"people": 1_000.0},), "'people' was right as printed"),
        "as printed": ((RIGHT | {"after": 0.0000225},), "a tuned model has a price of its own"),
        "another number": ((RIGHT | {"training": 8.64},), "every epoch reads all tokens again"),
        "a line that is not there": (({"epochs": 3},), "there is no line 'epochs'"),
    },
    "06.4": {
        "whatever the target": ((whatever_the_target, []), "no rung reaches the target"),
        "by the point estimate": ((by_point_estimate, []), "the lower end of the other's interval"),
        "by tokens alone": ((by_tokens, []), "a wrong answer costs more than all tokens"),
        "by the middle alone": ((cheapest, []), "either may be cheaper"),
    },
}
test_what_a_wrong_answer_is_told = telling(WRONG)


def test_every_way_to_write_the_right_price_is_right():
    assert "to the last digit" in praise("06.1", billed)


def test_the_course_prices_a_call_alike():
    luna = price_of("gpt-6-luna")
    assert cost._price(2_000, 1_500, 50, (0.10, 0.01, 0.50)) == pytest.approx(luna.of(Tokens(2_000, 1_500, 50)))


def test_break_even_agrees_with_the_course():
    assert "8 cases" in praise("06.2", back_after)
    spent, before, after, *_ = cost.BREAKS[2]
    assert back_after(spent, before, after) == math.ceil(break_even(spent, before - after))


def test_the_articles_right_numbers_follow_from_its_words():
    training, people = 800 * 400 * 3 * 3 / 1e6, 25 * 80
    before, after = 900 * 0.15 / 1e6, 150 * 2 * 0.15 / 1e6
    saved, errors = 100_000 * (before - after), 0.03 * 100_000
    right = dict(zip(cost.COMES_TO, [training, people, before, after, saved, errors, (training + people) / saved],
                     strict=True))
    assert right == pytest.approx(cost.COMES_TO, rel=1e-3)
    assert "two lines that they spoiled" in praise("06.3", {name: right[name] for name in cost.SLIPS})


def test_a_choice_by_bands_is_as_good_as_one_by_draws():
    assert "100 tickets: prompt" in praise("06.4", by_bands, [cost.PROMPT, cost.FITTED, cost.TUNED])


def test_the_solutions_scores_and_prices_are_those_that_the_notebook_measured():
    typed = re.findall(r'Rung\("(.+?)", \(.+?\), ([\d.]+)(?: / 1_000)?, (\d+), (\d+)\)', source("06.4"))
    [path] = NOTEBOOKS.glob("06_*.ipynb")
    text = "\n".join(text_of(output) for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", []))
    assert len(typed) == 4
    for name, price, right, total in typed:
        row = rf"{re.escape(name)}\s+{right} of {total}\s+\d+\s+\$(\S+)"
        assert float(re.search(row, text)[1]) == float(price), name
