"""The decision wizard, its fields changed: what turns is marked, what cannot be read is said, nothing is lost."""
from __future__ import annotations

import pytest

from helpers.checklists import Facts
from helpers.labs import decision_wizard, page
from helpers.labs.decision_wizard import DecisionWizard
from tests.labs.cases import TICKETS


@pytest.fixture
def wizard():
    return DecisionWizard({"tickets": TICKETS, "mine": Facts(labels=60)})


def test_it_begins_as_measured(wizard):
    assert wizard.fields["gain"].value == "won 109, lost 21 of 300" and wizard.fields["target"].value == "90%"
    assert wizard.message.text.startswith("As measured") and "turned" not in wizard.result.value
    assert "use the baseline" in wizard.result.value


def test_a_change_is_judged_at_once_and_marked_in_words(wizard):
    wizard.fields["retraining"].value = ""
    assert wizard.message.text == "Changed: will somebody train again?: yes → unknown."
    assert "measure first (turned)" in wizard.result.value


def test_what_cannot_be_read_leaves_the_verdicts_as_they_were(wizard):
    before = wizard.result.value
    wizard.fields["requests"].value = "plenty"
    assert wizard.message.text.startswith("Not done: requests a year: 'plenty' cannot be read as a count.")
    assert wizard.result.value == before and wizard.form.facts == TICKETS


def test_a_case_can_be_chosen_and_put_back(wizard):
    wizard.case.value = "mine"
    assert wizard.fields["labels"].value == "60" and wizard.fields["target"].value == ""
    wizard.fields["labels"].value = "500"
    wizard.again.click()
    assert wizard.fields["labels"].value == "60" and wizard.message.text.startswith("As measured")


def test_without_widgets_it_is_the_first_case(monkeypatch):
    shown = []
    monkeypatch.setattr(page, "display", lambda bundle, raw: shown.append(bundle))
    decision_wizard({"tickets": TICKETS})
    assert "212 of 300" in shown[0]["text/html"] and shown[0]["text/plain"].splitlines()[1:] == [
        "A: prompt", "C: tune", "D: tune", "E: tune", "ours: use the baseline"]


def test_no_case_is_said():
    with pytest.raises(ValueError, match=r"no case.*decision_wizard\("):
        decision_wizard({})


def test_every_field_has_a_label(wizard):
    assert all(field.description for field in wizard.fields.values())
