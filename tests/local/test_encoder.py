"""The encoder: PyTorch's vectors, each text by itself, and a file that is what its recipe makes of the original."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.local import weights
from helpers.local.encoder import Encoder, gelu
from helpers.local.engine import EngineError
from helpers.local.weights import MINILM

TEXTS = ["My kettle is broken", "Where's my parcel?? café naïve £5", "I can't log in — help!", "日本 hello", "",
         "the kettle that I ordered last week leaks " * 60, "[CLS] ##ing [unused1]", "ÉCLAIR\tand\nnew lines"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(weights.ensure(MINILM))


def minilm_in_torch(folder: Path, texts: list[str]) -> np.ndarray:
    """Embed as the model's authors do: 256 tokens, the mean of the tokens, length one."""
    import torch
    from transformers import AutoModel, AutoTokenizer
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    batch = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        hidden, mask = model(**batch).last_hidden_state, batch["attention_mask"][..., None]
    return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1)).numpy()


@pytest.mark.live
def test_the_vectors_are_those_of_pytorch_but_for_rounding_to_16_bits(original, encoder):
    exact = minilm_in_torch(original(MINILM).parent, TEXTS)
    assert np.allclose(encoder.embed(TEXTS)[0], exact, rtol=2 ** -11, atol=1e-5)


@pytest.mark.live
def test_a_vector_does_not_depend_on_what_else_is_embedded(encoder):
    together, _ = encoder.embed(TEXTS)
    assert np.array_equal(together, np.vstack([encoder.embed([text])[0] for text in TEXTS]))


@pytest.mark.live
def test_the_file_in_use_is_what_the_recipe_makes_of_the_original(original, tmp_path):
    """A rewrite that writes anything else needs a new recipe name, or old files pass for new ones."""
    MINILM.rewrite(original(MINILM), tmp_path / "again.safetensors")
    assert weights.sha256_of(tmp_path / "again.safetensors") == weights.sha256_of(weights.ensure(MINILM))


@pytest.mark.live
def test_the_tokenizer_inside_the_file_is_the_originals(original, encoder):
    theirs = encoder.tokenizer.from_file(str(original(MINILM).parent / "tokenizer.json"))
    theirs.no_padding()
    theirs.enable_truncation(256)
    assert [one.ids for one in encoder.tokenizer.encode_batch(TEXTS)] == [one.ids for one in theirs.encode_batch(TEXTS)]


@pytest.mark.live
def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "half.safetensors").write_bytes(weights.ensure(MINILM).read_bytes()[:100_000])
    with pytest.raises(EngineError, match=r"cannot load half\.safetensors: the file is damaged"):
        Encoder(tmp_path / "half.safetensors")


def test_gelu_is_the_identity_far_above_zero_nothing_far_below_and_half_way_at_zero():
    assert gelu(np.array([-10.0, 0.0, 1.0, 10.0])).round(4).tolist() == [0, 0, 0.8413, 10]
