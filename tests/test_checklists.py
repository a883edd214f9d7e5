"""The checklists answer from what was measured, say when they cannot know, and disagree where the articles do."""
from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from helpers import checklists
from helpers.checklists import FACTS, FORM, REASONING, Check, Facts, Gain, Score, articles, decide, trouble_of
from helpers.evaluation import Run, compare

# a task with everything done and measured, which every checklist tunes
DONE = Facts(labels=600, trouble=FORM, changing=False, formulations=12, shots=10, retrieval=True, cleaned=True,
             metric=True, prompt=Score("prompt", 100, 300), cheaper=Score("nearest", 123, 300),
             baseline=Score("regression", 90, 300), gain=Gain(110, 20, 300), over_baseline=Gain(130, 10, 300),
             target=0.9, requests=1_000_000, retraining=True)


def says(facts: Facts) -> dict[str, str]:
    return {one.who: one.says for one in [*articles(facts), decide(facts)]}


def changed(**facts: object) -> dict[str, str]:
    return says(replace(DONE, **facts))


def run(name: str, marks: list[bool]) -> Run:
    rows = [{"id": str(i), "expected": "a", "reply": "a", "right": right} for i, right in enumerate(marks)]
    return Run(name, pd.DataFrame(rows), pd.DataFrame())


def test_with_everything_done_all_say_tune():
    assert set(says(DONE).values()) == {"tune"}


@pytest.mark.parametrize(("fact", "who", "verdict"), [
    ({"labels": 499}, "A", "prompt"), ({"labels": 99}, "C", "not yet"),
    ({"labels": 99}, "D", "improve the data, or retrieve"), ({"labels": 99}, "ours", "label first"),
    ({"trouble": REASONING}, "A", "prompt"), ({"trouble": FACTS}, "C", "not yet"),
    ({"trouble": FACTS}, "D", "retrieve"), ({"trouble": FACTS}, "ours", "retrieve"),
    ({"changing": True}, "ours", "retrieve"),
    ({"prompt": None}, "A", "prompt"), ({"shots": 2}, "C", "not yet"), ({"shots": 2}, "D", "prompt"),
    ({"shots": 0}, "E", "not yet"), ({"formulations": 4}, "E", "not yet"), ({"formulations": 4}, "D", "prompt"),
    ({"retrieval": False}, "E", "not yet"), ({"cleaned": False}, "E", "not yet"), ({"metric": False}, "C", "not yet"),
    ({"retraining": False}, "C", "not yet"), ({"requests": 100_000}, "D", "not worth its fixed cost"),
    ({"gain": Gain(25, 20, 300)}, "D", "stay with the base model"),
    ({"over_baseline": Gain(40, 41, 300)}, "ours", "use the baseline"),
    ({"target": 0.3}, "ours", "stop here"), ({"target": 0.3}, "E", "not yet"), ({"target": 0.3}, "C", "not yet"),
    ({"gain": Gain(20, 25, 300), "must": 0.2}, "ours", "not yet"),
])
def test_one_fact_turns_a_verdict(fact, who, verdict):
    assert changed(**fact)[who] == verdict


@pytest.mark.parametrize(("fact", "who"), [
    ({"target": None}, "C"), ({"target": None}, "E"), ({"target": None}, "ours"), ({"target": 0.4}, "E"),
    ({"labels": None}, "ours"), ({"trouble": None}, "ours"), ({"gain": None}, "D"), ({"gain": None}, "ours"),
    ({"baseline": None}, "ours"), ({"cheaper": None}, "C"), ({"retraining": None}, "C"), ({"requests": None}, "D"),
    ({"must": 0.3}, "ours"),
])
def test_what_is_unknown_is_to_be_measured_first(fact, who):
    assert changed(**fact)[who] == "measure first"


def test_they_disagree_on_the_same_facts():
    tickets = changed(trouble=REASONING, requests=50_000, retraining=None, over_baseline=Gain(40, 41, 300))
    assert tickets == {"A": "prompt", "C": "measure first", "D": "not worth its fixed cost", "E": "tune",
                       "ours": "use the baseline"}


def test_a_gap_is_significant_only_against_a_target():
    assert checklists.gap("", replace(DONE, target=None)).said == "unknown"
    assert checklists.gap("", DONE).said == "yes"
    assert checklists.gap("", replace(DONE, target=0.3)).said == "no"


def test_the_first_no_of_d_decides_and_an_unknown_before_it_counts():
    assert changed(formulations=1, requests=10)["D"] == "prompt"
    assert changed(formulations=None, requests=10)["D"] == "measure first"


def test_one_no_outweighs_an_unknown():
    assert checklists.all_or([Check("", None, ""), Check("", False, "")], "not yet") == "not yet"
    assert checklists.both("", Check("", None, "a"), Check("", False, "b")) == Check("", False, "a; b")


def test_our_table_names_every_row_it_looked_at():
    stopped = decide(replace(DONE, target=0.3))
    assert [check.said for check in stopped.checks] == ["yes"]
    assert [check.said for check in decide(DONE).checks] == ["no", "no", "no", "no", "yes"]


def test_without_a_tuned_model_the_baseline_is_held_against_the_prompts():
    untuned = replace(DONE, gain=None, over_baseline=None)
    assert decide(replace(untuned, baseline=Score("regression", 212, 300))).says == "use the baseline"
    assert decide(untuned).says == "measure first"


def test_the_target_must_be_cleared_by_the_lower_end():
    reaching = replace(DONE, baseline=Score("regression", 212, 300))
    assert decide(replace(reaching, target=0.65)).says == "stop here"
    assert decide(replace(reaching, target=0.70)).says != "stop here"


def test_what_is_wrong_is_read_from_the_replies():
    assert trouble_of(valid=287, right=100, total=300) == REASONING
    assert trouble_of(valid=3, right=1, total=300) == FORM
    assert trouble_of(valid=180, right=35, total=180, about_facts=True) == FACTS


def test_scores_and_gains_come_from_runs():
    a, b = run("a", [True, False, False, False]), run("b", [False, True, True, True])
    assert Score.of(b) == Score("b", 3, 4)
    assert Gain.of(compare(a, b)) == Gain(3, 1, 4)
    assert str(Gain(3, 1, 4)).startswith("+50.0 points")
    assert str(Score("b", 3, 4)) == "b: 3 of 4 (30% to 95%)"


def test_a_verdict_shows_its_questions():
    text = str(articles(replace(DONE, retraining=None))[1])
    assert text.startswith("C: measure first") and "unknown retraining planned?" in text


def test_cases_stand_side_by_side():
    table = checklists.side_by_side(checklists.varied(DONE, target=[None, 0.3], labels=[60]))
    assert list(table.index) == ["target None", "target 0.3", "labels 60"]
    assert list(table.columns) == ["A", "C", "D", "E", "ours"]
    assert table.loc["target 0.3", "ours"] == "stop here"
