"""The first rungs in one call say no more than the rows allow."""
from __future__ import annotations

import pandas as pd
import pytest

from helpers import ladder
from helpers.evaluation import Run, evaluate
from helpers.tasks import load_task
from tests.talking import answer


def run_with(name: str, right: int, total: int) -> Run:
    rows = pd.DataFrame({"right": [i < right for i in range(total)]})
    return Run(name, rows, pd.DataFrame())


@pytest.mark.parametrize("right, total, begins", [
    (290, 300, "Enough: 'better'"),             # 97%, low end 94%
    (18, 20, "Cannot tell: 'better' may reach"),  # 90%, interval 70 to 97%
    (150, 300, "Not yet: even the high end of the best rung, 'better'"),
])
def test_the_verdict_is_no_surer_than_the_rows_allow(right, total, begins):
    assert ladder.verdict([run_with("worse", 1, total), run_with("better", right, total)], 0.9).startswith(begins)


def test_the_cheapest_rung_that_is_enough_is_named():
    runs = [run_with("cheap", 295, 300), run_with("dear", 299, 300)]
    assert "'cheap'" in ladder.verdict(runs, 0.9)


def test_prompted_rungs_ask_the_chosen_model_and_are_scored(tmp_path, loopback, monkeypatch):
    path = tmp_path / "own.csv"
    path.write_text("text,label\n" + "".join(f"a thing number {n},{'ab'[n % 2]}\n" for n in range(24)))
    monkeypatch.setenv("OPENAI_BASE_URL", loopback(lambda *asked: answer("a")))
    monkeypatch.setenv("COURSE_MODEL", "any")
    task = load_task(path)
    runs = [evaluate(rung.build(task), task.test, name=rung.name) for rung in ladder.RUNGS if rung.prompted]
    assert [run.accuracy for run in runs] == [0.5, 0.5]
    assert loopback.count == 2 * len(task.test)
