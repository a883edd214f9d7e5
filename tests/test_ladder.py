"""The ladder climbs a reader's own rows and says no more than they allow."""
from __future__ import annotations

import pandas as pd
import pytest

from helpers import ladder
from helpers.evaluation import Run
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


@pytest.fixture
def own_rows(tmp_path):
    words = {"fruit": ["apple", "pear", "plum", "fig"], "tool": ["saw", "hammer", "drill", "file"]}
    lines = [f"a {word} number {n},{label}" for label, found in words.items() for word in found for n in range(5)]
    path = tmp_path / "own.csv"
    path.write_text("text,label\n" + "\n".join(lines) + "\n")
    return path


def test_prompted_rungs_ask_the_chosen_model_and_are_scored(own_rows, loopback, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", loopback(lambda *asked: answer("fruit")))
    monkeypatch.setenv("COURSE_MODEL", "any")
    task = load_task(own_rows)
    runs = [ladder.evaluate(rung.build(task), task.test, name=rung.name) for rung in ladder.RUNGS if rung.prompted]
    assert [run.accuracy for run in runs] == [0.5, 0.5]
    assert loopback.count == 2 * len(task.test)


def test_rows_too_few_to_split_are_refused_with_what_would_do(tmp_path, capsys):
    path = tmp_path / "few.csv"
    path.write_text("text,label\none,a\ntwo,b\n")
    with pytest.raises(ladder.TaskError, match="Label at least 10 rows for each label"):
        ladder.report(load_task(path), 0.9, 200)


def test_a_target_in_percent_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["ladder", "my.csv", "--target", "90"])
    with pytest.raises(SystemExit):
        ladder.main()
    assert "write 90% as 0.90" in capsys.readouterr().err


def test_a_missing_column_is_one_sentence_on_the_command_line(tmp_path, monkeypatch):
    path = tmp_path / "odd.csv"
    path.write_text("text,colour\none,red\n")
    monkeypatch.setattr("sys.argv", ["ladder", str(path)])
    with pytest.raises(SystemExit, match=r"odd\.csv has no column of labels: it has text, colour"):
        ladder.main()


@pytest.mark.live
def test_the_whole_ladder_runs_on_own_rows(own_rows, capsys):
    runs = ladder.report(load_task(own_rows), 0.9, 200)
    assert [run.name for run in runs] == [rung.name for rung in ladder.RUNGS]
    assert all(run.failed == 0 for run in runs)
    assert "95% interval" in capsys.readouterr().out
