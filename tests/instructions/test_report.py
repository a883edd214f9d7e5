"""The table of two models counts pairs, and says how sure it is."""
from __future__ import annotations

import pandas as pd
import pytest

from helpers.instructions import report
from helpers.instructions.measures import Question
from helpers.instructions.report import answer, ask_all, markdown, side_by_side


def rows(model: str, right: list[bool]) -> list[dict]:
    return [{"measure": "bare", "id": i, "model": model, "valid": True, "right": one} for i, one in enumerate(right)]


def test_the_difference_is_counted_item_by_item():
    both = pd.DataFrame(rows("raw", [True, False, False, False]) + rows("tuned", [False, True, True, True]))
    line = side_by_side(both).loc["bare"]
    assert (line["n"], line["raw"][:3], line["tuned"][:3]) == (4, "25%", "75%")
    assert line["points"].startswith("+50 (") and line["valid"] == "100% → 100%"


def test_the_model_that_stands_first_is_the_one_before():
    turned = pd.DataFrame(rows("tuned", [True, True]) + rows("raw", [False, False]))
    assert side_by_side(turned).loc["bare"].points.startswith("-100 (")


def test_models_that_were_asked_different_questions_are_not_compared():
    with pytest.raises(ValueError, match="were not asked the same questions"):
        side_by_side(pd.DataFrame(rows("raw", [True]) + rows("tuned", [True, True])))


def test_a_table_is_written_as_markdown():
    table = pd.DataFrame({"n": [204]}, index=pd.Index(["bare question"], name="measure"))
    assert markdown(table) == "| measure | n |\n|---|---|\n| bare question | 204 |"


class Recorder:
    """An engine's stand-in that keeps what it was asked."""

    def complete(self, request: dict) -> dict:
        self.request = request
        return {"choices": [{"message": {"content": "x"}}]}


@pytest.mark.parametrize(("question", "grammar", "tokens"), [
    (Question("q", [], "a"), False, 24), (Question("q", [], "a", "label", ("a", "b")), True, 24),
    (Question("q", [], {"a": 1}, as_json=True), False, 24),
    (Question("q", [], {"a": 1, "b": 2}, as_json=True), False, 96)])
def test_a_schema_becomes_a_grammar_and_json_gets_room(question, grammar, tokens):
    engine = Recorder()
    assert answer(engine, question) == "x"
    assert ("grammar" in engine.request, engine.request["max_tokens"]) == (grammar, tokens)
    assert engine.request["temperature"] == 0


@pytest.fixture
def two_measures(monkeypatch) -> list[str]:
    """Two measures of one question each, and an engine's stand-in; returns the list of what is asked."""
    said: list[str] = []

    class Echo:
        def __init__(self, path):
            self.path = path

        def complete(self, request: dict) -> dict:
            said.append(f"{self.path} {request['messages'][0]['content']}")
            return {"choices": [{"message": {"content": "a"}}]}
    monkeypatch.setattr(report, "ChatEngine", Echo)
    monkeypatch.setattr(report, "MEASURES", {name: lambda tasks, nearest, name=name: [
        Question(f"{name}/0", [{"role": "user", "content": name}], "a")] for name in ("one", "two")})
    return said


def test_what_was_asked_before_a_kill_is_not_asked_again(two_measures, tmp_path):
    kept = tmp_path / "rows.csv"
    whole = ask_all({"raw": "r", "tuned": "t"}, [], None, kept)
    assert two_measures == ["r one", "r two", "t one", "t two"] and whole.right.all()
    pd.read_csv(kept).iloc[:3].to_csv(kept, index=False)        # as if it had been killed before the last measure
    two_measures.clear()
    again = ask_all({"raw": "r", "tuned": "t"}, [], None, kept)
    assert two_measures == ["t two"]
    assert again.values.tolist() == whole.values.tolist() == pd.read_csv(kept).values.tolist()
