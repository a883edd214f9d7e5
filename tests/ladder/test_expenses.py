"""What calls cost, and when training pays."""
from __future__ import annotations

import pandas as pd

from helpers.evaluation import Run
from helpers.ladder.expenses import break_even, per_thousand


def run_with(name: str, seconds: float, right: int = 1) -> Run:
    rows = pd.DataFrame({"prompt_tokens": [100, 300], "completion_tokens": [2, 2], "cost": [0.001, 0.003],
                         "seconds": [seconds] * 2, "right": [i < right for i in range(2)]})
    return Run(name, rows, pd.DataFrame())


def test_a_thousand_calls_are_the_mean_a_thousand_times():
    found = per_thousand(run_with("a", 0.5))
    assert (found.tokens_in, found.tokens_out, found.dollars, found.seconds) == (200, 2, 2.0, 500.0)


def test_the_best_prompted_method_is_what_it_is_held_against():
    steps = [{"kind": "baseline", "once": 0}, {"kind": "model", "once": 0}, {"kind": "model", "once": 0},
             {"kind": "tuned", "once": 130.0}]
    runs = [run_with("b", 0.0), run_with("worse", 0.3, 0), run_with("best", 0.75), run_with("tuned", 0.10)]
    assert "after about 200 calls" in break_even(runs, steps) and "'best'" in break_even(runs, steps)
    assert "no call is saved" in break_even([*runs[:3], run_with("tuned", 1.0)], steps)
    assert break_even(runs[:3], steps[:3]).startswith("Nothing was trained")
    assert "no prompted method" in break_even([runs[0], runs[3]], [steps[0], steps[3]])
