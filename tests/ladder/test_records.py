"""Records of any shape are compared part by part."""
from __future__ import annotations

import pytest

from helpers.ladder.kinds import shape
from helpers.ladder.records import OwnRecords, alike
from helpers.tasks import Example


@pytest.mark.parametrize(("right", "said", "same"), [
    (True, True, True), (True, 1, False), (False, None, False), (12.5, "12,50 €", True), (None, None, True),
    (["a", "b"], ["A", "b."], True), (["a"], ["a", "b"], False), (["a"], "a", False), ({"n": 1}, {"n": 1.0}, True),
    ({"n": 1}, {"n": 1, "x": 2}, False), ("a", ["a"], False), ("2026-03-14", "14 March 2026", True),
    ({"n": None}, {}, True), ("Larkfont LLC", "Larkfont", False)])
def test_values_that_mean_the_same_are_alike(right, said, same):
    assert alike(right, said) == same


def test_a_reply_is_right_if_every_field_of_every_record_is():
    task = OwnRecords("own", shape("r", [{"sum": 1.5, "paid": True}]))
    example = Example("e", "text", [{"sum": 1.5, "paid": True}], {}, task)
    replies = ('{"sum": "1,50", "paid": true}', '[{"sum": 1.5, "paid": false}]', "[]", "no", '{"sum": 1.5}')
    assert [(one.valid, one.right) for one in (task.score(example, reply) for reply in replies)] == \
        [(False, False), (True, False), (True, False), (False, False), (False, False)]
    assert task.score(example, '{"sum": 1.50, "paid": true}').right
