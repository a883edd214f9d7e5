"""Questions as they are kept and as a page without widgets shows them."""
from __future__ import annotations

import pytest

from helpers.exercises import questions as module
from helpers.exercises.questions import as_html, as_text, questions

QUIZ = """
[[question]]
text = "Is 1 < 2?"
options = [{ text = "yes & always", right = true, why = "Count." }, { text = "no", why = "1 < 2." }]

[[question]]
text = "And 2 < 1?"
options = [{ text = "no", right = true, why = "Count back." }]
"""


@pytest.fixture(autouse=True)
def kept(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "QUIZZES", tmp_path)
    (tmp_path / "01.toml").write_text(QUIZ, encoding="utf-8")


def test_questions_are_named_by_their_place():
    first, second = questions("01")
    assert (first.name, second.name, second.text) == ("quiz 01.1", "quiz 01.2", "And 2 < 1?")


def test_a_notebook_without_a_quiz_has_no_questions():
    assert questions("99") == []


def test_an_option_says_whether_it_is_right_and_why():
    right, wrong = questions("01")[0].options
    assert (right.said, wrong.said) == ("Right: Count.", "No: 1 < 2.")


def test_a_page_unfolds_each_option_into_its_reason():
    page = as_html(questions("01"))
    assert page.count("<details>") == 3 and "<b>Is 1 &lt; 2?</b>" in page
    assert "<summary>yes &amp; always</summary><p>Right: Count.</p>" in page


def test_plain_text_gives_nothing_away():
    assert as_text(questions("01")) == "Is 1 < 2?\n  - yes & always\n  - no\n\nAnd 2 < 1?\n  - no"


def test_a_word_that_is_no_part_of_an_option_is_an_error(tmp_path):
    (tmp_path / "02.toml").write_text('[[question]]\ntext = "?"\noptions = [{ text = "a", wy = "b" }]', "utf-8")
    with pytest.raises(TypeError, match="wy"):
        questions("02")
