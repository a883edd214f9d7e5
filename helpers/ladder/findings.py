"""What a climb found, as plain JSON: every row, so that whoever has the report can compute every number in it anew.

    runs(found)[0].accuracy         a run for each rung that was asked, from the rows it answered

Does not: hold a number that the rows give.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from helpers.evaluation import Run
from helpers.tasks import Example

COLUMNS = ("reply", "valid", "right", "error", "prompt_tokens", "completion_tokens", "cost", "seconds")


@dataclass
class Step:
    """What became of one rung: its run on the test rows, or the reason why there is none.

    `choices` are the runs on validation that the choice among its candidates was made on.
    """

    rung: str
    kind: str
    run: Run | None = None
    skipped: str = ""
    choices: list[Run] = field(default_factory=list)
    chosen: str = ""
    once: float = 0.0       # seconds that making it ready took: fitting, embedding, training
    note: str = ""

    def as_json(self) -> dict:
        """Return the step with every row of it."""
        return {"rung": self.rung, "kind": self.kind, "name": self.run.name if self.run else self.rung,
                "skipped": self.skipped, "chosen": self.chosen, "once": round(self.once, 2), "note": self.note,
                "rows": _rows(self.run) if self.run else [],
                "choices": [{"name": run.name, "rows": marks(run)} for run in self.choices]}


def _rows(run: Run) -> list[dict]:
    fields = run.fields.to_dict("records")
    return [{"id": row["id"]} | {name: _plain(row[name]) for name in COLUMNS}
            | {"fields": {name: bool(mark) for name, mark in marked.items() if not pd.isna(mark)}}
            for row, marked in zip(run.rows.to_dict("records"), fields, strict=True)]


def _plain(value: object) -> object:
    """Return a value as JSON has it: numpy's numbers are none there."""
    if isinstance(value, float):
        return round(value, 6)
    return value.item() if hasattr(value, "item") else value


def marks(run: Run) -> list[list]:
    """Return which rows were right. Example: [["row1", 1], ["row2", 0]]"""
    return [[name, int(right)] for name, right in zip(run.rows.id, run.rows.right, strict=True)]


def questions(examples: Sequence[Example]) -> list[dict]:
    """Return the test rows that were asked, as they go into the report."""
    return [{"id": one.id, "input": one.input, "expected": one.expected} for one in examples]


# ---------------------------------------------------------------- and back

def run_of(step: dict, found: dict) -> Run:
    """Return a step's run on the test rows, built from the rows the findings hold."""
    expected = {one["id"]: one["expected"] for one in found["questions"]}
    frame = pd.DataFrame([{name: row[name] for name in ("id", *COLUMNS)} | {"expected": expected[row["id"]]}
                          for row in step["rows"]])
    return Run(step["name"], frame, pd.DataFrame([row["fields"] for row in step["rows"]], index=frame.id))


def asked(found: dict) -> list[dict]:
    """Return the steps that have a run."""
    return [step for step in found["steps"] if step["rows"]]


def runs(found: dict) -> list[Run]:
    """Return the runs on the test rows, in the order of the ladder."""
    return [run_of(step, found) for step in asked(found)]
