"""Notice that the world has moved: another mix of labels, texts unlike those known, a score that falls for either.

    mix_shift(labels_then, labels_now).p        is the mix another one?
    strangeness(known, new)                     how far each new text lies from what is known
    due_to_mix(run, task.test, later)           the score to expect if nothing but the mix had changed

Does not: mend anything.
"""
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.evaluation import Run
from helpers.provider import embed
from helpers.tasks import Example

DRAWS = 10_000


@dataclass(frozen=True)
class Shift:
    """How far one mix lies from another."""

    table: pd.DataFrame     # per label: its share then and now
    distance: float         # total variation: the share that would have to carry another label
    p: float                # how often two draws from one and the same mix lie at least so far apart


def mix_shift(then: Sequence[str], now: Sequence[str], seed: int = 0) -> Shift:
    """Compare the labels of two sets of rows; the labels may be given by people or by the method itself.

    A permutation test: valid for few rows, where chi-squared is not. Example: mix_shift(["a"] * 9, ["b"] * 9).distance
    -> 1.0
    """
    if not then or not now:
        raise ValueError("A mix needs rows: one of the two lists of labels is empty.")
    names = sorted(set(then) | set(now))
    codes = np.array([names.index(one) for one in [*then, *now]])
    counts = np.bincount(codes, minlength=len(names))
    # how many of each label fall among the first rows, when all rows are shuffled
    first = np.random.default_rng(seed).multivariate_hypergeometric(counts, len(then), DRAWS)
    drawn = np.abs(first / len(then) - (counts - first) / len(now)).sum(axis=1) / 2
    before, after = (np.bincount(codes[part], minlength=len(names)) / size
                     for part, size in ((slice(len(then)), len(then)), (slice(len(then), None), len(now))))
    distance = float(np.abs(before - after).sum() / 2)
    p = (1 + (drawn >= distance - 1e-12).sum()) / (1 + DRAWS)
    return Shift(pd.DataFrame({"then": before, "now": after}, index=names), distance, float(p))


def strangeness(known: Sequence[str], texts: Sequence[str]) -> np.ndarray:
    """Return how far each text lies from the nearest known one: 0 is the same, 1 has nothing in common.

    Example: strangeness(["where is my parcel"], ["where is my parcel"])[0] -> 0.0
    """
    vectors = np.vstack([embed([text]) for text in texts])
    return 1 - (vectors @ embed(list(known)).T).max(axis=1)


def due_to_mix(run: Run, examples: Sequence[Example], later: Sequence[Example]) -> float:
    """Return the accuracy to expect on later rows if each label were still answered as well as on the run's examples.

    What the score on the later rows lies below that is not the mix: the texts themselves have changed.
    Raises ValueError for a label that the examples lack.
    """
    right, marks = dict(zip(run.rows.id, run.rows.right, strict=True)), defaultdict(list)
    for one in examples:
        marks[_label(one)].append(bool(right[one.id]))
    mix = Counter(map(_label, later))
    if unknown := set(mix) - set(marks):
        raise ValueError(f"The run has no row labelled {sorted(unknown)[0]!r}: nothing says how well it is answered.")
    return float(sum(count * np.mean(marks[name]) for name, count in mix.items()) / len(later))


def _label(example: Example) -> str:
    return example.task.label_of(example)
