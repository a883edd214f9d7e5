"""The table of two models counts pairs, and says how sure it is."""
from __future__ import annotations

import pandas as pd
import pytest

from helpers.instructions.measures import Question
from helpers.instructions.report import answer, side_by_side


def rows(model: str, right: list[bool]) -> list[dict]:
    return [{"measure": "bare", "id": i, "model": model, "valid": True, "right": one} for i, one in enumerate(right)]


def test_the_difference_is_counted_item_by_item():
    both = pd.DataFrame(rows("raw", [True, False, False, False]) + rows("tuned", [False, True, True, True]))
    line = side_by_side(both).loc["bare"]
    assert (line["n"], line["raw"][:3], line["tuned"][:3]) == (4, "25%", "75%")
    assert line["difference"].startswith("+50 (")


class Recorder:
    """An engine's stand-in that keeps what it was asked."""

    def complete(self, request: dict) -> dict:
        self.request = request
        return {"choices": [{"message": {"content": "x"}}]}


@pytest.mark.parametrize(("question", "grammar", "tokens"), [
    (Question("q", [], "a"), False, 24), (Question("q", [], "a", "label", ("a", "b")), True, 24),
    (Question("q", [], {"a": 1}, as_json=True), False, 96)])
def test_a_schema_becomes_a_grammar_and_json_gets_room(question, grammar, tokens):
    engine = Recorder()
    assert answer(engine, question) == "x"
    assert ("grammar" in engine.request, engine.request["max_tokens"]) == (grammar, tokens)
    assert engine.request["temperature"] == 0
