"""Find the passages that bear on a question: by its words, by its meaning, or by both.

    index = Index()
    index.add(passages)
    for hit in index.search("how long have I got to send it back?", k=3):
        print(hit.score, hit.source, hit)

Everything is held in memory: a few hundred thousand passages fit, and qdrant.py has the same two lines for more. Does
not: answer the question.
"""
from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import bm25s
import numpy as np
import snowballstemmer

from helpers.documents import Document, Passage, chunk, read_folder
from helpers.progress import Progress
from helpers.provider import TEXTS_A_REQUEST, embed, embedding_model
from helpers.tasks import Example

__all__ = ["Document", "Hit", "Index", "Passage", "RetrievalError", "chunk", "embed", "fuse", "read_folder",
           "similar"]

FILES = ("passages.jsonl", "vectors.npy")
MODES = ("hybrid", "keyword", "dense")
FUSION = 60         # the constant of reciprocal rank fusion, as in Cormack, Clarke and Buettcher (SIGIR 2009)
DEPTH = 50          # how many of each ranking are fused


class RetrievalError(ValueError):
    """The index or the query cannot be used; the message says why and what would do."""


@dataclass(frozen=True)
class Hit:
    """A passage that was found. `start` and `end` are its place in the document; str(hit) holds the text."""

    text: str
    source: str
    start: int
    end: int
    score: float

    @classmethod
    def of(cls, passage: Passage, score: float) -> Hit:
        """Return a passage as a hit."""
        return cls(str(passage), passage.source, passage.start, passage.end, score)

    def __str__(self) -> str:
        return self.text


