"""Rows that every method has wrong are read first."""
from __future__ import annotations

import pandas as pd

from helpers.evaluation import Run
from helpers.ladder.errors import LONGEST, confused, shown, to_read

FOUND = {"task": {"kind": "labels", "headline": "label"},
         "questions": [{"id": f"e{i}", "input": f"text {i}", "expected": "late"} for i in range(4)]}


def run_with(*right: bool, replies: tuple = ("lost",) * 4, error: str = "") -> Run:
    rows = pd.DataFrame({"id": [f"e{i}" for i in range(4)], "right": right, "reply": replies, "error": error,
                         "expected": "late"})
    return Run("m", rows, pd.DataFrame({"label": right}, index=rows.id))


def test_wrong_rows_come_in_the_order_of_how_few_had_them_right():
    one, other = run_with(False, False, True, False), run_with(True, False, True, True)
    found = to_read(one, [one, other], FOUND)
    assert [(row.id, row.right_elsewhere) for row in found] == [("e1", 0), ("e0", 1), ("e3", 1)]
    assert (found[0].input, found[0].expected, found[0].said) == ("text 1", "late", "lost")


def test_a_failed_call_is_shown_by_its_error():
    one = run_with(*[False] * 4, replies=(None,) * 4, error="Timeout: slow")
    assert to_read(one, [one], FOUND)[0].said == "Timeout: slow"


def test_confusions_are_counted_however_a_reply_is_written():
    one = run_with(*[False] * 4, replies=("Lost.", '{"label": "lost"}', "", '{"broken'))
    assert confused(one, FOUND) == [("late", "lost", 2)]
    assert confused(one, FOUND | {"task": {"kind": "records", "headline": ""}}) == []


def test_values_are_shown_in_short():
    assert [shown(value) for value in (None, "", 0, {"a": None})] == ["(nothing)", "(nothing)", "0", '{"a": null}']
    assert shown({"label": "x", "y": 1}, "label") == "x" and len(shown("x" * 999)) == LONGEST + 2
