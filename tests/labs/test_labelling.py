"""The labelling lab by buttons and by keys."""
from __future__ import annotations

import pytest

from helpers.labs import labelling, page
from helpers.labs.labelling import Labelling

ROWS = [(f"row {n}", ("in", "out")[n % 2]) for n in range(9)]


@pytest.fixture
def lab():
    return Labelling(ROWS, ["in", "out"], repeated=3)


def typed(lab, text: str):
    lab.keys.value = text
    return lab


def test_a_button_keeps_a_label_and_shows_the_next_row(lab):
    first = lab.session.item
    lab.buttons[1].click()
    assert lab.session.given == {first: "out"} and lab.session.item.text in lab.shown.value
    assert lab.message.text.startswith("Kept: out. 1 of 12 labelled. Kept in labels/mine.jsonl")


def test_keys_do_the_same_and_several_at_once_are_several_rows(lab):
    typed(typed(lab, "1"), "122")
    assert list(lab.session.given.values()) == ["in", "out", "out"]


def test_the_backspace_and_the_button_take_a_label_back(lab):
    typed(typed(lab, "12"), "1")
    assert list(lab.session.given.values()) == ["in"]
    lab.back.click()
    assert lab.session.given == {} and lab.message.text.startswith("Taken back.")
    lab.back.click()
    assert lab.message.text.startswith("There is nothing to take back.")


def test_a_key_that_is_none_is_named_and_labels_nothing(lab):
    typed(lab, "7")
    assert lab.message.text == "Not done: '7' is no key: type 1 to 2." and lab.session.done == 0


def test_clearing_the_field_labels_nothing(lab):
    typed(typed(lab, "12"), "")
    assert lab.session.done == 2


def test_at_the_end_both_agreements_are_said_and_the_buttons_rest(lab):
    known = dict(ROWS)
    while lab.session.item is not None:
        lab.give(known[lab.session.item.text])
    assert "with yourself: 3 of 3 the same" in lab.shown.value and "with the file: 9 of 9" in lab.shown.value
    assert all(button.disabled for button in lab.buttons)
    lab.give("in")
    assert lab.session.done == 12
    lab.back.click()
    assert not lab.buttons[0].disabled


def test_a_disk_that_is_full_is_told_and_the_row_stays(lab, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")
    monkeypatch.setattr("helpers.labs.session.os.fsync", full)
    first = lab.session.item
    lab.buttons[0].click()
    assert "No space left" in lab.message.text and lab.session.item == first


def test_rows_may_come_without_labels_and_it_says_so_by_saying_less():
    lab = Labelling([text for text, _ in ROWS], ["in", "out"], "plain")
    while lab.session.item is not None:
        lab.give("in")
    assert "with the file" not in lab.shown.value


def test_a_row_is_never_taken_for_markup():
    assert "&lt;b&gt;" in Labelling(["<b>x</b>", "<b>y</b>"], ["in", "out"], "tags").shown.value


def test_without_widgets_it_is_the_first_row_and_the_labels(monkeypatch):
    shown = []
    monkeypatch.setattr(page, "display", lambda bundle, raw: shown.append(bundle))
    mine = labelling(ROWS, ["in", "out"], "paper")
    assert mine.item.text in shown[0]["text/html"] and "<li>out</li>" in shown[0]["text/html"]
    assert shown[0]["text/plain"] == "0 of 15 labelled." and mine.table().empty
