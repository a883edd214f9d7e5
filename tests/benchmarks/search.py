"""(f) How long does a search take, and when does a store begin to pay?

    python -m tests.benchmarks.search     bar: 20 ms in 100,000 vectors by numpy; writes data/results/search_speed.csv

Vectors are random, of the length that the course's are; a search by them takes as long as by others. The stores take
turns, question by question, and the median is what counts.
"""
from __future__ import annotations

import statistics
import tempfile
import time

import numpy as np
import pandas as pd
from qdrant_client import QdrantClient, models

from helpers.retrieval import best
from helpers.settings import ROOT

BAR, DIMENSIONS, QUESTIONS, K = 20, 384, 40, 5
KEPT = ROOT / "data" / "results" / "search_speed.csv"


def main() -> None:
    """Search by numpy in 10,000 and 100,000 vectors, by Qdrant in this process in 10,000 and 20,000."""
    vectors = unit(np.random.default_rng(0), 100_000)
    with tempfile.TemporaryDirectory() as folder:
        stores = {("numpy", 10_000): by_numpy(vectors[:10_000]), ("numpy", 100_000): by_numpy(vectors),
                  ("Qdrant, in this process", 10_000): by_qdrant(vectors[:10_000], f"{folder}/10"),
                  ("Qdrant, in this process", 20_000): by_qdrant(vectors[:20_000], f"{folder}/20")}
        seconds = {store: [] for store in stores}
        for question in unit(np.random.default_rng(1), QUESTIONS):
            for store, search in stores.items():
                started = time.perf_counter()
                search(question)
                seconds[store].append(time.perf_counter() - started)
    rows = pd.DataFrame([{"store": store, "vectors": count, "milliseconds": round(1000 * statistics.median(taken), 1)}
                         for (store, count), taken in seconds.items()])
    rows.to_csv(KEPT, index=False)
    print(rows.to_string(index=False))
    [took] = rows.milliseconds[(rows.store == "numpy") & (rows.vectors == 100_000)]
    print(f"numpy in 100,000: {took:.1f} ms (bar {BAR}): {'met' if took <= BAR else 'MISSED'}")


def unit(random: np.random.Generator, count: int) -> np.ndarray:
    """Return so many vectors of length 1."""
    vectors = random.standard_normal((count, DIMENSIONS), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_numpy(vectors: np.ndarray):
    """Return a search in an array, as helpers.retrieval does it."""
    return lambda question: best(vectors @ question, K)


def by_qdrant(vectors: np.ndarray, folder: str):
    """Return a search in Qdrant's local mode, on disk."""
    client = QdrantClient(path=folder)
    client.create_collection("chunks", vectors_config=models.VectorParams(
        size=DIMENSIONS, distance=models.Distance.COSINE))
    client.upload_collection("chunks", vectors=vectors)
    return lambda question: client.query_points("chunks", query=question.tolist(), limit=K).points


if __name__ == "__main__":
    main()
