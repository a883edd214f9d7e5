"""A system prompt to edit and try on a few tickets: what is right, what is valid, which tickets changed sides.

Does not: touch the test. The examples are those for choosing by, and the lab counts how often they were used.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import ipywidgets as widgets

from helpers.evaluation import Ask, Run
from helpers.labs import page
from helpers.labs.trials import Trials
from helpers.labs.work import STOPPED, Work, said
from helpers.tasks import Example

MARKS = {"won": ("+ won", page.GOOD), "lost": ("− lost", page.BAD)}


def prompt_lab(answering: Callable[[str], Ask], examples: Sequence[Example], start: str, against: Run) -> None:
    """Show the lab. `answering(prompt)` returns what answers an example; `against` is the run to compare with first.

    Example: prompt_lab(formulation, task.validation[:20], start="Sort the message.", against=run)
    """
    lab = PromptLab(answering, examples, start, against)
    for _ in lab.trials.asked(start):
        pass
    lab.redraw()
    page.show(lab.widget, lab.html(), lab.text())


class PromptLab:
    """The fields and buttons, and what they do."""

    def __init__(self, answering: Callable[[str], Ask], examples: Sequence[Example], start: str, against: Run):
        self.trials, self.work = Trials(answering, examples), Work()
        self.trials.begin_with(against)
        self.prompt = page.labelled(widgets.Textarea(start, description="System prompt", rows=8))
        self.run = page.button("Try it", "Ask about the tickets with this prompt")
        self.stop = page.button("Stop", "Stop after the ticket that is being asked", disabled=True)
        self.message, self.result = page.Message(), widgets.HTML()
        self.run.on_click(lambda _: self.begin())
        self.stop.on_click(lambda _: self.halt())
        self.widget = widgets.VBox([self.prompt, page.row(self.run, self.stop), self.message.widget, self.result],
                                   layout=page.WIDE)

    def begin(self) -> None:
        """Try the prompt that stands in the field, on a thread of its own."""
        self._busy(True)
        self._done = 0
        self.message.say(f"Asking, 0 of {len(self.trials.examples)} …")
        self.work.start(self.trials.asked(self.prompt.value), self._one_more, self._ended)

    def halt(self) -> None:
        """Stop after the ticket that is being asked."""
        self.message.say("Stopping after this ticket …")
        self.work.stop()

    def _one_more(self, _: Run) -> None:
        self._done += 1
        self.message.say(f"Asking, {self._done} of {len(self.trials.examples)} …")

    def _ended(self, work: Work) -> None:
        if work.error is not None:
            self.message.complain(said(work.error))
        elif work.state == STOPPED:
            self.message.say(f"Stopped before all {len(self.trials.examples)} were asked: nothing is compared. What "
                             "was asked is kept, so that trying again goes on from there.")
        else:
            self.redraw()
        self._busy(False)

    def _busy(self, busy: bool) -> None:
        self.run.disabled, self.stop.disabled = busy, not busy

    def redraw(self) -> None:
        """Show the last try."""
        self.message.say(f"{self.trials.summary()} {self.trials.warning()}".strip())
        self.result.value = self.tickets()

    def tickets(self) -> str:
        """Return the tickets as a table, those that changed sides first."""
        rows = self.trials.rows().sort_values("change", ascending=False, key=lambda kind: kind.map(bool), kind="stable")
        return page.table(["ticket", "right is", "before", "now", ""], [
            [escape(page.short(row.text)), escape(row.expected), _reply(row.before), _reply(row.now or row.error),
             _mark(row)] for row in rows.itertuples()])

    def html(self) -> str:
        """Return what a page without widgets shows."""
        return (f"<p>The lab runs where there is a kernel. It begins with this prompt:</p>"
                f"<pre>{escape(self.prompt.value)}</pre><p>{escape(self.trials.summary())}</p>{self.tickets()}")

    def text(self) -> str:
        """Return the same as plain text."""
        return self.trials.summary()


def _reply(text: object) -> str:
    return escape(page.short(str(text or ""), 40))


def _mark(row: object) -> str:
    """Say in a word what became of a ticket; a colour comes on top of it."""
    text, colour = MARKS.get(row.change, ("right" if row.right else "wrong" if row.valid else "no label", page.QUIET))
    return page.coloured(text, colour)
