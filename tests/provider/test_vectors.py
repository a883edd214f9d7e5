"""Vectors take half the room in a recording, and come back bit for bit."""
from __future__ import annotations

import base64

import numpy as np
import pytest

from helpers.provider.vectors import packed, unpacked


def reply_with(vector: np.ndarray) -> dict:
    text = base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return {"model": "m", "data": [{"index": 0, "embedding": text}]}


def test_a_vector_of_16_bit_numbers_takes_half_the_room_and_comes_back():
    reply = reply_with(np.linspace(-1, 1, 384).astype(np.float16))
    assert len(packed(reply)["data"][0]["embedding"]["float16"]) == 1024
    assert unpacked(packed(reply)) == reply


def test_a_vector_that_needs_32_bits_keeps_them():
    reply = reply_with(np.array([1 / 3, 1e30], dtype=np.float32))
    assert packed(reply) == reply == unpacked(reply)


@pytest.mark.parametrize("reply", ["data: [DONE]", {"choices": []}, {"data": []},
                                   {"data": [{"object": "fine_tuning.job.event"}]},
                                   {"data": [{"embedding": [0.5, 0.25]}]}])
def test_replies_without_base64_vectors_pass_unchanged(reply):
    assert packed(reply) == reply and unpacked(reply) == reply
