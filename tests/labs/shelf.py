"""A small world to search in: an index whose vectors are the counts of four words, so that no model is asked."""
from __future__ import annotations

import numpy as np
import pytest

from helpers import retrieval
from helpers.retrieval import Index, Passage

WORDS = ("refund", "parcel", "sunday", "money")
TEXTS = ["A refund takes seven days.", "A parcel is kept for five days.", "Your money comes back as money.",
         "We are closed on sunday."]
QUESTION = "when is my money back?"


def counted(texts: list[str]) -> np.ndarray:
    return np.array([[text.lower().count(word) + 0.01 for word in WORDS] for text in texts], dtype=np.float32)


def shelf(monkeypatch: pytest.MonkeyPatch) -> dict[int, Index]:
    """Return two indexes: of whole texts, and of half as many words."""
    monkeypatch.setattr(retrieval, "embed", counted)
    indexes = {8: Index(), 4: Index()}
    indexes[8].add([Passage(text, f"page-{n}.md", 0, len(text)) for n, text in enumerate(TEXTS)])
    indexes[4].add([Passage(text[4:], f"page-{n}.md", 4, len(text)) for n, text in enumerate(TEXTS)])
    return indexes


def gold(question: str, hit) -> bool | None:
    return hit.source == "page-2.md" if question == QUESTION else None


def answer(question: str, passages: list) -> str:
    return f"read {len(passages)}: {passages[0] if passages else 'nothing'}"
