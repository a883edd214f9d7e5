"""Keep a small fingerprint of each input, and find the inputs that are the same or nearly.

    nearest(np.stack([signature("My parcel is late!"), signature("my parcel is late")]))
    -> rows [-1, 0], shares [0, 1]

A signature is a MinHash of the runs of five characters in a text: the share of places in which two signatures agree
estimates the share of runs that the texts have in common (Broder 1997). Banding finds pairs without comparing all.

Does not: know paraphrases; two ways to say a thing share few runs.
"""
from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

RUN = 5                     # characters
BANDS, ROWS = 10, 6         # of two texts that share 85% of their runs, 99 in 100 agree in one band of six
NEAR = 0.8                  # the share from which on two texts are nearly the same
LOOKED = 4                  # earlier texts of a band to compare with, so that a thousand copies are not a million pairs
LONGEST_TEXT = 20_000       # characters; of a longer text, its two ends
RANDOM = np.random.default_rng(0)
FACTORS, TERMS = RANDOM.integers(1, 2 ** 63, (2, BANDS * ROWS, 1), dtype=np.uint64)
FACTORS |= np.uint64(1)
MIX = RANDOM.integers(1, 2 ** 63, ROWS, dtype=np.uint64) | np.uint64(1)
PRIME = np.uint64(1_099_511_628_211)


class Nearest(NamedTuple):
    """For each text, the row of the one most like it (-1: none found) and the share of runs that they share."""

    rows: np.ndarray
    shares: np.ndarray


class Fingerprints:
    """Of each example 272 bytes, however long it is."""

    def __init__(self) -> None:
        self._lines, self._given, self._outputs, self._settings = (array("Q") for _ in range(4))
        self._signatures = bytearray()

    def add(self, line: int, text: str, given: int, output: int, setting: int) -> None:
        """Add an example: its line, the text of its input, and the digests of what it has."""
        for column, value in zip((self._lines, self._given, self._outputs, self._settings),
                                 (line, given, output, setting), strict=True):
            column.append(value)
        self._signatures += signature(text).tobytes()

    lines    = property(lambda self: np.frombuffer(self._lines, np.uint64))
    given    = property(lambda self: np.frombuffer(self._given, np.uint64))
    outputs  = property(lambda self: np.frombuffer(self._outputs, np.uint64))
    settings = property(lambda self: np.frombuffer(self._settings, np.uint64))

    @property
    def signatures(self) -> np.ndarray:
        """The signatures, one a row."""
        return np.frombuffer(self._signatures, np.uint32).reshape(-1, BANDS * ROWS)

    def __len__(self) -> int:
        return len(self._lines)


def plain(text: str) -> str:
    """Return a text's words in lower case; a text without words stays. Example: plain("My PARCEL?") -> "my parcel" """
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT // 2]} {text[-LONGEST_TEXT // 2:]}"
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())) or text


def signature(text: str) -> np.ndarray:
    """Return the MinHash of a text, 60 numbers of 32 bits."""
    codes = np.frombuffer(plain(text).ljust(RUN).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    runs = np.zeros(len(codes) - RUN + 1, np.uint64)
    for start in range(RUN):
        runs = runs * PRIME + codes[start:start + len(runs)]
    runs = np.unique(runs ^ (runs >> np.uint64(29)))
    least = np.full((BANDS * ROWS, 1), 2 ** 32 - 1, np.uint64)
    for start in range(0, len(runs), 4096):         # in pieces, so that a long text takes no more memory
        hashes = (runs[start:start + 4096] * FACTORS + TERMS) >> np.uint64(32)
        least = np.minimum(least, hashes.min(axis=1, keepdims=True))
    return least[:, 0].astype(np.uint32)


def nearest(known: np.ndarray, sought: np.ndarray | None = None) -> Nearest:
    """Return, for each signature sought, the known one most like it; without `sought`, the one among those before it.

    Finds those that share a band, which nearly all do that share NEAR of their runs.
    """
    texts = known if sought is None else sought
    best = Nearest(np.full(len(texts), -1), np.zeros(len(texts), np.float32))
    if len(known) and len(texts):
        for band in range(BANDS):
            for rows, candidates in _candidates(_keys(known, band), None if sought is None else _keys(sought, band)):
                _improve(best, known, texts, rows, candidates)
    return best


def _keys(signatures: np.ndarray, band: int) -> np.ndarray:
    return signatures[:, band * ROWS:(band + 1) * ROWS].astype(np.uint64) @ MIX


def _candidates(keys: np.ndarray, wanted: np.ndarray | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows of `wanted` with as many rows of `keys` that hold the same key; without it, rows before them."""
    order = np.argsort(keys, kind="stable")
    if wanted is None:
        wanted, ends = keys, np.empty(len(keys), np.int64)
        ends[order] = np.arange(len(keys))
    else:
        ends = np.searchsorted(keys[order], wanted, side="right")
    for places in (ends - back for back in range(1, LOOKED + 1)):
        candidates = order[np.maximum(places, 0)]
        rows = np.flatnonzero((places >= 0) & (keys[candidates] == wanted))
        yield rows, candidates[rows]


def _improve(best: Nearest, known: np.ndarray, texts: np.ndarray, rows: np.ndarray, candidates: np.ndarray) -> None:
    """Take the candidates that are more alike than the best so far; in pieces, to bound the memory."""
    for start in range(0, len(rows), 4096):
        piece, others = rows[start:start + 4096], candidates[start:start + 4096]
        shares = (known[others] == texts[piece]).mean(axis=1, dtype=np.float32)
        better = shares > best.shares[piece]
        best.rows[piece[better]]   = others[better]
        best.shares[piece[better]] = shares[better]
