"""Climb the ladder on your own labelled rows: which rung is enough?

    python -m helpers.ladder my.csv --target 0.90

The rungs go from the cheapest up; every one is scored on the same test rows, once. So far: four baselines without a
language model, a plain prompt, and a prompt that describes the labels, under a schema.
Does not: tune a prompt to your data; that is what the notebooks teach.
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass

import openai

from helpers import baselines, prompts
from helpers.evaluation import Ask, Run, evaluate, table
from helpers.local.weights import WeightsError
from helpers.provider import answering, connect
from helpers.settings import SettingError
from helpers.tasks import LabelTask, Task, TaskError, load_task

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


RUNGS = (
    Rung("most common label", lambda task: baselines.majority(task.train)),
    Rung("TF-IDF + regression", lambda task: baselines.tfidf(task.train)),
    Rung("embeddings + regression", lambda task: baselines.embedding_regression(task.train)),
    Rung("5 nearest neighbours", lambda task: baselines.nearest(task.train)),
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


def main() -> None:
    """Read the command line, climb, print the table and the verdict."""
    parser = argparse.ArgumentParser(prog="python -m helpers.ladder", description=__doc__.splitlines()[0])
    parser.add_argument("data", help="a .csv or .jsonl file with a text and a label column, or a task of the course")
    parser.add_argument("--target", type=float, default=0.9, help="the accuracy you need, 0 to 1 (default 0.9)")
    parser.add_argument("--rows", type=int, default=200, help="test rows to use at most (default 200)")
    options = parser.parse_args()
    if not 0 < options.target <= 1:
        parser.error(f"--target {options.target:g} is not between 0 and 1: write 90% as 0.90")
    try:
        report(load_task(options.data), options.target, options.rows)
    except (TaskError, SettingError, WeightsError, openai.OpenAIError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped. The replies so far are kept: the same command goes on from here.")


def report(task: Task, target: float, rows: int) -> list[Run]:
    """Print what was measured on a task, and which rung is enough; return the runs. Raises TaskError."""
    if not isinstance(task, LabelTask):
        raise TaskError(f"The answers of {task.name} are no labels, and the ladder climbs tasks of labels.")
    print(f"{task.name}: {len(task.train)} rows to learn from, {len(task.test)} to test on, {len(task.labels)} "
          f"labels. Answering: {answering()}.\n")
    if len(task.train) < len(task.labels) or not task.test:
        raise TaskError(f"{task.name} is too small to split: {len(task.train)} rows to learn from and "
                        f"{len(task.test)} to test on. Label at least 10 rows for each label.")
    runs = climb(task, rows)
    print(table(runs).to_string())
    print(f"\n{verdict(runs, target)}")
    return runs


if __name__ == "__main__":
    main()