class Index:
    """Passages, their words and their vectors."""

    def __init__(self) -> None:
        self.passages: list[Passage] = []
        self.vectors = np.zeros((0, 0), dtype=np.float32)     # (passages, dimensions), each of length 1
        self._words: bm25s.BM25 | None = None

    @classmethod
    def of(cls, pages: Iterable[Document], words: int = 80, overlap: int = 20, titled: bool = True) -> Index:
        """Return an index of pages cut into passages, which carry their page's title if `titled`.

        It asks page by page, so that of pages seen before only a changed one is embedded anew.
        """
        index = cls()
        for page in pages:
            index.add(chunk(page.text, words=words, overlap=overlap, source=page.source, title=page.title * titled))
        return index

    def __len__(self) -> int:
        return len(self.passages)

    def add(self, texts: Sequence[str | Passage]) -> None:
        """Add texts or passages. Empty ones are refused: RetrievalError. An interrupted call adds nothing."""
        count = len(self.passages)
        passages = [text if isinstance(text, Passage) else Passage(text, f"text {count + i}", 0, len(text))
                    for i, text in enumerate(texts)]
        refuse_empty(passages)
        if not passages:
            return
        vectors = _embedded([str(passage) for passage in passages])
        self.vectors = np.concatenate([self.vectors, vectors]) if count else vectors
        self.passages += passages
        self._words = None

    def search(self, query: str, k: int = 3, mode: str = "hybrid") -> list[Hit]:
        """Return the k passages that fit best, the best first; fewer if there are fewer.

        `mode` is "keyword" (BM25), "dense" (cosine of vectors) or "hybrid" (both rankings, fused). Raises
        RetrievalError for an empty query or an unknown mode.
        """
        refuse_query(query, mode)
        if not self.passages:
            return []
        scores = fuse([self.by_words(query), self.by_meaning(query)]) if mode == "hybrid" else \
            self.by_words(query) if mode == "keyword" else self.by_meaning(query)
        return [Hit.of(self.passages[i], float(scores[i])) for i in best(scores, k)]

    def by_words(self, query: str) -> np.ndarray:
        """Return each passage's BM25 score."""
        [stems] = stems_of([query])
        with _TURN:
            if self._words is None:
                self._words = _word_index([str(passage) for passage in self.passages])
        known = [stem for stem in stems if stem in self._words.vocab_dict] if self._words.vocab_dict else []
        return self._words.get_scores(known) if known else np.zeros(len(self), dtype=np.float32)

    def by_meaning(self, query: str) -> np.ndarray:
        """Return each passage's cosine with the query."""
        return self.vectors @ embed([query])[0]

    # ------------------------------------------------------------ on disk

    def save(self, folder: str | Path) -> None:
        """Write the index into a folder: whole, or not at all. An index that was there is replaced.

        Raises RetrievalError when the folder holds anything else: it would be lost.
        """
        folder = Path(folder)
        if folder.exists() and {path.name for path in folder.iterdir()} != {"index.json", *FILES}:
            raise RetrievalError(f"{folder} exists and is no index. Name a folder that is not there yet.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            self._write(Path(scratch, "new"))
            _swap(Path(scratch, "new"), folder, Path(scratch, "old"))

    def _write(self, part: Path) -> None:
        part.mkdir()
        lines = "".join(json.dumps(asdict(passage), ensure_ascii=False) + "\n" for passage in self.passages)
        (part / "passages.jsonl").write_text(lines, encoding="utf-8")
        np.save(part / "vectors.npy", self.vectors)
        (part / "index.json").write_text(json.dumps({"embeddings": embedding_model(), "files": _hashes(part)}))

    @classmethod
    def load(cls, folder: str | Path) -> Index:
        """Read an index that was saved. Raises RetrievalError if it is missing, damaged, or of other embeddings."""
        folder = Path(folder)
        if not (folder / "index.json").exists():
            raise RetrievalError(f"There is no index in {folder}. Build one with Index().add(...) and save it there.")
        about = _about(folder)
        if about["embeddings"] != embedding_model():
            raise RetrievalError(f"The index in {folder} was built with {about['embeddings']}, and {embedding_model()} "
                                 "is in use: their vectors do not compare. Build it anew, or set COURSE_EMBEDDINGS.")
        index = cls()
        rows = (folder / "passages.jsonl").read_text(encoding="utf-8").split("\n")
        index.passages = [Passage(**json.loads(row)) for row in rows if row]
        index.vectors = np.load(folder / "vectors.npy")
        return index


def refuse_empty(passages: Iterable[Passage]) -> None:
    """Raise RetrievalError if a passage is empty: it would be found by nobody, or by chance."""
    if empty := next((passage for passage in passages if not passage.text.strip()), None):
        raise RetrievalError(f"A passage of {empty.source!r} is empty. Leave it out before adding.")


def refuse_query(query: str, mode: str) -> None:
    """Raise RetrievalError for an empty query or an unknown mode."""
    if not query.strip():
        raise RetrievalError("The query is empty.")
    if mode not in MODES:
        raise RetrievalError(f"There is no mode {mode!r}: it is one of {', '.join(MODES)}.")


def similar(examples: Sequence[Example], k: int) -> Callable[[Example], list[Example]]:
    """Return a function that finds the k examples whose texts are most like a given one's, the most alike last.

    Last is next to the question. Example: similar(task.train, 2)(task.test[0]) -> [Example(…), Example(…)]
    """
    vectors = embed([example.input for example in examples])

    def choose(example: Example) -> list[Example]:
        alike = vectors @ embed([example.input])[0]
        return [examples[i] for i in np.argsort(-alike)[:k][::-1]]
    return choose


def best(scores: np.ndarray, k: int) -> list[int]:
    """Return the places of the k highest scores above 0, the highest first; the earlier of two alike.

    Example: best(np.array([0.1, 0.9, 0.0, 0.9]), 3) -> [1, 3, 0]
    """
    k = min(max(k, 0), len(scores))
    if not k:
        return []
    floor = np.partition(scores, -k)[-k]        # only these few are sorted, not 100,000
    among = np.flatnonzero((scores >= floor) & (scores > 0))
    return among[np.argsort(-scores[among], kind="stable")][:k].tolist()


def fuse(rankings: Sequence[np.ndarray]) -> np.ndarray:
    """Return the reciprocal rank fusion of several score lists: the sum of 1 / (60 + rank) over the lists.

    Only the ranks count, so that scores of different kinds can be put together. A passage beyond the first 50 of a list
    gets nothing from it.
    """
    fused = np.zeros(len(rankings[0]))
    for scores in rankings:
        for rank, i in enumerate(best(scores, DEPTH), 1):
            fused[i] += 1 / (FUSION + rank)
    return fused


def stems_of(texts: list[str]) -> list[list[str]]:
    """Return each text's words without endings and without those that every text has. A single digit is a word."""
    return bm25s.tokenize(texts, stopwords="en", stemmer=lambda words: [_stem(word) for word in words],
                          token_pattern=r"(?u)\b\w+\b", return_ids=False, show_progress=False)


def _embedded(texts: list[str]) -> np.ndarray:
    with Progress("embedding", len(texts)) as bar:
        vectors = []
        for start in range(0, len(texts), TEXTS_A_REQUEST):
            page = texts[start:start + TEXTS_A_REQUEST]
            vectors.append(embed(page))
            for _ in page:
                bar.step()
    return np.concatenate(vectors)


def _word_index(texts: list[str]) -> bm25s.BM25:
    words, stems = bm25s.BM25(), stems_of(texts)
    if any(stems):
        words.index(stems, show_progress=False)
    else:
        words.vocab_dict = {}       # nothing but words that every text has
    return words


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    with _STEMMING:     # the stemmer keeps its state on itself, and questions are asked side by side
        return _STEMMER.stemWord(word)


_STEMMER, _STEMMING, _TURN = snowballstemmer.stemmer("english"), threading.Lock(), threading.Lock()


def _swap(new: Path, place: Path, old: Path) -> None:
    """Put a new folder in the place of the old one; if that fails, the old one stays."""
    if place.exists():
        os.replace(place, old)
    try:
        os.replace(new, place)
    except OSError:
        if old.exists():
            os.replace(old, place)
        raise


def _about(folder: Path) -> dict:
    try:
        about = json.loads((folder / "index.json").read_text())
        whole = about["files"] == _hashes(folder)
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise RetrievalError(f"The index in {folder} is damaged: a file is not as it was written. Build it anew.")
    return about


def _hashes(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}
