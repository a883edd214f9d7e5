"""How a lab stands on a page: a bundle that works without widgets, labels, and messages that are read out."""
from __future__ import annotations

import ipywidgets as widgets

from helpers.labs import page


def test_a_lab_and_what_stands_for_it_are_one_display(monkeypatch):
    shown = []
    monkeypatch.setattr(page, "display", lambda bundle, raw: shown.append((bundle, raw)))
    page.show(widgets.VBox([]), "<p>table</p>", "table")
    [(bundle, raw)] = shown
    assert raw and bundle["text/html"] == "<p>table</p>" and bundle["text/plain"] == "table"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_what_widgets_have_no_setting_for_is_styled_in_labs_alone(monkeypatch):
    shown = []
    monkeypatch.setattr(page.widgets.VBox, "_repr_mimebundle_", lambda box: shown.append(box) or {})
    monkeypatch.setattr(page, "display", lambda bundle, raw: None)
    page.show(widgets.HTML("lab"), "", "")
    [box] = shown
    assert "course-lab" in box._dom_classes and box.children[0].value == page.STYLE
    assert all(line.startswith(".course-lab ") for line in page.STYLE.splitlines()[1:-1])


def test_a_message_is_read_out_and_cannot_be_taken_for_markup():
    message = page.Message()
    message.say("a < b")
    assert 'role="status"' in message.widget.value and "a &lt; b" in message.widget.value
    message.complain("k=0. Take 1.")
    assert message.text == "Not done: k=0. Take 1." and page.BAD in message.widget.value


def test_a_table_names_its_columns_for_who_cannot_see_it():
    assert page.table(["who"], [["A"]], "Verdicts").count('scope="col"') == 1
    assert "<caption" in page.table(["who"], [["A"]], "Verdicts") and "<caption" not in page.table(["who"], [])


def test_a_field_keeps_its_whole_label_and_a_button_its_words():
    field = page.labelled(widgets.IntText(3, description="passages in the prompt"))
    assert field.style.description_width == "initial"
    assert page.button("Stop", "Stop it").layout.width == "auto"


def test_a_long_text_is_cut_at_a_word():
    assert page.short("one two three", 9) == "one two …" and page.short("a\nb") == "a b"
