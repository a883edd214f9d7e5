"""The quiz: buttons that explain at once, the right one entered, and a page to unfold where there are no widgets."""
from __future__ import annotations

import re
from importlib import import_module

import ipywidgets as widgets
import nbformat
import pytest

from helpers.exercises import diary, quiz
from helpers.exercises.questions import QUIZZES, Question, questions
from helpers.publishing.notebooks import NOTEBOOKS
from helpers.publishing.prose import NUMBER, occurs
from tests.notebook_checks import shown_by

MODULE = import_module("helpers.exercises.quiz")     # the package gives its name to the function
NUMBERS = sorted(path.stem for path in QUIZZES.glob("*.toml"))


@pytest.fixture
def shown(monkeypatch):
    """What quiz("01") displays: the data of one output."""
    displays = []
    monkeypatch.setattr(MODULE.page, "display", lambda data, raw: displays.append(data))
    quiz("01")
    return displays[0]


def buttons_and_word(question: int) -> tuple[list[widgets.Button], widgets.HTML]:
    box = MODULE._with_buttons(questions("01")[question])
    _, *buttons, said = box.children
    return buttons, said


def test_a_page_without_widgets_gets_the_same_questions(shown):
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"} <= shown.keys()
    for one in questions("01"):
        assert one.text in shown["text/plain"] and all(option.text in shown["text/plain"] for option in one.options)


def test_every_option_is_a_button_that_says_what_is_right_or_wrong_about_it():
    buttons, said = buttons_and_word(0)
    for button, option in zip(buttons, questions("01")[0].options, strict=True):
        button.click()
        assert button.description == option.text
        assert said.value.startswith("Right: " if option.right else "No: ")


def test_only_the_right_option_is_entered():
    buttons, _ = buttons_and_word(0)
    options = questions("01")[0].options
    wrong = next(button for button, option in zip(buttons, options, strict=True) if not option.right)
    right = next(button for button, option in zip(buttons, options, strict=True) if option.right)
    wrong.click()
    assert diary.entries() == {}
    right.click()
    assert list(diary.entries()) == ["quiz 01.1"]


def test_a_notebook_without_a_quiz_is_told_so():
    with pytest.raises(LookupError, match="Notebook '00' has no quiz"):
        quiz("00")


# ---------------------------------------------------------------- a quiz is not passed without reading

def seen_without_reading(question: Question) -> tuple[int, list[int]]:
    """The place of the right option, and the lengths of all."""
    return [one.right for one in question.options].index(True), [len(one.text) for one in question.options]


RULES = {
    "the longest": lambda place, lengths: lengths[place] == max(lengths),
    "the shortest": lambda place, lengths: lengths[place] == min(lengths),
    "one of middling length": lambda place, lengths: min(lengths) < lengths[place] < max(lengths),
    "the first": lambda place, lengths: place == 0,
    "the second": lambda place, lengths: place == 1,
    "the last": lambda place, lengths: place == len(lengths) - 1,
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("number", NUMBERS)
def test_choosing_by_length_or_by_place_gets_at_most_half_of_a_quiz_right(number, rule):
    asked = questions(number)
    got = [one.text for one in asked if RULES[rule](*seen_without_reading(one))]
    assert 2 * len(got) <= len(asked), f"choosing {rule} is right {len(got)} times of {len(asked)}: {got}"


# ---------------------------------------------------------------- what an explanation says was measured

def outputs(number: str) -> str:
    """All that the cells of a notebook and its deeper half put out, but for the quiz itself."""
    cells = [cell for path in NOTEBOOKS.glob(f"{number}*.ipynb") for cell in nbformat.read(path, 4).cells]
    return shown_by(cell for cell in cells if "quiz(" not in cell.source)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_in_an_explanation_stands_in_the_question_or_in_an_output(number):
    shown = outputs(number)
    for one in questions(number):
        asked = " ".join([one.text, *(option.text for option in one.options)])
        stated = [found.rstrip(",") for option in one.options for found in re.findall(NUMBER, option.why)]
        assert [found for found in stated if not occurs(found, asked + " " + shown)] == []
