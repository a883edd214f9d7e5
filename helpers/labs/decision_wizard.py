"""A case as a form, filled in with what was measured, and what four checklists and the course's table say of it.

Does not: decide. It shows which fact turns which verdict.
"""
from __future__ import annotations

from html import escape

import ipywidgets as widgets

from helpers.checklists import Facts, Verdict
from helpers.labs import page
from helpers.labs.choices import FIELDS, LIKE, ONE_OF, YES, Field, Form
from helpers.labs.work import said


def decision_wizard(cases: dict[str, Facts]) -> None:
    """Show the lab; it begins with the first of the cases. Example: decision_wizard({"tickets": tickets})"""
    if not cases:
        raise ValueError("There is no case to decide on. Give one: decision_wizard({'mine': Facts(labels=600)}).")
    wizard = DecisionWizard(cases)
    page.show(wizard.widget, wizard.html(), wizard.text())


class DecisionWizard:
    """The form, and what follows from it: every change is judged at once."""

    def __init__(self, cases: dict[str, Facts]):
        self.cases = cases
        self.case = page.labelled(widgets.Dropdown(options=list(cases), description="case"))
        self.fields = {field.name: _widget(field) for field in FIELDS}
        self.again = page.button("As measured", "Put every field back to what was measured")
        self.message, self.result = page.Message(), widgets.HTML()
        self.fill()
        self.case.observe(lambda _: self.fill(), "value")
        self.again.on_click(lambda _: self.fill())
        for name, field in self.fields.items():
            field.observe(lambda change, name=name: self.put(name, change["new"]), "value")
        grid = widgets.GridBox(list(self.fields.values()), layout=widgets.Layout(
            width="100%", grid_template_columns="repeat(auto-fit, minmax(min(22em, 100%), 1fr))", grid_gap=".2em 1em"))
        self.widget = widgets.VBox([page.row(self.case, self.again), grid, self.message.widget, self.result],
                                   layout=page.WIDE)

    def fill(self) -> None:
        """Put the chosen case into the form, as it was measured."""
        self.form, self._filling = Form(self.cases[self.case.value]), True
        for name, field in self.fields.items():
            field.value = self.form.text(name)
        self._filling = False
        self.redraw()

    def put(self, name: str, text: str) -> None:
        """Take what was typed; what cannot be read is said, and the verdicts stay those of before."""
        if self._filling:
            return
        try:
            self.form.put(name, text)
        except ValueError as error:
            self.message.complain(said(error))
        else:
            self.redraw()

    def redraw(self) -> None:
        """Show the verdicts."""
        changes = self.form.changes()
        self.message.say(f"Changed: {'; '.join(changes)}." if changes else "As measured. An empty field is unknown.")
        self.result.value = self.verdicts()

    def verdicts(self) -> str:
        """Return what each checklist says, its questions to unfold."""
        return page.table(["checklist", "says", "of the case as measured", "answered no, or unknown"],
                          [[escape(now.who), _says(now, then), escape(then.says), _questions(now)]
                           for now, then in self.form.verdicts()])

    def html(self) -> str:
        """Return what a page without widgets shows: the first case and its verdicts."""
        known = page.table(["fact", "as measured or decided"], [
            [escape(field.question), escape(self.form.text(field.name) or "unknown")] for field in FIELDS])
        return f"<p>The case: {escape(self.case.value)}</p>{known}{self.verdicts()}"

    def text(self) -> str:
        """Return the same as plain text."""
        said_of = [f"{now.who}: {now.says}" for now, _ in self.form.verdicts()]
        return "\n".join([f"The case: {self.case.value}", *said_of])


def _widget(field: Field) -> widgets.Widget:
    if field.kind == YES:
        options = [("unknown", ""), "yes", "no"]
    elif field.kind == ONE_OF:
        options = [("unknown", ""), *field.options]
    else:
        return page.labelled(widgets.Text(description=field.question, placeholder=f"like {LIKE[field.kind]}",
                                          continuous_update=False))
    pairs = [one if isinstance(one, tuple) else (one, one) for one in options]
    return page.labelled(widgets.Dropdown(options=pairs, value="", description=field.question))


def _says(now: Verdict, then: Verdict) -> str:
    """Return a verdict, one that has turned with a word beside the colour."""
    return escape(now.says) if now.says == then.says else page.coloured(f"{now.says} (turned)", page.BAD)


def _questions(verdict: Verdict) -> str:
    """Return the questions that were not answered yes; all of them with their reasons to unfold."""
    first = "; ".join(f"{check.question} {check.said}" for check in verdict.open) or "none"
    every = "".join(f"<li>{escape(str(check))}</li>" for check in verdict.checks)
    return f"<details><summary>{escape(first)}</summary><ul>{every}</ul></details>"
