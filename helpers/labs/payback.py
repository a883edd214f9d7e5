"""A change that costs people's hours once and saves a little with every request: when is the money back?

    plan = Payback(requests=1e6, hours=(15, 60), wage=(40, 120), tokens=(289, 73), price=(0.10, 0.30), points=1.0)
    plan.after                  requests until the money is back, a Band
    plan.by_tokens_alone        the same, if not one answer is better

Of tokens only those that are read count: a label takes two to write. Does not: know a price (see helpers.cost).
"""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from helpers import cost
from helpers.cost import MILLION, Band

Range = tuple[float, float]
VOLUMES = np.logspace(2, 10, 33)        # requests, for the curves


@dataclass(frozen=True)
class Payback:
    """Ranges are (low, high) of what is not known better; tokens and price are (as it is, changed)."""

    requests: float             # a year
    hours: Range                # of people, spent once
    wage: Range                 # dollars an hour
    tokens: tuple[int, int]     # of a prompt
    price: tuple[float, float]  # dollars per million tokens
    points: float = 0.0         # of a hundred answers, how many more are right
    per_error: Range = (0.10, 2.00)     # dollars that a wrong answer costs

    @property
    def spent(self) -> Band:
        """Dollars spent once."""
        return Band(*cost.total_band([0], per_call=0.0, hours=self.hours, wage=self.wage).loc[0])

    @property
    def by_tokens(self) -> float:
        """Dollars that each request saves by its tokens; negative where the change makes it dearer."""
        before, after = (tokens * price / MILLION for tokens, price in zip(self.tokens, self.price, strict=True))
        return before - after

    @property
    def after(self) -> Band:
        """Requests until the money is back; infinite where it never is.

        Example: Payback(1e6, (10, 10), (50, 50), (0, 0), (0, 0), points=1.0, per_error=(1, 1)).after.mid -> 50000.0
        """
        return cost.break_even_band(hours=self.hours, wage=self.wage, saved=self.by_tokens,
                                    fewer_errors=self.points / 100, per_error=self.per_error)

    @property
    def by_tokens_alone(self) -> Band:
        """Requests until the money is back, if the answers are as good as before."""
        return replace(self, points=0.0).after

    def bills(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return what so many requests cost in all, as it is and changed: a row each of VOLUMES; low, mid, high.

        What wrong answers cost is counted where there are more of them, so that the difference is what is saved.
        """
        more_wrong = max(self.points, 0.0) / 100, max(-self.points, 0.0) / 100
        now, then = ({"per_call": tokens * price / MILLION, "errors": wrong, "per_error": self.per_error}
                     for tokens, price, wrong in zip(self.tokens, self.price, more_wrong, strict=True))
        return (cost.total_band(VOLUMES, **now), cost.total_band(VOLUMES, **then, hours=self.hours, wage=self.wage))

    def __str__(self) -> str:
        """What comes of it, in three sentences."""
        low, high = (_money(10 * abs(self.points) * dollars) for dollars in self.per_error)
        answers = low if low == high else f"{low} to {high}"
        errors = f" and {_verb(self.points)} {answers} by their answers" if self.points else ""
        tokens = f"{_verb(self.by_tokens)} {_money(1_000 * abs(self.by_tokens))} by their tokens"
        alone = f" By tokens alone: {_when(self.by_tokens_alone)}." if self.points else ""
        return (f"Spent once: ${self.spent:,.0f}. A thousand requests {tokens}{errors}. The money is back: "
                f"{_when(self.after)}{self._time()}.{alone}")

    def _time(self) -> str:
        years = self.after.mid / self.requests
        if np.isinf(years):
            return ""
        return f", in {cost.rough(years)} years" if years >= 1 else f", in {cost.rough(12 * years)} months"


def _verb(saved: float) -> str:
    return "save" if saved >= 0 else "cost"


def _money(dollars: float) -> str:
    """Example: _money(0.0066) -> "$0.0066"; _money(20) -> "$20.00" """
    return f"${dollars:,.2f}" if dollars >= 0.1 or not dollars else f"${dollars:.2g}"


def _when(after: Band) -> str:
    """Example: _when(Band(900, 2800, math.inf)) -> "after 2,800 (900 to never) requests" """
    if np.isinf(after.low):
        return "never"
    if np.isinf(after.mid):
        return f"more likely never than ever, at best after {cost.rough(after.low)} requests"
    return f"after {after} requests"
