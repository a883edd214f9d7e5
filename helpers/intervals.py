"""How sure a score is: intervals for rates and for paired differences.

Does not: know about runs or models (see evaluation.py).
"""
from __future__ import annotations

from math import sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binomtest, norm
from statsmodels.stats.proportion import proportion_confint

RESAMPLES = 10_000


def wilson(right: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval for a rate; it holds its level where the textbook one fails, near 0, 1 and small n.

    Wilson, E. B. (1927), JASA 22, 209–212. Example: wilson(66, 300) -> (0.177, 0.270)
    """
    if total == 0:
        return 0.0, 1.0
    low, high = proportion_confint(right, total, alpha=1 - level, method="wilson")
    return float(low), float(high)


def mcnemar(won: int, lost: int) -> float:
    """Return the exact McNemar p-value: how often a fair coin splits the changed items at least so unevenly.

    McNemar, Q. (1947), Psychometrika 12, 153–157. Example: mcnemar(17, 1) -> 0.000145
    """
    return float(binomtest(won, won + lost, 0.5).pvalue) if won + lost else 1.0


def paired_bootstrap(won: int, lost: int, total: int, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Return the bootstrap interval of a paired difference of two rates over the same items.

    Resampling items that are won, lost or the same is a multinomial draw. Efron, B. (1979), Ann. Statist. 7, 1–26.
    Example: paired_bootstrap(30, 10, 300) -> (0.027, 0.107)
    """
    shares = np.array([won, lost, total - won - lost]) / total
    draws = np.random.default_rng(seed).multinomial(total, shares, RESAMPLES)
    tail = (1 - level) / 2
    low, high = np.quantile((draws[:, 0] - draws[:, 1]) / total, [tail, 1 - tail])
    return float(low), float(high)


def detectable(disagreement: float, total: int, power: float = 0.8, level: float = 0.95) -> float:
    """Return the smallest true difference that so many paired items show with the given power.

    `disagreement` is the share of items on which the two differ. Inverts Connor, R. J. (1987), Biometrics 43, 207–211.
    Example: detectable(0.10, 312) -> 0.05
    """
    z_level, z_power = norm.ppf(1 - (1 - level) / 2), norm.ppf(power)

    def items_needed_minus_total(difference: float) -> float:
        spread = z_level * sqrt(disagreement) + z_power * sqrt(max(0.0, disagreement - difference**2))
        return (spread / difference) ** 2 - total

    if disagreement == 0 or items_needed_minus_total(disagreement) > 0:
        return 1.0      # too few items, or too few that differ, to show any difference
    return float(brentq(items_needed_minus_total, 1e-6, disagreement))
