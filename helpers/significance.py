"""How many rows a difference needs, and what several tests, or rows that belong together, may still say.

    paired_rows(0.02, disagreement=0.24)        the rows on which two methods must be compared to see two points
    holm([0.01, 0.04, 0.03])                    p-values that may be read side by side
    clustered(marks, groups)                    an interval for rows that come in groups

Does not: know about runs or models (see evaluation.py).
"""
from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from math import ceil, sqrt

import numpy as np
from scipy.stats import norm, t

from helpers.intervals import mcnemar, wilson


def wald(right: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Return the textbook interval of a rate, which fails near 0 and 1; here to be shown failing.

    Example: wald(20, 20) -> (1.0, 1.0)
    """
    rate = right / total
    half = float(norm.ppf((1 + level) / 2)) * sqrt(rate * (1 - rate) / total)
    return rate - half, rate + half


def unpaired(right_a: int, right_b: int, total: int, total_b: int | None = None, level: float = 0.95
             ) -> tuple[float, float]:
    """Return the interval of a difference of two rates, b - a, from different rows: `total` of them, and `total_b`.

    Without `total_b` there are as many of both.

    Newcombe, R. G. (1998), Statistics in Medicine 17, 873–890, method 10.
    Example: unpaired(100, 93, 300) -> (-0.098, 0.051)
    """
    total_b = total_b or total
    a, b = right_a / total, right_b / total_b
    (low_a, high_a), (low_b, high_b) = wilson(right_a, total, level), wilson(right_b, total_b, level)
    return b - a - sqrt((b - low_b) ** 2 + (high_a - a) ** 2), b - a + sqrt((high_b - b) ** 2 + (a - low_a) ** 2)


# ---------------------------------------------------------------- how many rows?

def paired_rows(difference: float, disagreement: float, power: float = 0.8, level: float = 0.95) -> int:
    """Return how many rows two methods must both answer for a true difference to be seen with the given power.

    `disagreement` is the share of rows on which one is right and the other wrong; a difference cannot exceed it.
    Connor, R. J. (1987), Biometrics 43, 207–211. Example: paired_rows(0.05, 0.10) -> 312
    """
    if not 0 < difference <= disagreement <= 1:
        raise ValueError(f"A difference of {difference} cannot come from {disagreement} of the rows: give "
                         "0 < difference <= disagreement <= 1.")
    spread = norm.ppf((1 + level) / 2) * sqrt(disagreement) + norm.ppf(power) * sqrt(disagreement - difference**2)
    return ceil((spread / difference) ** 2)


def unpaired_rows(a: float, b: float, power: float = 0.8, level: float = 0.95) -> int:
    """Return how many rows each of two methods needs, when they answer different ones, to tell rate a from rate b.

    Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, formula 4.14.
    Example: unpaired_rows(0.80, 0.75) -> 1094
    """
    if a == b or not (0 <= a <= 1 and 0 <= b <= 1):
        raise ValueError(f"The rates {a} and {b} must differ and lie between 0 and 1.")
    middle = (a + b) / 2
    spread = (norm.ppf((1 + level) / 2) * sqrt(2 * middle * (1 - middle))
              + norm.ppf(power) * sqrt(a * (1 - a) + b * (1 - b)))
    return ceil((spread / (a - b)) ** 2)


def disagreement_for(won_less_lost: int, p: float) -> int:
    """Return on how many rows two methods disagreed, from the difference of their counts and the p that was published.

    The count whose exact McNemar p comes nearest. Example: disagreement_for(57, 0.0005) -> 261
    """
    gap = abs(won_less_lost)
    counts = range(max(gap, 1), 40 * max(gap, 5), 2)

    def p_of(count: int) -> float:      # grows with the count: the same gap says less of more rows
        return mcnemar((count + gap) // 2, (count - gap) // 2)

    place = bisect_left(counts, p, key=p_of)
    return min(counts[max(place - 1, 0):place + 1], key=lambda count: abs(np.log(p_of(count) / p)))


# ---------------------------------------------------------------- several tests, rows in groups

def holm(ps: Sequence[float]) -> list[float]:
    """Return p-values made so much larger that all of them may be read side by side, in the order given.

    Where nothing differs, one of them falls below 0.05 by luck in at most 5% of cases. Holm, S. (1979), Scand. J.
    Statist. 6, 65–70. Example: holm([0.01, 0.04, 0.03]) -> [0.03, 0.06, 0.06]
    """
    adjusted, worst = [0.0] * len(ps), 0.0
    for rank, i in enumerate(np.argsort(ps, kind="stable")):
        worst = max(worst, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = worst
    return adjusted


def clustered(marks: Sequence[bool], groups: Sequence[Hashable], level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a rate over rows that come in groups: same customer, same page, same ticket repeated.

    The spread is taken between groups and not between rows. Liang and Zeger (1986), as in Miller, arXiv 2411.00640,
    with t for few groups. Example: clustered([1, 1, 0, 0], ["a", "a", "b", "b"]) -> (0.0, 1.0)
    """
    marks, sums = np.asarray(marks, dtype=float), {}
    for mark, group in zip(marks - marks.mean(), groups, strict=True):
        sums[group] = sums.get(group, 0.0) + mark
    count = len(sums)
    if count < 2:
        return 0.0, 1.0
    error = sqrt(count / (count - 1) * sum(one**2 for one in sums.values())) / len(marks)
    half = t.ppf((1 + level) / 2, count - 1) * error
    return max(0.0, float(marks.mean() - half)), min(1.0, float(marks.mean() + half))
