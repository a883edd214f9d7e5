"""The cost lab, its sliders moved: what follows is said and drawn, and on paper it is what it begins with."""
from __future__ import annotations

import pytest

from helpers.labs import cost_lab, page
from helpers.labs.cost_lab import CostLab
from helpers.labs.payback import Payback

PLAN = Payback(requests=1_000_000, hours=(15, 60), wage=(40, 120), tokens=(289, 73), price=(0.10, 0.30), points=1.0)


@pytest.fixture
def lab():
    return CostLab(PLAN)


def test_it_begins_with_the_plan(lab):
    assert lab.plan == PLAN and lab.message.text == str(PLAN)
    assert lab.fields["hours"].value == (15, 60) and lab.fields["tokens changed"].value == 73


@pytest.mark.parametrize(("name", "value", "kept"), [
    ("requests", 1e4, lambda plan: plan.requests), ("hours", (1.0, 2.0), lambda plan: plan.hours),
    ("wage", (20.0, 30.0), lambda plan: plan.wage), ("tokens", 5_000, lambda plan: plan.tokens[0]),
    ("tokens changed", 50, lambda plan: plan.tokens[1]), ("price", 2.5, lambda plan: plan.price[0]),
    ("price changed", 3.0, lambda plan: plan.price[1]), ("points", 10.0, lambda plan: plan.points),
    ("per_error", (0.0, 1.0), lambda plan: plan.per_error)])
def test_each_field_changes_its_number_and_no_other_and_what_follows_is_shown(lab, name, value, kept):
    before, drawn = vars(lab.plan), lab.picture.value
    lab.fields[name].value = value
    changed = [one for one in before if vars(lab.plan)[one] != before[one]]
    assert kept(lab.plan) == value and len(changed) == 1
    assert lab.message.text == str(lab.plan) and lab.picture.value != drawn


def test_the_picture_says_in_words_what_it_shows(lab):
    assert 'alt="Two curves of dollars in all against requests. In a year of 1,000,000 requests' in lab.picture.value
    assert "The money is back after 290,000 requests" in lab.picture.value
    lab.fields["points"].value = -5.0
    assert "The money never comes back" in lab.picture.value


def test_it_can_be_put_back(lab):
    lab.fields["points"].value, lab.fields["wage"].value = 30.0, (100.0, 110.0)
    lab.again.click()
    assert lab.plan == PLAN


def test_without_widgets_it_is_what_it_begins_with(monkeypatch):
    shown = []
    monkeypatch.setattr(page, "display", lambda bundle, raw: shown.append(bundle))
    cost_lab(PLAN)
    lines = shown[0]["text/plain"].splitlines()
    assert "hours of people, once: 15 to 60" in lines and lines[-1] == str(PLAN)
    assert "<img" in shown[0]["text/html"] and "hours of people, once" in shown[0]["text/html"]


def test_every_field_has_a_label(lab):
    assert all(field.description for field in lab.fields.values())
