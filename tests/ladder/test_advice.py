"""What follows from the runs is no surer than they are."""
from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from helpers.evaluation import Run
from helpers.intervals import wilson
from helpers.ladder.advice import _seen, advice, rising, rows_to_tell


def run_with(name: str, right: int, total: int = 100, first: int = 0) -> Run:
    """A run that has the rows from `first` right."""
    rows = pd.DataFrame({"id": [f"e{i}" for i in range(total)], "expected": "a", "reply": "b",
                         "right": [first <= i < first + right for i in range(total)]})
    return Run(name, rows, pd.DataFrame(index=rows.id))


def test_the_lowest_rung_whose_interval_clears_the_target_is_named_with_the_luck_in_it():
    given = advice([run_with("low", 10), run_with("mid", 97), run_with("high", 99)], 0.9)
    assert given.run.name == "mid" and given.head.startswith("Enough: 'mid' reaches 90%")
    assert "97 of 100" in given.sure and "3 methods were held against the target" in given.sure and "8%" in given.sure


def test_where_rows_are_too_few_it_says_how_many_would_tell():
    given = advice([run_with("a", 45, 50)], 0.85)
    needed = rows_to_tell(45, 50, 0.85)
    assert given.run is None and given.head.startswith("Cannot tell")
    assert f"{needed - 50:,} more test rows" in given.sure
    assert wilson(0.9 * needed, needed)[0] >= 0.85 > wilson(0.9 * (needed - 1), needed - 1)[0]


@pytest.mark.parametrize(("right", "target", "side"), [(46, 0.85, "above"), (40, 0.85, "below")])
def test_it_says_on_which_side_more_rows_would_put_it(right, target, side):
    assert f"would put it {side} 85%" in advice([run_with("a", right, 50)], target).sure


def test_a_score_that_is_the_target_is_never_told_apart():
    assert rows_to_tell(45, 50, 0.9) is None
    assert "100,000 test rows would not tell" in advice([run_with("a", 45, 50)], 0.9).sure


def test_out_of_reach_is_said_with_the_best():
    given = advice([run_with("a", 30), run_with("b", 50)], 0.9)
    assert given.head.startswith("Not yet") and "The best, 'b', is right on 50 of 100" in given.sure


@pytest.mark.parametrize(("detectable", "words"), [
    (0.06, "These rows show a difference of 6 points or more; a smaller one may be there."),
    (1.0, "Too few rows differ to say what these could have shown.")])
def test_what_the_rows_could_have_shown_is_said(detectable, words):
    assert _seen(SimpleNamespace(detectable=detectable)) == words


def test_without_a_target_the_lowest_rung_that_was_not_beaten_is_named():
    given = advice([run_with("low", 40), run_with("mid", 78), run_with("high", 80)])
    assert given.run.name == "mid" and "+2.0 points" in given.sure and "Too few rows differ" in given.sure
    given = advice([run_with("low", 40), run_with("high", 80)])
    assert given.run.name == "high" and "every rung below it was shown to be worse" in given.head
    given = advice([run_with("only", 40)])
    assert given.head == "No rung is right more often than 'only', 40 of 100." and "best of" not in given.sure


def test_a_curve_that_rises_is_one_of_the_things_that_would_change_it():
    points = [{"method": "m", "n": 50, "right": [1, 0, 0, 0]}, {"method": "m", "n": 100, "right": [1, 1, 1, 0]},
              {"method": "o", "n": 100, "right": [1, 0, 0, 0]}]
    assert rising(points) == "More training rows: from 50 to 100 of them m went +50 points on 4 validation rows."
    assert rising([]) == rising(points[:1]) == ""
    assert advice([run_with("a", 50)], 0.9, rising(points)).change[1] == rising(points)
