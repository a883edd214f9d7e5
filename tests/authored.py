"""Checks that every authored data set of the course must pass, written once.

Each takes plain lists and returns what is wrong, empty when nothing is, so that a failing test shows the culprits.
"""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from scipy.stats import chi2_contingency

from helpers.tasks import Example


def exact_duplicates(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return pairs of ids whose texts are equal but for case, spaces and punctuation."""
    plain = sorted((re.sub(r"\W+", " ", text).strip().lower(), id) for id, text in texts.items())
    return [(a, b) for (one, a), (other, b) in pairwise(plain) if one == other]


def near_duplicates(ids: Sequence[str], vectors: np.ndarray, limit: float) -> list[tuple[str, str, float]]:
    """Return pairs of ids whose unit vectors have a cosine above the limit."""
    cosines = np.triu(vectors @ vectors.T, k=1)
    return [(ids[i], ids[j], round(float(cosines[i, j]), 3)) for i, j in np.argwhere(cosines > limit)]


def stock_phrases(texts: Sequence[str], share: float, words: int = 4) -> list[tuple[str, int]]:
    """Return the phrases of so many words that stand in more than a share of the texts."""
    count: Counter[str] = Counter()
    for text in texts:
        found = re.findall(r"[\w'’]+", text.lower())
        count.update({" ".join(found[i:i + words]) for i in range(len(found) - words + 1)})
    return [(phrase, n) for phrase, n in count.most_common() if n > share * len(texts)]


def unlike_splits(splits: Mapping[str, Sequence[Example]], value_of, p: float = 0.01) -> list[str]:
    """Return a complaint when a value is spread differently over the splits than chance would have it."""
    counts = {split: Counter(map(value_of, examples)) for split, examples in splits.items()}
    values = sorted(set().union(*counts.values()))
    found = chi2_contingency([[count[value] for value in values] for count in counts.values()])
    return [] if found.pvalue > p else [f"p = {found.pvalue:.4f}: {counts}"]


def invalid_labels(examples: Sequence[Example], fields: Mapping[str, Mapping[str, str]]) -> list[tuple[str, dict]]:
    """Return the examples whose answer lacks a field or holds a label that the task does not know."""
    return [(example.id, example.expected) for example in examples
            if set(example.expected) != set(fields)
            or any(label not in fields[field] for field, label in example.expected.items())]
