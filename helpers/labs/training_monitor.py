"""A training job on the page: its losses, the time that is left, and a button that cancels it.

Looks as finetuning.watch does, from a thread, so that the notebook goes on meanwhile. Does not: start a job.
"""
from __future__ import annotations

from html import escape

import ipywidgets as widgets
from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob

from helpers import finetuning
from helpers.finetuning import Look
from helpers.labs import page
from helpers.labs.work import STOPPED, Work, said
from helpers.settings import setting

KEY = "Line: loss on what is learned. Dots: on what is only watched. Left to right: steps; the floor is 0."
SURE = "Press again to cancel for good"


def training_monitor(client: OpenAI, job: FineTuningJob | str, every: float = 2.0) -> None:
    """Show a job; look again every so many seconds until it has ended. Example: training_monitor(client, job)"""
    monitor = TrainingMonitor(client, job, every)
    monitor.redraw(next(finetuning.follow(client, job)))
    if not monitor.look.ended and setting("COURSE_REPLAY") != "only":
        monitor.begin()
    page.show(monitor.widget, monitor.html(), monitor.text())


class TrainingMonitor:
    """The picture and the buttons, and what they do."""

    def __init__(self, client: OpenAI, job: FineTuningJob | str, every: float = 2.0):
        self.client, self.job, self.every = client, job, every
        self.work, self.cancelling = Work(), Work()
        self.look: Look | None = None
        self.again = page.button("Look again", "Watch this job once more", disabled=True)
        self.stop = page.button("Stop looking", "The job goes on without being watched", disabled=True)
        self.cancel = page.button("Cancel the job", "End the training; what it has learned is lost", disabled=True)
        self.again.on_click(lambda _: self.begin())
        self.stop.on_click(lambda _: self.work.stop())
        self.cancel.on_click(lambda _: self.ask_or_cancel())
        self.message, self.result = page.Message(), widgets.HTML()
        self.widget = widgets.VBox([self.message.widget, self.result, page.row(self.again, self.stop, self.cancel)],
                                   layout=page.WIDE)

    def begin(self) -> None:
        """Watch, on a thread of its own, until the job has ended or somebody stops looking."""
        self._buttons(looking=True)
        looks = finetuning.follow(self.client, self.job, self.every, wait=self.work.pause)
        self.work.start(looks, self.redraw, self._ended)

    def ask_or_cancel(self) -> None:
        """Ask at the first press, cancel at the second."""
        if self.cancel.description != SURE:
            self.cancel.description = SURE
            return
        self.cancel.disabled = True
        self.message.say("Cancelling …")
        self.cancelling.start(self._cancelled(), lambda _: None, self._told)

    def _cancelled(self):
        yield self.client.fine_tuning.jobs.cancel(self.look.name)

    def _told(self, work: Work) -> None:
        """Say what became of the wish to cancel; that the job has ended is seen by looking, as ever."""
        self.cancel.description = "Cancel the job"
        if work.error is not None:
            self.message.complain(said(work.error))
        if not self.work.running:
            self.begin()

    def _ended(self, work: Work) -> None:
        self._buttons(looking=False)
        if work.error is not None:
            self.message.complain(said(work.error))
        elif work.state == STOPPED:
            self.message.say(f"{self.look.name} goes on without being watched.")

    def _buttons(self, looking: bool) -> None:
        going = self.look is None or not self.look.ended
        self.again.disabled, self.stop.disabled = looking or not going, not looking
        self.cancel.disabled = not going

    def redraw(self, look: Look) -> None:
        """Show what was seen."""
        self.look = look
        self.message.say(self.text())
        self.result.value = self.picture()
        self._buttons(looking=self.work.running)

    def text(self) -> str:
        """Say how the job is doing, and once it has ended, what it left."""
        job = self.look.job
        if not self.look.ended:
            return self.look.line
        left = {"succeeded": f"It has succeeded: the model is {job.fine_tuned_model}",
                "cancelled": "It was cancelled: there is no model"}.get(
            job.status, f"It has {job.status}: {job.error.message if job.error else 'no reason is given'}")
        return f"{self.look.line if self.look.found else self.look.name}. {left}"

    def picture(self) -> str:
        """Return the losses as a drawing, and how to read it."""
        drawn = finetuning.plot(self.look.found)
        return f"{drawn}<p>{KEY}</p>" if drawn else "<p>No step has been measured yet.</p>"

    def html(self) -> str:
        """Return what a page without widgets shows: the job as it was then."""
        return f"<p>{escape(self.text())}</p>{self.picture()}"
