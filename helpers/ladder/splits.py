"""Divide examples into train, validation and test, and keep them apart.

    deal(task, examples, by_group=False)
    notes = part(task)

By the file's own `split` column, by groups that stay together, or by label, as load_task does it. Does not: judge
whether a group column was needed; nearly equal texts on both sides are counted and said.
"""
from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers import rows
from helpers.finetuning import split_by_group
from helpers.rows import SHARES, Row, TaskError
from helpers.tasks import Example, LabelTask, Task
from helpers.validate.fingerprints import NEAR, nearest, plain, signature
from helpers.validate.report import plural

TEST_ROWS = 150         # that are asked, at most
CHOOSING_ROWS = 60      # of validation, that every choice is made on
CURVE_ROWS = 150        # of validation, that the learning curve of the baselines is measured on
TRAIN_ROWS = 2_000      # that anything learns from: 10,000 would take MiniLM five times as long
SEED = 0


def deal(task: Task, examples: Sequence[Example], by_group: bool) -> None:
    """Fill the task's splits. Raises TaskError when the examples cannot be divided."""
    named = any(one.tags["split"] is not None for one in examples)
    dealt = _by_group(task, examples) if by_group and not named else _by_row(task, examples)
    for split, members in dealt.items():
        setattr(task, split, members)
    _refuse_poor(task)


def _by_row(task: Task, examples: Sequence[Example]) -> dict[str, list[Example]]:
    by_id = {one.id: one for one in examples}
    labelled = isinstance(task, LabelTask)
    lines = [Row(one.id, one.input, str(one.expected) if labelled else "", one.tags["split"]) for one in examples]
    dealt = rows.dealt(Path(task.name), lines)
    if any(line.split is not None for line in lines):       # as they stand in the file: mixed, to take the first n of
        dealt = {split: random.Random(SEED).sample(members, len(members)) for split, members in dealt.items()}
    return {split: [by_id[row.id] for row in members] for split, members in dealt.items()}


def _by_group(task: Task, examples: Sequence[Example]) -> dict[str, list[Example]]:
    def group(one: Example) -> str:
        return one.tags["group"] or one.id      # a row without a group is one of its own
    try:
        rest, test = split_by_group(examples, group, SHARES["test"], SEED)
        train, validation = split_by_group(rest, group, SHARES["validation"] / (1 - SHARES["test"]), SEED)
    except ValueError as error:
        raise TaskError(f"{task.name}: {error}") from None
    mixed = [random.Random(SEED).sample(part, len(part)) for part in (train, validation, test)]
    return dict(zip(SHARES, mixed, strict=True))


def _refuse_poor(task: Task) -> None:
    """Raise TaskError when there is nothing to test on, or a label task has less to learn from than labels."""
    needed = len(task.labels) if isinstance(task, LabelTask) else 0
    if not task.test or len(task.train) < needed:
        raise TaskError(f"{task.name} is too small to split: {len(task.train)} rows to learn from and "
                        f"{len(task.test)} to test on. Label at least 10 rows for each label.")


# ---------------------------------------------------------------- kept apart

@dataclass(frozen=True)
class Parting:
    """What was done so that nothing is tested on what was learned."""

    repeats: int        # rows left out as the same as another of their split
    leaks: int          # rows left out of train or validation because test, or validation, holds the same text
    near: int           # test rows whose text is nearly that of a training row: they stay

    def notes(self) -> list[str]:
        """Return what a reader should know of it, a sentence each."""
        return [note for count, note in (
            (self.repeats, f"{plural(self.repeats, 'row')} left out: text and answer are those of another row."),
            (self.leaks, f"{plural(self.leaks, 'row')} left out of training or validation: a held-out row has the "
                         "same text, and it would have been learned by heart."),
            (self.near, f"{plural(self.near, 'test row')} nearly the same as a training row, and kept: scores may "
                        "flatter. If rows come from the same customer or document, name that column with --group."),
        ) if count]


def part(task: Task) -> Parting:
    """Leave out repeated rows and rows whose text is held out as well, and count test rows with a near twin."""
    repeats = leaks = 0
    held_out: set[str] = set()
    for split in ("test", "validation", "train"):
        own: dict[tuple, Example] = {}
        members = getattr(task, split)
        apart = [one for one in members if plain(one.input) not in held_out]
        for one in apart:
            own.setdefault((plain(one.input), repr(one.expected)), one)
        leaks += len(members) - len(apart)
        repeats += len(apart) - len(own)
        held_out |= {text for text, _ in own}
        setattr(task, split, list(own.values()))
    _refuse_poor(task)
    return Parting(repeats, leaks, len(near_twins(task.train, task.test)))


def near_twins(train: Sequence[Example], test: Sequence[Example]) -> list[Example]:
    """Return the test examples whose text is nearly that of a training example."""
    if not train or not test:
        return []
    known, sought = (np.stack([signature(one.input) for one in part]) for part in (train, test))
    return [one for one, share in zip(test, nearest(known, sought).shares, strict=True) if share >= NEAR]


def sample(examples: Sequence[Example], most: int) -> list[Example]:
    """Return at most so many, drawn the same way every time and in the order they had; all, if there are no more."""
    if len(examples) <= most:
        return list(examples)
    drawn = sorted(random.Random(SEED).sample(range(len(examples)), most))
    return [examples[i] for i in drawn]
