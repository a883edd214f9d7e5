"""Long work beside the page: a thread of its own, so that a button can stop it and no cell waits for it.

    work = Work()
    work.start(steps, each=show_one, end=show_end)      steps: any iterator; `each` sees every one of its items
    work.stop()                                         after the step that is being done

A page's buttons are not heard while a cell runs; that is why the work may not be done in the cell.
Does not: know what is shown.
"""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from openai import OpenAIError

IDLE, RUNNING, STOPPED, DONE, FAILED = "idle", "running", "stopped", "done", "failed"

Each = Callable[[object], None]
End = Callable[["Work"], None]


class Work:
    """One thing at a time. What is started takes the place of what was running, which then says nothing more."""

    def __init__(self) -> None:
        self.state = IDLE
        self.error: Exception | None = None
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        self._turn = threading.Lock()

    @property
    def running(self) -> bool:
        return self.state == RUNNING

    def start(self, steps: Iterable, each: Each, end: End) -> None:
        """Begin. `each` is called with every item and `end` once, when it is done, stopped or failed."""
        halt = threading.Event()
        with self._turn:
            self._halt.set()
            self._halt, self.state, self.error = halt, RUNNING, None
        self._thread = threading.Thread(target=self._run, args=(steps, halt, each, end), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Do no further step. The one that is being done is finished first."""
        self._halt.set()

    def pause(self, seconds: float) -> None:
        """Wait between two steps, shorter if it is stopped meanwhile."""
        self._halt.wait(seconds)

    def join(self, seconds: float = 60) -> None:
        """Wait until nothing is running: for tests and measurements."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self, steps: Iterable, halt: threading.Event, each: Each, end: End) -> None:
        state, error = DONE, None
        try:
            for item in steps:
                if not self._told(halt, each, item):
                    state = STOPPED
                    break
        except Exception as failure:        # it is shown in the lab: a thread has nobody to raise to
            state, error = FAILED, failure
        with self._turn:
            if self._halt is not halt:      # something else was started meanwhile
                return
            self.state, self.error = state, error
        end(self)

    def _told(self, halt: threading.Event, each: Each, item: object) -> bool:
        """Pass an item on unless the work was stopped; say whether it goes on."""
        if not halt.is_set():
            each(item)
        return not halt.is_set()


def said(error: Exception) -> str:
    """Return an error as a lab says it, and what next where the error, being no one's of this course, does not say.

    Example: said(KeyError("label")) -> "KeyError: 'label'. Nothing was lost: change it and try again."
    """
    if isinstance(error, OpenAIError | ValueError | LookupError) and str(error).rstrip().endswith("."):
        return str(error)
    return f"{type(error).__name__}: {str(error).rstrip('.')}. Nothing was lost: change it and try again."
