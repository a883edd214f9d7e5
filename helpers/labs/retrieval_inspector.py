"""A question, the passages that three ways to search find for it, and what the model makes of them.

Does not: choose a search. One question shows how it works, and proves nothing.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import ipywidgets as widgets

from helpers.labs import page
from helpers.labs.inspection import MOST, ORDER, Choice, Inspection, Seen, summary
from helpers.labs.work import Work, said
from helpers.retrieval import Hit, Index

SCORES = {"keyword": "BM25", "dense": "cosine", "hybrid": "fused ranks"}
FIRST = 220     # characters of a passage that are shown at once


def retrieval_inspector(indexes: dict[int, Index], answer: Callable[[str, list[Hit]], str],
                        gold: Callable[[str, Hit], bool | None], questions: Sequence[str], words: int = 80) -> None:
    """Show the lab. The indexes are by length of passage; the first question and `words` are what it begins with.

    `answer(question, passages)` returns the reply; `gold(question, hit)` says whether a hit holds the answer's place,
    None where nobody marked one. Example: retrieval_inspector({80: index}, from_passages, gold, questions)
    """
    lab = RetrievalInspector(indexes, answer, gold, questions, words)
    for seen in lab.inspection.looked(lab.choice):
        lab.redraw(seen)
    page.show(lab.widget, lab.html(), lab.text())


class RetrievalInspector:
    """The fields, and what they do: every change is looked up at once, on a thread of its own."""

    def __init__(self, indexes: dict[int, Index], answer: Callable[[str, list[Hit]], str],
                 gold: Callable[[str, Hit], bool | None], questions: Sequence[str], words: int = 80):
        self.inspection, self.work = Inspection(indexes, answer, gold), Work()
        self.seen: Seen | None = None
        self._fields(indexes, questions, words)
        self.stop = page.button("Stop", "Wait no longer for the model's answer", disabled=True)
        self.stop.on_click(lambda _: self.halt())
        self.message, self.result = page.Message(), widgets.HTML()
        settings = page.row(self.words, self.k, self.mode, self.stop)
        self.widget = widgets.VBox([self.listed, self.question, settings, self.message.widget, self.result],
                                   layout=page.WIDE)

    def _fields(self, indexes: dict[int, Index], questions: Sequence[str], words: int) -> None:
        self.listed = page.labelled(widgets.Dropdown(
            options=[(page.short(one, 100), one) for one in questions], description="A question of the list"))
        self.question = page.labelled(
            widgets.Text(questions[0], description="or your own", continuous_update=False))
        self.words = page.labelled(widgets.Dropdown(options=list(indexes), value=words, description="words a passage"))
        self.k = page.labelled(widgets.BoundedIntText(3, min=1, max=MOST, description="passages"))
        self.mode = page.labelled(
            widgets.Dropdown(options=ORDER, value="hybrid", description="the model reads those by"))
        self.listed.observe(lambda change: setattr(self.question, "value", change.new), "value")
        for field in (self.question, self.words, self.k, self.mode):
            field.observe(lambda _: self.begin(), "value")

    @property
    def choice(self) -> Choice:
        """What the fields say."""
        return Choice(self.question.value, self.words.value, self.k.value, self.mode.value)

    def begin(self) -> None:
        """Look up what the fields say; what was being looked up is left."""
        self.stop.disabled = False
        self.message.say("Searching …")
        self.work.start(self.inspection.looked(self.choice), self.redraw, self._ended)

    def halt(self) -> None:
        """Wait no longer for the answer."""
        self.work.stop()
        self.stop.disabled = True
        self.message.say("Stopped: the passages are there, the answer is not.")

    def _ended(self, work: Work) -> None:
        if work.error is not None:
            self.message.complain(said(work.error))
        self.stop.disabled = True

    def redraw(self, seen: Seen) -> None:
        """Show what has been found so far."""
        self.seen = seen
        self.message.say(summary(seen))
        self.result.value = self.passages()

    def passages(self) -> str:
        """Return the passages of the three searches side by side, and the answer below."""
        hits = [self.seen.hits[mode] for mode in ORDER]
        rows = [[_passage(self.seen, mode, n) for mode in ORDER] for n in range(max(map(len, hits)))]
        head = [f"by {mode} ({SCORES[mode]})" for mode in ORDER]
        answer = "… the model is reading" if self.seen.answer is None else escape(self.seen.answer)
        return (f"{page.table(head, rows)}<p>From the passages by {self.seen.choice.mode} the model says: "
                f"<b>{answer}</b></p>")

    def html(self) -> str:
        """Return what a page without widgets shows."""
        return (f"<p>{escape(self.seen.choice.question)}</p><p>{escape(self.message.text)} Scores of different kinds "
                f"have no common scale.</p>{self.passages()}")

    def text(self) -> str:
        """Return the same as plain text."""
        lines = [f"by {mode}: " + "; ".join(f"{hit.source} {hit.start} ({hit.score:.2f})" for hit in hits)
                 for mode, hits in self.seen.hits.items()]
        return "\n".join([self.seen.choice.question, *lines, f"The model says: {self.seen.answer}", self.message.text])


def _passage(seen: Seen, mode: str, n: int) -> str:
    """Return a passage as a cell: its score and place, the beginning, the rest to unfold."""
    if n >= len(seen.hits[mode]):
        return "–"
    hit, text = seen.hits[mode][n], " ".join(str(seen.hits[mode][n]).split())
    gold = page.coloured(" ★ holds the answer's place", page.GOOD) if seen.golden[mode][n] else ""
    head = f"{n + 1}. {hit.score:.3f}, {escape(hit.source.removesuffix('.md'))}{gold}<br>"
    if len(text) <= FIRST:
        return head + escape(text)
    return f"{head}<details><summary>{escape(page.short(text, FIRST))}</summary>{escape(text)}</details>"
