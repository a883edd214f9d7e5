"""The first six rungs in one call, for a task of labels that is loaded already.

    runs = climb(load_task("tickets"))
    print(verdict(runs, target=0.90))

Does not: choose anything, or read a reader's file (see __main__.py for the whole ladder).
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from helpers import baselines, prompts
from helpers.evaluation import Ask, Run, evaluate
from helpers.provider import connect
from helpers.tasks import LabelTask

MAX_TOKENS = 24     # a label, or a label in JSON, and room to go wrong


@dataclass(frozen=True)
class Rung:
    """A way to answer: what it is called, how to build it from a task, and whether it asks the chat model."""

    name: str
    build: Callable[[LabelTask], Ask]
    prompted: bool = False


def plain_prompt(task: LabelTask) -> Ask:
    """Name the labels and ask in plain words."""
    client, model = connect()
    return lambda example: client.chat.completions.create(
        model=model, messages=prompts.plain(task, example.input), temperature=0,
        max_completion_tokens=MAX_TOKENS).choices[0].message.content


def schema_prompt(task: LabelTask) -> Ask:
    """Describe the labels and allow nothing but one of them, as JSON."""
    client, model = connect()
    return lambda example: client.chat.completions.create(
        model=model, messages=prompts.described(task, example.input), temperature=0,
        max_completion_tokens=MAX_TOKENS, response_format=prompts.label_schema(task)).choices[0].message.content


BASELINES = (
    Rung("most common label", lambda task: baselines.majority(task.train)),
    Rung("TF-IDF + regression", lambda task: baselines.tfidf(task.train)),
    Rung("embeddings + regression", lambda task: baselines.embedding_regression(task.train)),
    Rung("5 nearest neighbours", lambda task: baselines.nearest(task.train)),
)
RUNGS = (
    *BASELINES,
    Rung("plain prompt", plain_prompt, prompted=True),
    Rung("schema prompt", schema_prompt, prompted=True),
)


def climb(task: LabelTask, rows: int | None = None) -> list[Run]:
    """Score every rung on the task's test rows, at most `rows` of them. Returns a run for each rung, in order."""
    test = task.test[:rows]
    return [evaluate(rung.build(task), test, name=rung.name) for rung in RUNGS]


def verdict(runs: list[Run], target: float) -> str:
    """Say which rung is enough, in plain words and no surer than the rows allow.

    A rung reaches the target when the low end of its interval does; it is out of reach when the high end falls short.
    """
    best = max(runs, key=lambda run: run.accuracy)
    reached = next((run for run in runs if run.interval[0] >= target), None)
    perhaps = next((run for run in runs if run.interval[1] >= target), None)
    if reached:
        return f"Enough: {reached.name!r} reaches {target:.0%}; even the low end of its interval does."
    if perhaps:
        return (f"Cannot tell: {perhaps.name!r} may reach {target:.0%}, and {perhaps.total} test rows are too few.\n"
                "Label more rows, or choose with the interval in mind.")
    return (f"Not yet: even the high end of the best rung, {best.name!r}, is below {target:.0%}.\n"
            "Read the wrong rows before climbing further: some labels may be wrong.")
