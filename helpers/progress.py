"""A progress bar for long work that leaves no trace in a saved notebook.

It appears only when the work takes longer than a second, and never where every reply is replayed
(COURSE_REPLAY=only): a notebook that is compared with its saved outputs must not depend on the machine's speed.
"""
from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

from helpers.settings import setting

LONG = 90           # seconds from which a time is said in minutes
PATIENCE = 1.0      # seconds before a bar appears
REFRESH = 0.3       # seconds between two looks


def duration(seconds: float) -> str:
    """Return a time as people say it. Example: duration(38.2) -> "38 s"; duration(147) -> "2 minutes" """
    return f"{max(1, round(seconds))} s" if seconds < LONG else f"{seconds / 60:.0f} minutes"


class Progress:
    """Example: `with Progress("zero-shot", 300) as bar: bar.step()`"""

    def __init__(self, name: str, total: int):
        self.name, self.total, self.done = name, total, 0
        self.started = self._shown = time.monotonic()
        self._silent = setting("COURSE_REPLAY") == "only"
        self._bar: _NotebookBar | tqdm | None = None

    def __enter__(self) -> Progress:
        return self

    def step(self) -> None:
        """Count one item as done."""
        self.done += 1
        now = time.monotonic()
        if not self._silent and now - self.started > PATIENCE and now - self._shown > REFRESH:
            self._show()
            self._shown = now

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def _show(self) -> None:
        if self._bar is None:
            self._bar = _NotebookBar() if in_notebook() else tqdm(total=self.total, desc=self.name, leave=False)
        if isinstance(self._bar, tqdm):
            self._bar.update(self.done - self._bar.n)
        else:
            self._bar.show(self.name, self.done, self.total, time.monotonic() - self.started)


class Fleeting:
    """A display that is emptied at the end: an empty display is nothing on the page and nothing on paper."""

    def __init__(self) -> None:
        from IPython.display import display
        self._display = display({}, raw=True, display_id=True)

    def put(self, text: str, html: str) -> None:
        """Show this in place of what was shown before."""
        self._display.update({"text/plain": text, "text/html": html}, raw=True)

    def close(self) -> None:
        """Leave nothing."""
        self._display.update({}, raw=True)


class _NotebookBar(Fleeting):
    def show(self, name: str, done: int, total: int, seconds: float) -> None:
        left = seconds / done * (total - done)
        text = f"{name}: {done} of {total}, about {left:.0f} s left"
        self.put(text, f'<progress value="{done}" max="{total}" aria-label="{name}"></progress> {text}')


def in_notebook() -> bool:
    """Say whether there is a page to show something on, and not only a terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")
