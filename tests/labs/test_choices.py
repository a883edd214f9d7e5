"""Facts as fields: what is written can be read again, what cannot be read is named, and a climb fills a form."""
from __future__ import annotations

import pytest

from helpers.checklists import Facts, Score
from helpers.labs.choices import BY_NAME, FIELDS, Form, facts_of, read, written
from helpers.ladder.findings import Step
from tests.exercises.marking import run_of
from tests.labs.cases import TICKETS


def test_every_fact_has_its_field():
    assert set(BY_NAME) == set(vars(Facts()))


@pytest.mark.parametrize("facts", [TICKETS, Facts()], ids=["measured", "unknown"])
def test_what_is_written_is_read_again_as_it_was(facts):
    for field in FIELDS:
        value = getattr(facts, field.name)
        assert read(field, written(field, value), value) == value


@pytest.mark.parametrize(("name", "text", "value"), [
    ("labels", "1,200", 1200), ("target", "0.9", 0.9), ("target", "85.5 %", 0.855), ("changing", "no", False),
    ("trouble", "facts", "facts"), ("prompt", "10/20", Score("best prompt alone", 10, 20)), ("requests", "", None)])
def test_a_value_may_be_typed_in_several_ways(name, text, value):
    assert read(BY_NAME[name], text, None) == value


@pytest.mark.parametrize(("name", "text"), [
    ("requests", "a lot"), ("labels", "-5"), ("labels", "6.5"), ("target", "120%"), ("target", "90"),
    ("baseline", "400 of 300"), ("baseline", "212"), ("baseline", "0 of 0"), ("gain", "29 points"),
    ("gain", "won 200, lost 200 of 300")])
def test_what_cannot_be_read_is_named_with_an_example(name, text):
    form = Form(TICKETS)
    with pytest.raises(ValueError, match=rf"(?s){BY_NAME[name].question}.*cannot be read.*Write it like"):
        form.put(name, text)
    assert form.facts == TICKETS


def test_a_score_that_is_corrected_keeps_its_name():
    form = Form(TICKETS)
    form.put("baseline", "150 of 300")
    assert form.facts.baseline == Score("regression", 150, 300)


def test_one_fact_turns_a_verdict_and_the_form_says_which():
    form = Form(TICKETS)
    assert form.changes() == [] and all(now.says == then.says for now, then in form.verdicts())
    form.put("labels", "60")
    assert form.changes() == ["labelled rows: 600 → 60"]
    turned = {now.who: (then.says, now.says) for now, then in form.verdicts() if now.says != then.says}
    assert turned["C"] == ("tune", "not yet") and "ours" not in turned
    form.put("labels", "")
    assert form.changes() == ["labelled rows: 600 → unknown"]


def climbed(*steps: Step) -> dict:
    return {"questions": [{"id": f"e{n}", "input": "", "expected": {"category": "billing"}} for n in range(10)],
            "steps": [step.as_json() for step in steps]}


def step(name: str, kind: str, right: int) -> Step:
    return Step(name, kind, run=run_of([n < right for n in range(10)], name=name))


def test_a_climb_fills_what_was_measured_and_leaves_the_rest_unknown():
    found = climbed(step("regression", "baseline", 6), step("most common", "baseline", 2),
                    step("prompt: names", "model", 3), step("few-shot: 4 fixed examples", "model", 5),
                    Step("fine-tune", "tuned", skipped="not named"))
    facts = facts_of(found, labels=28)
    assert (facts.baseline, facts.cheaper) == (Score("regression", 6, 10), Score("few-shot: 4 fixed examples", 5, 10))
    assert (facts.prompt, facts.formulations, facts.shots) == (Score("prompt: names", 3, 10), 1, 4)
    assert (facts.labels, facts.trouble, facts.retrieval) == (28, "reasoning", False)
    assert facts.gain is facts.target is facts.requests is facts.changing is None


def test_a_tuned_rung_is_compared_on_the_same_rows():
    facts = facts_of(climbed(step("regression", "baseline", 6), step("prompt: names", "model", 3),
                             step("tuned", "tuned", 9)))
    assert (facts.gain.won, facts.gain.lost, facts.over_baseline.won) == (6, 0, 3)


def test_a_climb_that_asked_nothing_knows_nothing():
    assert facts_of(climbed()) == Facts(metric=True, retrieval=False)
