"""A gate stops what is worse, lets pass what is not, and says where the rows are too few."""
from __future__ import annotations

import pandas as pd
import pytest

from helpers import gates
from helpers.evaluation import Run
from helpers.gates import FAIL, OPEN, PASS, gate
from tests.talking import examples


def run_of(marks: str, *, valid: str = "", tokens: int = 100, error: str = "") -> Run:
    """A run whose rows are right where `marks` has a 1."""
    form = valid or "1" * len(marks)
    rows = pd.DataFrame([{"id": f"e{i}", "expected": "delivery", "reply": "x", "valid": form[i] == "1",
                          "right": mark == "1", "error": error if not i else "", "prompt_tokens": tokens,
                          "completion_tokens": 2, "cost": 0.0, "seconds": 0.1} for i, mark in enumerate(marks)])
    return Run("run", rows, pd.DataFrame(index=rows.id))


def verdicts(before: Run, after: Run, **options: object) -> dict[str, str]:
    found = gate(before, after, options.pop("examples", examples(before.total)), **options)
    return {check.name: check.verdict for check in found.checks}


def test_the_same_run_passes_every_check():
    found = gate(run_of("10" * 50), run_of("10" * 50), examples(100))
    assert found.passed and found.proven
    assert [check.name for check in found.checks] == [
        "calls", "valid form", "score", "slices", "must be right", "tokens"]


def test_a_clear_loss_is_stopped():
    found = gate(run_of("1" * 100), run_of("0" * 12 + "1" * 88), examples(100))
    assert not found.passed
    assert "-12.0 points" in str(found) and "fail  score" in str(found)


def test_a_loss_that_cannot_be_told_from_luck_is_open_and_says_how_many_rows_it_takes():
    found = gate(run_of("1100" * 10), run_of("1010" * 10), examples(40))
    score = next(check for check in found.checks if check.name == "score")
    assert score.verdict == OPEN and "rows to see" in score.why
    assert found.passed and not found.proven


def test_the_margin_decides_what_a_loss_is():
    before, after = run_of("1" * 400), run_of("0" + "1" * 399)
    assert verdicts(before, after)["score"] == PASS
    assert verdicts(before, after, margin=0.001)["score"] == OPEN
    with pytest.raises(ValueError, match="no number of rows"):
        gate(before, after, examples(400), margin=0)


def test_replies_that_lost_their_form_are_stopped_whatever_the_score():
    assert verdicts(run_of("1" * 40), run_of("1" * 40, valid="0" * 8 + "1" * 32))["valid form"] == FAIL


def test_a_failed_call_is_named():
    found = gate(run_of("1" * 20), run_of("1" * 20, error="BadRequestError: no"), examples(20))
    assert "1 failed; the first: BadRequestError: no" in str(found)


def test_rows_that_were_repaired_once_must_stay_right():
    assert verdicts(run_of("1111"), run_of("1101"), must=["e0", "e2"])["must be right"] == FAIL
    assert verdicts(run_of("1111"), run_of("1101"), must=["e0", "e3"])["must be right"] == PASS


def test_tokens_may_grow_only_so_much():
    assert verdicts(run_of("11"), run_of("11", tokens=150))["tokens"] == FAIL
    assert verdicts(run_of("11"), run_of("11", tokens=150), growth=2)["tokens"] == PASS


def test_a_slice_that_pays_for_the_rest_is_stopped():
    rows = examples(80)
    for i, one in enumerate(rows):
        one.tags["slices"] = ["angry"] if i < 20 else ["calm"]
    before, after = run_of("1" * 20 + "0" * 60), run_of("0" * 12 + "1" * 28 + "0" * 40)
    found = gate(before, after, rows)
    assert "angry: 12 lost, 0 won of 20" in str(found)
    assert not found.passed


def test_a_tag_with_one_value_is_a_slice_too():
    rows = examples(4)
    for i, one in enumerate(rows):
        one.tags["channel"] = "chat" if i < 3 else "email"
    found = gates.by_slice(run_of("0000"), run_of("1001"), rows, "channel")
    assert {name: (one.won, one.total) for name, one in found.items()} == {"chat": (1, 3), "email": (1, 1)}


def test_runs_on_other_rows_are_refused():
    with pytest.raises(ValueError, match="not run on these 3 examples"):
        gate(run_of("11"), run_of("11"), examples(3))
