"""How a lab stands on a page: widgets where a kernel runs, the same as a table or a figure where none does.

Does not: know any lab. What is shown is made of plain buttons and fields, which a keyboard reaches, each with a label.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import ipywidgets as widgets
from IPython.display import display

from helpers.figures import BLUE, GREY, VERMILLION

WIDE = widgets.Layout(width="100%", max_width="60em")
CELL = 'style="text-align:left;vertical-align:top;padding:.2em .6em"'
# What widgets have no setting for: a long word on a button goes on below, a list is as high as a field, and lines of
# text stand as close as in the rest of the notebook.
STYLE = """<style>
.course-lab button { white-space: normal; line-height: 1.5; padding-block: .2em; }
.course-lab select { min-height: 28px; }
.course-lab .widget-html-content { line-height: 1.5; }
</style>"""
GOOD, BAD, QUIET = BLUE, VERMILLION, GREY


def show(lab: widgets.Widget, html: str, text: str) -> None:
    """Display a lab, and what stands in its place where there are no widgets."""
    style = widgets.HTML(STYLE, layout=widgets.Layout(display="none"))
    lab = widgets.VBox([style, lab])
    lab.add_class("course-lab")
    display(lab._repr_mimebundle_() | {"text/html": html, "text/plain": text}, raw=True)


def button(name: str, told: str, *, disabled: bool = False) -> widgets.Button:
    """Return a button as wide as its words. `told` is what hovering over it says."""
    return widgets.Button(description=name, tooltip=told, disabled=disabled,
                          layout=widgets.Layout(width="auto", height="auto", min_height="2em"))


def row(*parts: widgets.Widget) -> widgets.Box:
    """Return widgets side by side, one below the other where the page is narrow or magnified."""
    return widgets.Box(parts, layout=widgets.Layout(display="flex", flex_flow="row wrap", align_items="center",
                                                    width="100%"))


def labelled(field: widgets.Widget, **layout: str) -> widgets.Widget:
    """Give a field a label that is written out and never cut: the field goes below it where there is no room beside."""
    field.style.description_width = "initial"
    field.layout = widgets.Layout(**{"width": "auto", "max_width": "60em", "height": "auto", "flex_flow": "row wrap"}
                                  | layout)
    return field


class Message:
    """One line that says what is going on; a screen reader reads it when it changes."""

    def __init__(self) -> None:
        self.widget = widgets.HTML(layout=widgets.Layout(min_height="1.6em", max_width="60em"))
        self.text = ""

    def say(self, text: str) -> None:
        """Say what is, or what is next."""
        self._put(text, "inherit")

    def complain(self, text: str) -> None:
        """Say what went wrong: marked by a word, not by colour alone."""
        self._put(f"Not done: {text}", BAD)

    def _put(self, text: str, colour: str) -> None:
        self.text = text
        self.widget.value = f'<span role="status" aria-live="polite" style="color:{colour}">{escape(text)}</span>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """Return a table as HTML. Cells are HTML already: escape what is not."""
    said = f'<caption style="text-align:left;padding:.2em .6em"><b>{escape(caption)}</b></caption>' if caption else ""
    top = "".join(f'<th scope="col" {CELL}>{escape(name)}</th>' for name in head)
    body = "".join("<tr>" + "".join(f"<td {CELL}>{cell}</td>" for cell in one) + "</tr>" for one in rows)
    return f"<table>{said}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def coloured(text: str, colour: str) -> str:
    """Return a text in a colour, as HTML."""
    return f'<span style="color:{colour}">{escape(text)}</span>'


def short(text: str, most: int = 90) -> str:
    """Return a text on one line, cut at a word. Example: short("one two three", 9) -> "one two …" """
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[:most].rsplit(" ", 1)[0] + " …"
