"""The sentence encoder: texts in, unit vectors of 384 numbers out.

all-MiniLM-L6-v2 is a BERT of six layers (Devlin et al. 2019, arXiv:1810.04805) whose vector for a text is the mean over
the text's tokens (Reimers and Gurevych 2019, arXiv:1908.10084). It is computed in numpy, because each library that
could do it fails a bar: llama.cpp takes 1.5 times as long as sentence-transformers, and the import of PyTorch and
transformers alone 360 MB of the 900 that the service may have. `python -m tests.benchmarks.embedding` measures it
against sentence-transformers, and tests/local/test_encoder.py holds it to PyTorch's numbers.
Does not: fetch the weights (see weights.py), or know OpenAI's API (see api.py).
"""
from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from scipy.special import erf
from threadpoolctl import threadpool_limits
from tokenizers import Tokenizer

from helpers.local.engine import EngineError

LAYERS, HEADS = 6, 12
MOST_TOKENS = 256           # the model's authors cut texts here
MOST_SIDE_BY_SIDE = 8
EPSILON = np.float32(1e-12)
HALF, ROOT_HALF = np.float32(0.5), np.float32(0.5 ** 0.5)


class Encoder:
    """The encoder with its tokenizer.

    Several texts are read side by side, each by one thread, and each alone: two threads on one short text wait for one
    another much of the time, and a vector must not depend on what else is embedded. So from here on this process
    multiplies matrices by one thread at a time; the service multiplies no others.
    """

    def __init__(self, path: Path):
        try:
            with safe_open(path, "numpy") as file:
                self._weights = _joined({name: file.get_tensor(name) for name in file.keys()})     # noqa: SIM118
                self.tokenizer = Tokenizer.from_str(file.metadata()["tokenizer"])
        except (OSError, SafetensorError) as error:
            raise EngineError(f"cannot load {path.name}: the file is damaged. Fetch it again.", 500, "load") from error
        self.tokenizer.enable_truncation(MOST_TOKENS)
        self.tokenizer.no_padding()
        self._side_by_side = ThreadPoolExecutor(min(MOST_SIDE_BY_SIDE, os.cpu_count() or 1))
        threadpool_limits(1, user_api="blas")

    def embed(self, texts: list[str]) -> tuple[np.ndarray, int]:
        """Return the vectors, float32 of shape (texts, 384), and the number of tokens read.

        A text is cut after 256 tokens. The numbers are rounded to 16 bits, so that a recorded vector takes half the
        room and equals a live one: the cosine with the unrounded one is above 0.9999.
        """
        tokens = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        vectors = list(self._side_by_side.map(self._vector, tokens))
        return np.array(vectors).astype(np.float16).astype(np.float32), sum(map(len, tokens))

    # ---------------------------------------------------------------- one text; x has the shape (tokens, 384)

    def _vector(self, ids: list[int]) -> np.ndarray:
        x = self._norm(self._weights["embeddings.word_embeddings.weight"][ids]
                       + self._weights["embeddings.position_embeddings.weight"][:len(ids)]
                       + self._weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for i in range(LAYERS):
            layer = f"encoder.layer.{i}"
            mixed = self._linear(self._attention(x, f"{layer}.attention.self"), f"{layer}.attention.output.dense")
            x = self._norm(x + mixed, f"{layer}.attention.output.LayerNorm")
            wide = gelu(self._linear(x, f"{layer}.intermediate.dense"))
            x = self._norm(x + self._linear(wide, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        mean = x.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _attention(self, x: np.ndarray, name: str) -> np.ndarray:
        """Return, for each token, the mean of all tokens' values, weighted by how well its query meets their keys."""
        q, k, v = self._linear(x, f"{name}.all").reshape(len(x), 3, HEADS, -1).transpose(1, 2, 0, 3)
        scores = q @ k.swapaxes(1, 2) / np.sqrt(np.float32(q.shape[-1]))        # (heads, tokens, tokens)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return (weights @ v).swapaxes(0, 1).reshape(x.shape)

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        product = x @ self._weights[f"{name}.weight"].T
        product += self._weights[f"{name}.bias"]
        return product

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        """Return each row with mean 0 and variance 1, then scaled and moved as was learned."""
        x = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((x * x).mean(axis=-1, keepdims=True) + EPSILON)
        return x / deviation * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _joined(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Put each layer's queries, keys and values into one matrix: one large product takes less time than three."""
    for attention in (f"encoder.layer.{i}.attention.self" for i in range(LAYERS)):
        for kind in ("weight", "bias"):
            parts = [weights.pop(f"{attention}.{part}.{kind}") for part in ("query", "key", "value")]
            weights[f"{attention}.all.{kind}"] = np.concatenate(parts)
    return weights


def gelu(x: np.ndarray) -> np.ndarray:
    """Return x · Φ(x), Φ the normal distribution (Hendrycks and Gimpel 2016, arXiv:1606.08415).

    Example: gelu(np.array([0.0, 10.0])) -> [0.0, 10.0]
    """
    share = erf(x * ROOT_HALF)
    share += 1
    share *= x
    share *= HALF
    return share
