"""The rewritten files: every weight where it was, metadata kept, answers no farther from the exact ones."""
from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import dequantize, quantize
from openai import OpenAI
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM

from helpers.local import gguf_files, weights
from helpers.local.weights import SMOLLM2
from tests.conftest import client_of

Q4_1, Q8_0 = GGMLQuantizationType.Q4_1, GGMLQuantizationType.Q8_0


# ---------------------------------------------------------------- a small file

@pytest.fixture
def small(tmp_path) -> tuple[Path, Path]:
    """A GGUF file of a matrix and a vector with some metadata, and its rewrite."""
    source, target = tmp_path / "source.gguf", tmp_path / "target.gguf"
    writer = GGUFWriter(source, "llama")
    writer.add_string("general.name", "small")
    writer.add_uint32("llama.block_count", 2)
    writer.add_float32("llama.rope.freq_base", 1e5)
    writer.add_bool("tokenizer.ggml.add_bos_token", False)
    writer.add_array("tokenizer.ggml.tokens", ["a", "é", "日"])
    writer.add_array("tokenizer.ggml.token_type", [1, 2, 3])
    writer.add_file_type(3)
    numbers = np.random.default_rng(0)
    matrix = numbers.normal(size=(64, 96)).astype(np.float32)
    writer.add_tensor("matrix", quantize(matrix, Q4_1), raw_dtype=Q4_1)
    writer.add_tensor("vector", numbers.normal(size=96).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    gguf_files.requantize(source, target)
    return source, target


read = cache(GGUFReader)        # the chat model's vocabulary takes a second


def tensors(path: Path) -> dict:
    return {tensor.name: tensor for tensor in read(path).tensors}


def metadata(path: Path) -> dict:
    fields = [field for field in read(path).fields.values() if not field.name.startswith("GGUF.")]
    return {field.name: (field.types, field.contents()) for field in fields}


def values(tensor) -> np.ndarray:
    """Return every fourth row of a matrix, or a vector."""
    return dequantize(tensor.data[::4] if tensor.data.ndim > 1 else tensor.data, tensor.tensor_type)


def test_matrices_become_q8_0_and_vectors_stay_as_they_are(small):
    before, after = map(tensors, small)
    assert (after["matrix"].tensor_type.name, after["vector"].tensor_type.name) == ("Q8_0", "F32")
    assert np.array_equal(after["vector"].data, before["vector"].data)
    assert list(after["matrix"].shape) == list(before["matrix"].shape)


def test_metadata_is_kept_with_its_types(small):
    before, after = map(metadata, small)
    kept = {name: value for name, value in before.items() if name not in gguf_files.WRITTEN_ANEW}
    assert kept == {name: value for name, value in after.items() if name not in gguf_files.WRITTEN_ANEW}
    assert after["tokenizer.ggml.tokens"] == ([GGUFValueType.ARRAY, GGUFValueType.STRING], ["a", "é", "日"])


def test_the_file_type_says_q8_0(small):
    assert metadata(small[1])["general.file_type"][1] == 7


def moved(before: dict, after: dict) -> float:
    """Return how far the rewrite moved any weight, as a share of the largest weight in its block of 32."""
    worst = 0.0
    for name in before:
        old, new = values(before[name]).reshape(-1, 32), values(after[name]).reshape(-1, 32)
        largest = np.abs(old).max(axis=1, keepdims=True)
        worst = max(worst, float((np.abs(new - old) / np.maximum(largest, 1e-12)).max()))
    return worst


def test_no_weight_of_a_small_file_moves_by_half_a_percent_of_its_block(small):
    assert 0 < moved(*map(tensors, small)) < 0.005


# ---------------------------------------------------------------- an adapter added in

PARTS = ("self_attn.q_proj", "self_attn.k_proj", "mlp.down_proj")


def random_adapter(path: Path, shapes: dict[str, tuple[int, int]], rank: int = 4) -> dict[str, np.ndarray]:
    """Write an adapter of random numbers; return what it adds to each module: alpha / rank · B·A."""
    numbers, tensors, added = np.random.default_rng(1), {}, {}
    for module, (rows, columns) in shapes.items():
        a, b = (numbers.normal(scale=0.1, size=size).astype(np.float16) for size in ((rank, columns), (rows, rank)))
        tensors |= {module + gguf_files.LORA_A: a, module + gguf_files.LORA_B: b}
        added[module] = 2 * b.astype(np.float32) @ a.astype(np.float32)
    save_file(tensors, path, metadata={"recipe": json.dumps({"rank": rank, "alpha": 2 * rank})})
    return added


@pytest.mark.parametrize(("rows", "heads", "order"), [
    (4, 1, [0, 2, 1, 3]), (8, 2, [0, 2, 1, 3, 4, 6, 5, 7]), (6, 1, [0, 3, 1, 4, 2, 5])])
def test_rows_of_queries_and_keys_are_interleaved_in_each_head(rows, heads, order):
    assert gguf_files.permuted(np.arange(rows)[:, None], heads).ravel().tolist() == order


def test_changes_smaller_than_a_step_are_kept_on_average():
    numbers = np.random.default_rng(0)
    before = dequantize(quantize(numbers.normal(size=(96, 320)).astype(np.float32), Q8_0), Q8_0)
    change = (0.002 * numbers.normal(size=(96, 1)) @ numbers.normal(size=(1, 320))).astype(np.float32)  # a step: 0.02
    kept = {how: np.sum((dequantize(how(before + change), Q8_0) - before) * change) / np.sum(change ** 2)
            for how in (gguf_files.dithered, gguf_files.to_nearest)}
    by_dither, by_nearest = kept.values()
    assert by_dither == pytest.approx(1, abs=0.05)
    assert by_nearest < 0.3


def test_what_is_not_changed_stays_where_it_is():
    numbers = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    before = dequantize(quantize(np.vstack([numbers, np.zeros((1, 64), np.float32)]), Q8_0), Q8_0)
    assert np.abs(dequantize(gguf_files.dithered(before), Q8_0) - before).max() < 0.002     # a tenth of a step


@pytest.mark.live
def test_an_adapter_is_added_where_the_trained_model_has_it(tmp_path):
    base = weights.ensure(SMOLLM2)
    shapes = {f"model.layers.{layer}.{part}": shape for layer in (0, 29) for part, shape in
              zip(PARTS, [(576, 576), (192, 576), (576, 1536)], strict=True)}
    added = random_adapter(tmp_path / "adapter.safetensors", shapes)
    gguf_files.merge_adapter(base, tmp_path / "merged.gguf", tmp_path / "adapter.safetensors")
    before, after = (AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name).state_dict()
                     for path in (base, tmp_path / "merged.gguf"))
    for module in shapes:       # transformers puts the rows back into the order of training
        change = (after[f"{module}.weight"] - before[f"{module}.weight"]).numpy()
        assert np.corrcoef(change.ravel(), added[module].ravel())[0, 1] > 0.99
    untouched = "model.layers.5.mlp.up_proj.weight"
    assert (after[untouched] == before[untouched]).all()


