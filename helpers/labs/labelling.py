"""Label your own rows with buttons or keys, ten of them twice, and see how far you agree with yourself.

Does not: show a row's label before you have given yours.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import ipywidgets as widgets

from helpers.labs import page
from helpers.labs.session import COUNT, REPEATED, Agreement, Session
from helpers.labs.work import said

KEYS = 9        # labels that have a digit; the others have their button


def labelling(rows: Sequence[str | tuple[str, str]], labels: Sequence[str], name: str = "mine", *, count: int = COUNT,
              repeated: int = REPEATED) -> Session:
    """Show the lab, and return what holds the labels: `.table()`, `.agreement()`.

    `rows` are texts, or pairs of a text and the label it has, which is compared with yours at the end. What you label
    is kept under `name` and goes on there. Raises ValueError. Example: mine = labelling(texts, ["loans", "rooms"])
    """
    lab = Labelling(rows, labels, name, count=count, repeated=repeated)
    page.show(lab.widget, lab.html(), lab.text())
    return lab.session


class Labelling:
    """The row at hand, a button and a key for each label, and what they do."""

    def __init__(self, rows: Sequence[str | tuple[str, str]], labels: Sequence[str], name: str = "mine",
                 **settings: int):
        self.expected = dict(row for row in rows if not isinstance(row, str))
        self.session = Session([row if isinstance(row, str) else row[0] for row in rows], labels, name, **settings)
        self.shown, self.message = widgets.HTML(), page.Message()
        self.buttons = [page.button(f"{n} {label}" if n <= KEYS else label, f"Call this row {label}")
                        for n, label in enumerate(labels, 1)]
        for button, label in zip(self.buttons, labels, strict=True):
            button.on_click(self._pressed(label))
        self.back = page.button("Back", "Take the last label back")
        self.back.on_click(lambda _: self.take_back())
        self.keys = page.labelled(widgets.Text("", description=f"or type here, 1 to {min(len(labels), KEYS)}"))
        self.keys.observe(self._typed, "value")
        self.widget = widgets.VBox([self.shown, page.row(*self.buttons, self.back), self.keys, self.message.widget],
                                   layout=page.WIDE)
        self.redraw()

    def _pressed(self, label: str) -> Callable[[widgets.Button], None]:
        return lambda _: self.give(label)

    def give(self, label: str) -> None:
        """Call the row at hand so, and show the next one."""
        if self.session.item is None:
            return
        try:
            self.session.label(label)
        except (OSError, ValueError) as error:      # a full disk, a folder that may not be written
            self.message.complain(said(error))
        else:
            self.redraw(f"Kept: {label}.")

    def take_back(self) -> None:
        """Take the last label back, and show its row again."""
        item = self.session.back()
        self.redraw("Taken back." if item else "There is nothing to take back.")

    def _typed(self, change: dict) -> None:
        """Read what was added to the field; taking away its last character takes a label back."""
        before, now = change["old"], change["new"]
        if before.startswith(now) and len(now) == len(before) - 1:
            self.take_back()
        elif now.startswith(before):
            for key in now[len(before):]:
                self._key(key)

    def _key(self, key: str) -> None:
        names = dict(zip("123456789", self.session.labels, strict=False))
        if key in names:
            self.give(names[key])
        elif key.strip():
            self.message.complain(f"{key!r} is no key: type 1 to {len(names)}.")

    def redraw(self, told: str = "") -> None:
        """Show the row at hand, or how it went."""
        item = self.session.item
        for button in self.buttons:
            button.disabled = item is None
        self.shown.value = self.result() if item is None else f'<p style="font-size:1.2em">{escape(item.text)}</p>'
        self.message.say(f"{told} {self.text()}".strip())

    def text(self) -> str:
        """Say how far it has come."""
        where = f" Kept in {self.session.file.parent.name}/{self.session.file.name} of the store's folder."
        return f"{self.session.done} of {len(self.session.plan)} labelled.{where if self.session.done else ''}"

    def found(self) -> list[Agreement]:
        """Return the agreements that there are, with oneself first."""
        every = [self.session.agreement(), self.session.agreement_with(self.expected)]
        return [one for one in every if one is not None]

    def result(self) -> str:
        """Return how far the labels agree, as HTML, and what to make of it."""
        said_of = "".join(f"<li>{escape(str(one))}</li>" for one in self.found())
        return (f"<p>All are labelled. Agreement</p><ul>{said_of}</ul><p>No model that learns from labels can be known "
                "to be better than the labels agree with themselves. Where you differ, mend the guide first.</p>")

    def html(self) -> str:
        """Return what a page without widgets shows."""
        item = self.session.item
        if item is None:
            return self.result()
        keys = "".join(f"<li>{escape(label)}</li>" for label in self.session.labels)
        return (f"<p>The lab runs where there is a kernel: a row, a button and a key for each label, "
                f"{sum(one.again for one in self.session.plan)} rows a second time. The first row:</p>"
                f"<blockquote>{escape(item.text)}</blockquote><ol>{keys}</ol><p>{escape(self.text())}</p>")
