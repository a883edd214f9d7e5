"""Prompts tried one after the other on the same few examples.

    trials = Trials(formulation, task.validation[:20])
    for row in trials.asked("Sort the message."): ...      one example at a time, so that it can be stopped
    trials.step()                                          the last run against the one before

A run that was stopped is not kept; its replies are, so that trying again goes on where it was.
Does not: show anything.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from helpers.evaluation import Ask, Comparison, Run, compare, evaluate
from helpers.tasks import Example

MANY = 3        # tries from which the best one's score is flattered enough to say so


class Trials:
    """What was tried: a run each prompt. `answering(prompt)` returns what answers an example."""

    def __init__(self, answering: Callable[[str], Ask], examples: Sequence[Example]):
        self.answering, self.examples = answering, list(examples)
        self.runs: list[Run] = []
        self.prompts: list[str] = []

    def begin_with(self, run: Run) -> None:
        """Take what a run, made elsewhere, did on these examples as the first try. Raises ValueError."""
        ids = [one.id for one in self.examples]
        rows = run.rows[run.rows.id.isin(ids)].reset_index(drop=True)
        if len(rows) < len(ids):
            raise ValueError(f"{run.name!r} has {len(rows)} of the {len(ids)} examples. Give a run on all of them.")
        self.runs.append(Run(run.name, rows, run.fields.loc[rows.id]))
        self.prompts.append("")

    def asked(self, prompt: str) -> Iterator[Run]:
        """Ask with a prompt and yield a run of one example at a time; keep the whole one. Raises ValueError."""
        if not prompt.strip():
            raise ValueError("The prompt is empty, and there is nothing to ask with. Write one into the field.")
        if self.prompts and prompt == self.prompts[-1]:
            raise ValueError(f"This is the prompt of {self.runs[-1].name}: the replies would be the same. Change it.")
        ask, parts = self.answering(prompt), []
        for example in self.examples:
            parts.append(evaluate(ask, [example], name=f"try {len(self.runs) + 1}"))
            yield parts[-1]
        self.runs.append(_joined(parts))
        self.prompts.append(prompt)

    def step(self) -> Comparison | None:
        """Return the last run compared with the one before it; None while there is one only."""
        return compare(*self.runs[-2:]) if len(self.runs) > 1 else None

    def summary(self) -> str:
        """Say how the last run did, and how it stands to the one before.

        Example: "try 2: 9 of 20 right (26% to 66%), 20 valid. Against try 1: 4 won, 1 lost (p = 0.38), which ..."
        """
        last, step = self.runs[-1], self.step()
        head = f"{last.name}: {last.right} of {last.total} right ({last.span}), {int(last.rows.valid.sum())} valid."
        if step is None:
            return head
        if not step.won and not step.lost:
            return f"{head} Against {step.a}: no ticket changed sides."
        return (f"{head} Against {step.a}: {step.won} won, {step.lost} lost (p = {step.p:.2g}), "
                f"{'more than chance explains' if step.p < 0.05 else 'which chance may explain'}.")

    def warning(self) -> str:
        """Say what trying does to the best score, once it has been done a few times."""
        if len(self.runs) < MANY:
            return ""
        best = max(self.runs, key=lambda run: run.right)
        return (f"{len(self.runs)} tries on the same {len(self.examples)}: the best, {best.name} with {best.right}, "
                "was also the luckiest. Score it anew on rows that took no part.")

    def rows(self) -> pd.DataFrame:
        """Return each example's last reply beside the one before: id, text, expected, before, now, right, change."""
        last = self.runs[-1].rows
        before = self.runs[-2].rows if len(self.runs) > 1 else None
        changes = {one.id: one.change for one in self.step().flips.itertuples()} if before is not None else {}
        texts = {one.id: one.input for one in self.examples}
        return pd.DataFrame({
            "id": last.id, "text": last.id.map(texts), "expected": [_label(one) for one in last.expected],
            "before": "" if before is None else last.id.map(dict(zip(before.id, before.reply, strict=True))),
            "now": last.reply, "right": last.right, "valid": last.valid, "error": last.error,
            "change": [changes.get(one, "") for one in last.id]})


def _joined(parts: Sequence[Run]) -> Run:
    return Run(parts[0].name, pd.concat([part.rows for part in parts], ignore_index=True),
               pd.concat([part.fields for part in parts]))


def _label(expected: object) -> str:
    """Return a right answer as one word. Example: _label({"category": "billing", "priority": "low"}) -> "billing" """
    return str(next(iter(expected.values()))) if isinstance(expected, dict) else str(expected)
