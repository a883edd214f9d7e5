"""What a method must beat: answers that no language model writes, on the same footing as any other.

Each function takes training examples and returns an `ask` for `evaluate`. They answer the headline field.
Two of them compare texts by an encoder's vectors; an encoder writes nothing.
Does not: tune anything; these are the settings everybody starts with.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import spmatrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from helpers.evaluation import Ask
from helpers.provider import embed
from helpers.tasks import Example


def majority(train: Sequence[Example]) -> Ask:
    """Answer every time what is most common. Example: majority(task.train)(example) -> "delivery" """
    label = Counter(_labels(train)).most_common(1)[0][0]
    return lambda example: label


def keywords(words: Mapping[str, Sequence[str]], otherwise: str) -> Ask:
    """Answer the first label one of whose words stands in the text.

    Example: keywords({"billing": ["charged", "invoice"]}, "other")
    """
    def ask(example: Example) -> str:
        text = example.input.lower()
        return next((label for label, found in words.items() if any(word in text for word in found)), otherwise)
    return ask


def tfidf(train: Sequence[Example]) -> Ask:
    """Logistic regression on word and word-pair counts."""
    counts = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = regression(counts.fit_transform([example.input for example in train]), _labels(train))
    return lambda example: str(model.predict(counts.transform([example.input]))[0])


def embedding_regression(train: Sequence[Example]) -> Ask:
    """Logistic regression on MiniLM sentence embeddings."""
    model = regression(_vectors(train), _labels(train))
    return lambda example: str(model.predict(embed([example.input]))[0])


def regression(features: np.ndarray | spmatrix, labels: Sequence[str]) -> LogisticRegression:
    """Return a logistic regression, fitted to features of shape (examples, features).

    By one thread: on so little data several wait for one another longer than they work.
    """
    with threadpool_limits(1, user_api="blas"):
        return LogisticRegression(C=10, max_iter=2000).fit(features, labels)


def nearest(train: Sequence[Example], k: int = 5) -> Ask:
    """The vote of the k nearest training examples by MiniLM embeddings; the nearest breaks a tie."""
    vectors, labels = _vectors(train), _labels(train)

    def ask(example: Example) -> str:
        order = np.argsort(-vectors @ embed([example.input])[0])[:k]
        return Counter(labels[i] for i in order).most_common(1)[0][0]
    return ask


def _labels(examples: Sequence[Example]) -> list[str]:
    return [example.task.label_of(example) for example in examples]


def _vectors(examples: Sequence[Example]) -> np.ndarray:
    return embed([example.input for example in examples])
