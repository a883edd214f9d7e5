"""Letters are learned from pairs that are not asked about."""
from __future__ import annotations

from helpers.experiments import letters


def test_the_plan_goes_from_no_pairs_to_all():
    plan = letters.voice()
    assert [len(point.training) for point in plan] == [0, 40, 160]
    drafts = {one["messages"][1]["content"] for one in plan[-1].training}
    assert not drafts & {one.messages[1]["content"] for one in plan[-1].exams[0].questions}
    assert plan[-1].training[0]["messages"][-1]["content"].startswith("Hello")
