"""The prompt lab, its buttons pressed: it does not wait, it stops, and it says errors on the page."""
from __future__ import annotations

import threading
from functools import partial

import pytest

from helpers.labs import page, prompt_lab
from helpers.labs.prompt_lab import PromptLab
from tests.labs.tries import EXAMPLES, HALF, RIGHT, answering, run


@pytest.fixture
def lab():
    return PromptLab(answering, EXAMPLES, RIGHT, run(HALF))


def pressed(lab) -> PromptLab:
    lab.run.click()
    lab.work.join()
    return lab


def test_a_try_shows_what_changed_sides_first(lab):
    lab.prompt.value = "out out out out in in"
    shown = pressed(lab).result.value
    assert shown.index("+ won") < shown.index("ticket 0") and shown.index("− lost") < shown.index("ticket 0")
    assert "1 won, 1 lost" in lab.message.text and lab.stop.disabled and not lab.run.disabled


def test_it_can_be_stopped_while_it_asks_and_goes_on_later():
    gate = threading.Event()
    lab = PromptLab(partial(answering, gate=gate), EXAMPLES, RIGHT, run(HALF))
    lab.run.click()
    assert lab.run.disabled and not lab.stop.disabled
    lab.stop.click()
    gate.set()
    lab.work.join()
    assert lab.message.text.startswith("Stopped before all 6") and "nothing is compared" in lab.message.text
    assert len(lab.trials.runs) == 1 and not lab.run.disabled
    assert "3 won, 0 lost" in pressed(lab).message.text


def test_an_error_stands_in_the_lab(lab):
    lab.prompt.value = ""
    assert pressed(lab).message.text.startswith("Not done: The prompt is empty")
    assert not lab.run.disabled


def test_what_is_asked_and_said_cannot_be_taken_for_markup(lab):
    lab.prompt.value = "<b>x</b> in out in out in"
    assert "&lt;b&gt;x" in pressed(lab).result.value and "<b>x" not in lab.result.value


def test_without_widgets_it_is_the_first_comparison(monkeypatch):
    shown = []
    monkeypatch.setattr(page, "display", lambda bundle, raw: shown.append(bundle))
    prompt_lab(answering, EXAMPLES, start=RIGHT, against=run(HALF))
    assert "+ won" in shown[0]["text/html"] and RIGHT in shown[0]["text/html"]
    assert shown[0]["text/plain"].startswith("try 2: 6 of 6 right")


def test_every_field_and_button_has_words(lab):
    assert lab.prompt.description and lab.run.description and lab.stop.tooltip
