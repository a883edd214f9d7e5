"""How good a judge is, and what a judged score is worth once that is known.

    judge = Judge.of(judged, right)         on rows whose right answer is known
    judge.corrected(210, 300)               the score behind 210 of 300 rows that it called right

Does not: ask a model. A judge is any function that says right or wrong: a model, a rule, a person.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from scipy.stats import norm

from helpers.intervals import wilson


@dataclass(frozen=True)
class Judge:
    """What a judge said of rows whose truth is known, as four counts."""

    right_kept: int         # right rows that it called right
    right_refused: int
    wrong_kept: int         # wrong rows that it called right
    wrong_refused: int

    @classmethod
    def of(cls, judged: Sequence[bool], right: Sequence[bool]) -> Judge:
        """Count verdicts against the truth. Raises ValueError unless both rights and wrongs are among the rows.

        Example: Judge.of([True, True, False], [True, False, False]) -> Judge(1, 0, 1, 1)
        """
        pairs = [(bool(said), bool(true)) for said, true in zip(judged, right, strict=True)]
        if len({true for _, true in pairs}) < 2:
            raise ValueError(f"A judge is measured on rows of which some are right and some wrong; all {len(pairs)} "
                             "are the same.")
        return cls(pairs.count((True, True)), pairs.count((False, True)),
                   pairs.count((True, False)), pairs.count((False, False)))

    @property
    def right(self) -> int:
        return self.right_kept + self.right_refused

    @property
    def wrong(self) -> int:
        return self.wrong_kept + self.wrong_refused

    @property
    def sensitivity(self) -> float:
        """The share of right rows that it calls right."""
        return self.right_kept / self.right

    @property
    def specificity(self) -> float:
        """The share of wrong rows that it calls wrong."""
        return self.wrong_refused / self.wrong

    @property
    def agreement(self) -> float:
        """The share of rows on which the verdict is the truth."""
        return (self.right_kept + self.wrong_refused) / (self.right + self.wrong)

    @property
    def kappa(self) -> float:
        """Cohen's kappa: agreement beyond what two who only know the rates would reach. 0 is chance, 1 is perfect."""
        total, kept = self.right + self.wrong, self.right_kept + self.wrong_kept
        chance = (kept * self.right + (total - kept) * self.wrong) / total**2
        return (self.agreement - chance) / (1 - chance)

    @property
    def edge(self) -> float:
        """Youden's index, sensitivity + specificity - 1: by how much more often it calls right what is right."""
        return self.sensitivity + self.specificity - 1

    def corrected(self, called_right: int, total: int) -> float:
        """Return the true score behind a judged one, kept between 0 and 1. Raises ValueError for a judge without edge.

        Rogan, W. J. and Gladen, B. (1978), Am. J. Epidemiology 107, 71–76.
        Example: Judge(80, 20, 10, 90).corrected(150, 300) -> 0.571
        """
        if self.edge <= 0:
            raise ValueError(f"A judge that calls right {self.sensitivity:.0%} of the right rows and "
                             f"{1 - self.specificity:.0%} of the wrong ones says nothing about a score: there is "
                             "nothing to correct by.")
        return min(1.0, max(0.0, (called_right / total + self.specificity - 1) / self.edge))

    def corrected_interval(self, called_right: int, total: int, level: float = 0.95) -> tuple[float, float]:
        """Return the interval of the true score, from both samples: the judged rows and those that measured the judge.

        From nothing to all where the judge has no edge. Lee et al., arXiv 2511.21140, the adjusted interval.
        Example: Judge(80, 20, 10, 90).corrected_interval(150, 300) -> (0.464, 0.687)
        """
        z = float(norm.ppf((1 + level) / 2))
        n, of_right, of_wrong = total + z**2, self.right + 2, self.wrong + 2
        rate = (called_right + z**2 / 2) / n
        kept, refused = (self.right_kept + 1) / of_right, (self.wrong_refused + 1) / of_wrong
        edge = kept + refused - 1
        if edge <= 0:
            return 0.0, 1.0
        score = (rate + refused - 1) / edge
        from_right, from_wrong = kept * (1 - kept) / of_right, refused * (1 - refused) / of_wrong
        middle = score + 2 * z**2 * (score * from_right - (1 - score) * from_wrong)
        half = z * sqrt(rate * (1 - rate) / n + (1 - score) ** 2 * from_wrong + score**2 * from_right) / edge
        return min(1.0, max(0.0, middle - half)), max(0.0, min(1.0, middle + half))

    def summary(self) -> dict:
        """Return the judge as one row of a table."""
        ends = [wilson(self.right_kept, self.right), wilson(self.wrong_refused, self.wrong)]
        return {"rows": self.right + self.wrong, "agreement": f"{self.agreement:.0%}", "kappa": f"{self.kappa:.2f}",
                "sensitivity": f"{self.sensitivity:.0%} ({ends[0][0]:.0%} to {ends[0][1]:.0%})",
                "specificity": f"{self.specificity:.0%} ({ends[1][0]:.0%} to {ends[1][1]:.0%})"}


def kappa(first: Sequence[object], second: Sequence[object]) -> float:
    """Return Cohen's kappa of two who labelled the same rows: 0 is chance, 1 is perfect, nan where chance is all.

    Cohen, J. (1960), Educational and Psychological Measurement 20, 37–46.
    Raises ValueError where there are no rows. Example: kappa(["a", "a", "b", "b"], ["a", "a", "b", "a"]) -> 0.5
    """
    pairs = list(zip(first, second, strict=True))
    if not pairs:
        raise ValueError("There are no rows that both have labelled, so there is no agreement to measure.")
    said, again, total = Counter(one for one, _ in pairs), Counter(two for _, two in pairs), len(pairs)
    same = sum(one == two for one, two in pairs) / total
    chance = sum(said[label] * again[label] for label in said) / total**2
    return (same - chance) / (1 - chance) if chance < 1 else float("nan")
