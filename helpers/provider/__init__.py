"""One `openai` client for every provider.

    client, model = connect()
    client.chat.completions.create(model=model, messages=[...])

Behind it stand, in this order, recordings, a budget and the provider: the embedded model unless the settings name
another. Imports nothing above it.
"""
from __future__ import annotations

from functools import cache

import numpy as np
from openai import OpenAI

from helpers.local.weights import MINILM
from helpers.provider.budget import Budget
from helpers.provider.shelves import Shelves
from helpers.provider.target import OPENAI_URL, Target, chosen, embedded
from helpers.provider.transport import EMBEDDED_URL, CourseTransport, client_of
from helpers.settings import setting, store_folder

TEXTS_A_REQUEST = 256


def connect(model: str = "") -> tuple[OpenAI, str]:
    """Return an OpenAI client and the name of the model that answers.

    The embedded model, unless OPENAI_BASE_URL or COURSE_MODEL names another; a model of the course asked for by name
    always answers on this machine. Raises SettingError.
    Example: client, model = connect(); model -> "course-135m"
    """
    target = embedded(model) if model else chosen()
    return client_for(target), target.model


def client_for(target: Target, *, adapt: bool = True) -> OpenAI:
    """Return a plain client whose requests pass recordings and budget on their way to the target."""
    return client_of(target, CourseTransport(target, shelves(), budget(), adapt=adapt))


def embed(texts: list[str]) -> np.ndarray:
    """Return the texts' vectors, float32 of shape (texts, dimensions), each of length 1.

    MiniLM on this machine, unless COURSE_EMBEDDINGS names a model of the chosen provider.
    Example: embed(["late parcel", "where is it"]).shape -> (2, 384)
    """
    if not texts:
        raise ValueError("There is nothing to embed: the list of texts is empty.")
    hosted = setting("COURSE_EMBEDDINGS")
    client = client_for(chosen() if hosted else embedded())
    pages = [texts[i:i + TEXTS_A_REQUEST] for i in range(0, len(texts), TEXTS_A_REQUEST)]
    rows = [row.embedding for page in pages
            for row in client.embeddings.create(model=hosted or MINILM.name, input=page).data]
    vectors = np.array(rows, dtype=np.float32).reshape(len(texts), -1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def embedding_model() -> str:
    """Return what decides a text's vector: a hosted model's name, or name and hash of the one on this machine."""
    return setting("COURSE_EMBEDDINGS") or MINILM.fingerprint


def answering() -> str:
    """Say who answers, in one line.

    Example: answering() -> "course-135m, on this machine, free"
    """
    target = chosen()
    where = "on this machine, free" if target.on_this_machine else f"at {target.host}, budget ${budget().limit:.2f}"
    return f"{target.model}, {where}"


@cache
def shelves() -> Shelves:
    """The one place this process looks for replies and keeps them."""
    return Shelves()


@cache
def budget() -> Budget:
    """The one budget of this process."""
    return Budget(store_folder() / "ledger.jsonl")


__all__ = ["EMBEDDED_URL", "OPENAI_URL", "Target", "answering", "budget", "chosen", "client_for", "connect", "embed",
           "embedded", "embedding_model", "shelves"]
