"""(n) How long does a question take in memory, and in Qdrant?

    python -m tests.benchmarks.collection             in memory and in Qdrant's client; writes the CSV
    python -m tests.benchmarks.collection ADDRESS     ... and at a server, which gets two collections; writes nothing

Passages are eighty words drawn from the handbook, and questions are its own. Their vectors are random, of the length
that the course's are: a search by them takes as long as by others, and no model's time is counted. The stores take
turns, question by question, and the median is what counts. It is kept in data/results/collection_speed.csv.
"""
from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd

from helpers import qdrant, retrieval
from helpers.qdrant import Collection
from helpers.retrieval import MODES, Index, Passage, read_folder
from helpers.settings import ROOT
from helpers.tasks import DATA, load_task
from tests.benchmarks.search import unit

COUNTS, QUESTIONS, WORDS = (2_000, 20_000), 12, 80
KEPT = ROOT / "data" / "results" / "collection_speed.csv"
RANDOM = np.random.default_rng(0)


def main() -> None:
    """Ask the same questions of every store in every mode, and say how long the median took."""
    retrieval.embed = qdrant.embed = lambda texts: unit(RANDOM, len(texts))
    with tempfile.TemporaryDirectory() as folder:
        places = {"Qdrant, in this process": folder} | {place: place for place in sys.argv[1:]}
        rows = pd.DataFrame(row for count in COUNTS for row in measured(count, places))
    print(rows.to_string(index=False))
    if not sys.argv[1:]:
        rows.to_csv(KEPT, index=False)


def measured(count: int, places: dict[str, str]) -> Iterator[dict]:
    """Fill the stores with so many passages, and yield a row for each store and mode."""
    stores = {"in memory": Index()} | {name: Collection(f"speed-{count}", place) for name, place in places.items()}
    passages = drawn(count)
    for store in stores.values():
        store.add(passages)
    questions = [example.input for example in load_task("handbook").validation[:QUESTIONS]]
    for mode in MODES:
        seconds = {name: [] for name in stores}
        for question in [questions[0], *questions]:     # the first once more: it may build what the others use
            for name, store in stores.items():
                started = time.perf_counter()
                store.search(question, 5, mode)
                seconds[name].append(time.perf_counter() - started)
        for name, taken in seconds.items():
            yield {"store": name, "passages": count, "mode": mode,
                   "milliseconds": round(1000 * statistics.median(taken[1:]), 1)}


def drawn(count: int) -> list[Passage]:
    """Return so many passages of the handbook's words, drawn as often as they stand there."""
    words = " ".join(page.text for page in read_folder(DATA / "handbook" / "pages")).split()
    return [Passage(" ".join(RANDOM.choice(words, WORDS)), f"page {i}", 0, 0) for i in range(count)]


if __name__ == "__main__":
    main()
