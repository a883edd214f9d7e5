"""Write the vectors of an embedding reply in half the room, when that loses nothing.

The SDK asks for vectors as base64 of 32-bit numbers. The embedded model's are rounded to 16 bits, so a recording keeps
those. Does not: round anything itself; a vector that needs 32 bits keeps them.
"""
from __future__ import annotations

import base64

import numpy as np


def packed(reply: dict | str) -> dict | str:
    """Return the reply with each base64 vector as {"float16": base64} where that is exact."""
    return _with_vectors(reply, _pack)


def unpacked(reply: dict | str) -> dict | str:
    """Return the reply as it came: unpacked(packed(reply)) == reply."""
    return _with_vectors(reply, _unpack)


def _with_vectors(reply: dict | str, change) -> dict | str:
    if isinstance(reply, str) or not any("embedding" in row for row in reply.get("data", [])):
        return reply
    return reply | {"data": [row | {"embedding": change(row["embedding"])} for row in reply["data"]]}


def _pack(vector: object) -> object:
    if not isinstance(vector, str):
        return vector
    wide = np.frombuffer(base64.b64decode(vector), dtype="<f4")
    with np.errstate(over="ignore"):
        narrow = wide.astype("<f2")
    exact = np.array_equal(narrow.astype("<f4"), wide)
    return {"float16": base64.b64encode(narrow.tobytes()).decode()} if exact else vector


def _unpack(vector: object) -> object:
    if not isinstance(vector, dict):
        return vector
    narrow = np.frombuffer(base64.b64decode(vector["float16"]), dtype="<f2")
    return base64.b64encode(narrow.astype("<f4").tobytes()).decode()
