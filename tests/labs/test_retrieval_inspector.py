"""The retrieval inspector, its fields changed: a newer question takes the place of an older one, and none waits."""
from __future__ import annotations

import threading

import pytest

from helpers.labs import page, retrieval_inspector
from helpers.labs.retrieval_inspector import RetrievalInspector
from tests.labs.shelf import QUESTION, answer, gold, shelf

LISTED = [QUESTION, "is sunday fine?"]


@pytest.fixture
def lab(monkeypatch):
    return RetrievalInspector(shelf(monkeypatch), answer, gold, LISTED, words=8)


def changed(lab, field: str, value: object):
    getattr(lab, field).value = value
    lab.work.join()
    return lab


def test_a_change_of_any_field_is_looked_up_at_once(lab):
    assert "page-3" in changed(lab, "listed", "is sunday fine?").result.value and lab.question.value == LISTED[1]
    assert "read 1:" in changed(lab, "k", 1).result.value
    assert ">re closed on" in changed(lab, "words", 4).result.value
    assert "by dense the model says" in changed(lab, "mode", "dense").result.value


def test_the_place_of_the_answer_is_marked_in_words_too(lab):
    changed(lab, "k", 2)
    assert "★ holds the answer's place" in lab.result.value.replace("&#x27;", "'")
    assert lab.message.text.startswith("The answer's place: by keyword in passage 1")


def test_an_error_stands_in_the_lab_and_the_next_question_works(lab):
    assert changed(lab, "question", " ").message.text.startswith("Not done: The question is empty")
    assert "page-3" in changed(lab, "question", "is sunday fine?").result.value and lab.stop.disabled


def test_the_answer_need_not_be_waited_for(monkeypatch):
    gate, asked = threading.Event(), threading.Event()

    def slow(question: str, passages: list) -> str:
        asked.set()
        gate.wait(10)
        return "too late"
    lab = RetrievalInspector(shelf(monkeypatch), slow, gold, LISTED, words=8)
    lab.k.value = 2
    assert asked.wait(10) and "the model is reading" in lab.result.value
    lab.stop.click()
    gate.set()
    lab.work.join()
    assert "too late" not in lab.result.value and lab.message.text.startswith("Stopped")


def test_without_widgets_it_is_the_first_question(monkeypatch):
    shown = []
    monkeypatch.setattr(page, "display", lambda bundle, raw: shown.append(bundle))
    retrieval_inspector(shelf(monkeypatch), answer, gold, LISTED, words=8)
    assert "Your money" in shown[0]["text/html"] and "The model says: read 3" in shown[0]["text/plain"]


def test_every_field_has_a_label(lab):
    assert all(one.description for one in (lab.listed, lab.question, lab.words, lab.k, lab.mode, lab.stop))
