"""A run is known by what decides its answers, and read back as it was kept."""
from __future__ import annotations

import json

import pytest

from helpers import compare
from helpers.experiments import Asked, Exam, Point, points
from helpers.local.jobs import Hyperparameters
from helpers.tasks import Score

EXAMPLES = [{"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "yes"}]}
            for n in range(50)]


def exam(*questions: str) -> Exam:
    return Exam("test", [Asked(one, [{"role": "user", "content": one}], lambda reply: Score(True, reply == "yes"))
                         for one in questions])


def point(**other: object) -> Point:
    usual = {"experiment": "toy", "settings": {"n": 50}, "training": EXAMPLES, "exams": [exam("a", "b")]}
    return Point(**usual | other)


@pytest.fixture
def kept(monkeypatch, tmp_path):
    monkeypatch.setattr(points, "RESULTS", tmp_path)

    def keep(*rows: dict) -> None:
        points.path_of("toy").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return keep


def row(n: int, replies: str) -> dict:
    """A kept run whose answers are y (right), n (wrong) or ? (not valid)."""
    rows = [[f"q{i}", said != "?", said == "y", said] for i, said in enumerate(replies)]
    return {"settings": {"n": n}, "id": f"id{n}", "date": "2026-01-01", "examples": n, "seconds": 90.0,
            "exams": {"test": {"seconds": 2.0, "prompt_tokens": 40, "completion_tokens": 4, "rows": rows}}}


def test_auto_is_resolved_from_the_number_of_examples():
    assert point().recipe == Hyperparameters(3, 4, 1.0)
    assert point(hyperparameters=Hyperparameters(n_epochs=10)).recipe.n_epochs == 10


def test_an_adapter_is_known_by_data_recipe_rank_and_seed_and_not_by_what_is_asked():
    one = point()
    assert point(settings={"n": 1}, exams=[exam("c")]).adapter_id == one.adapter_id
    others = [point(training=EXAMPLES[:-1]), point(rank=4), point(seed=1), point(hyperparameters=Hyperparameters(1))]
    assert len({one.adapter_id, *(other.adapter_id for other in others)}) == 5


def test_a_run_is_another_when_something_else_is_asked():
    assert point(exams=[exam("a", "c")]).id != point().id == point(settings={"n": 2}).id


def test_results_are_a_row_each_run(kept):
    kept(row(25, "yn?n"), row(50, "yyyn"))
    table = points.results("toy")
    assert table.n.tolist() == [25, 50]
    assert table[["test right", "test valid", "test n"]].to_numpy().tolist() == [[1, 3, 4], [3, 4, 4]]
    assert table.minutes.tolist() == [1.5, 1.5]


def test_a_kept_run_can_be_compared(kept):
    kept(row(25, "yn?n"), row(50, "yyyn"))
    fewer, more = (points.run_of("toy", "test", n=n) for n in (25, 50))
    assert (fewer.right, fewer.total, fewer.valid_rate) == (1, 4, 0.75)
    assert fewer.rows.prompt_tokens.tolist() == [10] * 4 and fewer.rows.seconds.sum() == 2.0
    assert (compare(fewer, more).won, compare(fewer, more).lost) == (2, 0)


def test_a_run_that_is_not_there_says_how_to_make_it(kept):
    with pytest.raises(LookupError, match=r"python -m helpers\.experiments toy"):
        points.results("toy")
    kept(row(25, "y"), row(50, "y"))
    for wrong in [{"n": 1}, {}]:
        with pytest.raises(LookupError, match="of 'toy' have"):
            points.run_of("toy", "test", **wrong)
    with pytest.raises(LookupError, match="0 runs"):
        points.run_of("toy", "oral", n=25)