@pytest.mark.live
def test_an_adapter_of_another_model_is_refused(tmp_path):
    random_adapter(tmp_path / "adapter.safetensors", {"model.layers.77.mlp.down_proj": (576, 1536)})
    with pytest.raises(ValueError, match=r"adapter.safetensors does not fit .*: no place for model.layers.77"):
        gguf_files.merge_adapter(weights.ensure(SMOLLM2), tmp_path / "merged.gguf", tmp_path / "adapter.safetensors")


# ---------------------------------------------------------------- the real files, against the originals

@pytest.mark.live
def test_the_file_in_use_is_what_the_recipe_makes_of_the_original(original, tmp_path):
    """A rewrite that writes anything else needs a new recipe name, or old files pass for new ones."""
    SMOLLM2.rewrite(original(SMOLLM2), tmp_path / "again.gguf")
    assert weights.sha256_of(tmp_path / "again.gguf") == weights.sha256_of(weights.ensure(SMOLLM2))


@pytest.mark.live
def test_no_weight_of_the_chat_model_moves_by_half_a_percent_of_its_block(original):
    before, after = tensors(original(SMOLLM2)), tensors(weights.ensure(SMOLLM2))
    assert list(before) == list(after)
    assert {after[name].tensor_type.name for name in after if len(after[name].shape) > 1} == {"Q8_0"}
    assert 0 < moved(before, after) < 0.005


@pytest.mark.live
def test_the_chat_models_metadata_is_kept(original):
    before, after = metadata(original(SMOLLM2)), metadata(weights.ensure(SMOLLM2))
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {"general.file_type"}


# ---------------------------------------------------------------- answers

QUESTIONS = """What is the capital of France?  Say hello.  Name three fruits.  Write a short poem about rain.
What is 2 + 2?  Translate 'good morning' to Spanish.  Why is the sky blue?  Give me a name for a cat.
List the days of the week.  What does a plumber do?  My kettle arrived broken. What now?
How do I boil an egg?  Who wrote Hamlet?  Define gravity in one sentence.  Is water wet?
Where is my parcel?  Finish: roses are red,  What is a noun?  Give an antonym of hot.
How many legs has a spider?""".replace("\n", "  ").split("  ")


def next_tokens(client: OpenAI, model: str) -> list[dict[int, float]]:
    """Return, for each question, the probabilities of the 20 likeliest first tokens of the answer."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(partial(next_token, client, model), QUESTIONS))


def next_token(client: OpenAI, model: str, question: str) -> dict[int, float]:
    reply = client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}],
                                           max_tokens=1, temperature=0, logprobs=True, top_logprobs=20)
    likeliest = reply.choices[0].logprobs.content[0].top_logprobs
    return {token.model_extra["id"]: np.exp(token.logprob) for token in likeliest}


def exact_next_tokens(path: Path) -> list[np.ndarray]:
    """Return the same from PyTorch, in 32-bit arithmetic on the weights as they came; all tokens, not 20."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    chats = [[{"role": "user", "content": question}] for question in QUESTIONS]
    batch = tokenizer.apply_chat_template(chats, add_generation_prompt=True, return_dict=True, return_tensors="pt",
                                          padding=True, tokenizer_kwargs={"padding_side": "left"})
    with torch.no_grad():
        return list(torch.softmax(model(**batch, logits_to_keep=1).logits[:, -1], 1).numpy())


def distance(answers: list[dict[int, float]], exact: list[np.ndarray]) -> float:
    """Return the mean share of probability that lies elsewhere, over the questions."""
    return float(np.mean([sum(abs(p - e[token]) for token, p in answer.items()) / 2
                          for answer, e in zip(answers, exact, strict=True)]))


@pytest.mark.live
def test_answers_move_no_farther_from_the_exact_ones_by_the_rewrite(original, own_service, live_client):
    """The engine rounds on either file; what matters is whether the rewrite adds to it."""
    exact = exact_next_tokens(original(SMOLLM2))
    file = client_of(own_service(COURSE_WEIGHTS=original(SMOLLM2)))
    as_it_came = distance(next_tokens(file, file.models.list().data[0].id), exact)
    rewritten = distance(next_tokens(live_client, SMOLLM2.name), exact)
    assert rewritten < 0.05
    assert rewritten < as_it_came + 0.02
