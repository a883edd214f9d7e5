"""What a climb will take is said before, and rows are chosen so that it fits."""
from __future__ import annotations

import pytest

from helpers.ladder import ascent, plan, rungs, wording
from helpers.ladder.rungs import Candidate, Footing, Size
from helpers.provider import Target
from helpers.tasks import Example, LabelTask

HERE, HOSTED = Target("course-135m", None, "k"), Target("gpt-6-luna", "https://api.openai.com/v1", "k")
MODEL_RUNGS = ["prompt", "schema", "few-shot", "retrieved"]


def task_of(rows: int, characters: int, labels: int = 5) -> LabelTask:
    task = LabelTask("own", {"label": {f"label {n}": "" for n in range(labels)}}, "label")
    made = [Example(f"e{i}", "x" * characters, f"label {i % labels}", {}, task) for i in range(rows)]
    task.train, task.validation, task.test = made[:rows * 6 // 10], made[rows * 6 // 10:rows * 3 // 4], made[
        rows * 3 // 4:]
    return task


def planned(task: LabelTask, target: Target = HERE, minutes: float = 15, **more) -> plan.Plan:
    found = ascent.sizes(Footing(task, wording.forms(task)["prompt"][-1]), MODEL_RUNGS)
    return plan.fitting(task, found, target, minutes=minutes, most=150, **more)


def test_600_short_rows_fit_a_quarter_of_an_hour_with_all_that_are_asked_by_default():
    found = planned(task_of(600, 220))
    assert (found.test, found.validation) == (150, 60) and found.seconds <= 15 * 60
    assert str(found).startswith("150 test rows and 60 validation rows are asked at each rung: about "
                                 f"{found.seconds / 60:.0f} minutes, free.")


def test_longer_texts_are_asked_in_fewer_rows_and_never_too_few():
    middle, long = planned(task_of(600, 900)), planned(task_of(600, 6_000))
    assert 30 <= long.test < middle.test < 150 and middle.seconds <= 15 * 60
    assert (long.test, long.validation) == (30, 20) and "more than the 15 minutes allowed: name fewer" in str(long)


def test_prompts_longer_than_the_model_reads_are_not_tried():
    found = planned(task_of(600, 6_000))
    assert "the nearest example" not in found.dropped and "5 nearest examples" in found.dropped
    assert "the model reads 7,500" in found.dropped["8 fixed examples" if "8 fixed examples" in found.dropped
                                                    else "5 fixed examples"]


def test_too_few_validation_rows_choose_nothing():
    assert planned(task_of(100, 50)).validation == 0


def test_a_hosted_model_is_priced_and_the_money_bounds_the_rows():
    task = task_of(600, 220)
    whole = planned(task, HOSTED)
    assert whole.dollars > 0.01 and f"${whole.dollars:.2f} at list price" in str(whole) and whole.test == 150
    assert planned(task, HOSTED, money=whole.dollars / 2).test < 150


@pytest.mark.parametrize(("size", "seconds"), [(Size(0, 300, 0), 10.0), (Size(300, 0, 40), 11.0)])
def test_what_prompts_share_is_read_once(size, seconds):
    assert plan.seconds(size, 10, HERE) == seconds
    assert plan.seconds(size, 8, HOSTED) == plan.WEB


def test_a_rung_with_one_candidate_is_not_asked_on_validation():
    one = Candidate("a", lambda: None, Size(0, 300, 0))
    item = plan._item("rag", [one], HERE, 10, 20)
    assert item.seconds == 10 and plan._item("rag", [one, one], HERE, 10, 20).seconds == 50
    assert plan._item(rungs.FORMS[0], [one], HERE, 10, 20).seconds == 30
