"""A short quiz: buttons where there are widgets, and the same questions to unfold where there are none.

Does not: reach a network, or count wrong tries.
"""
from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets as widgets

from helpers.exercises import diary
from helpers.exercises.questions import Option, Question, as_html, as_text, questions
from helpers.labs import page


def quiz(number: str) -> None:
    """Show a notebook's questions; each option says at once what is right or wrong about it.

    Raises LookupError when the notebook has none. Example: quiz("01")
    """
    asked = questions(number)
    if not asked:
        raise LookupError(f"Notebook {number!r} has no quiz.")
    page.show(widgets.VBox([_with_buttons(one) for one in asked]), as_html(asked), as_text(asked))


def _with_buttons(question: Question) -> widgets.Widget:
    said = widgets.HTML(layout=widgets.Layout(min_height="2em"))
    buttons = [page.button(option.text, option.text) for option in question.options]
    for button, option in zip(buttons, question.options, strict=True):
        button.layout.width = "100%"
        button.on_click(_chosen(option, said, question.name))
    return widgets.VBox([widgets.HTML(f"<b>{escape(question.text)}</b>"), *buttons, said])


def _chosen(option: Option, said: widgets.HTML, name: str) -> Callable[[widgets.Button], None]:
    def show(_: widgets.Button) -> None:
        said.value = escape(option.said)
        if option.right:
            diary.enter(name)
    return show
