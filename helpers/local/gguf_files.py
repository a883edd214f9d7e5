"""Write the model file the engine reads: the chat model as Q8_0, with an adapter or without.

Does not: download or verify anything (see weights.py).
"""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from gguf import (
    MODEL_ARCH,
    GGMLQuantizationType,
    GGUFReader,
    GGUFValueType,
    GGUFWriter,
    LlamaFileType,
    get_tensor_name_map,
)
from gguf.quants import dequantize, quantize

Q8_0 = GGMLQuantizationType.Q8_0
GOLDEN = 0.6180339887498949     # its multiples, modulo 1, lie evenly between 0 and 1, in any stretch of them
LORA_A, LORA_B = ".lora_A.weight", ".lora_B.weight"
WRITTEN_ANEW = ("general.architecture", "general.file_type", "general.quantization_version")


def requantize(source: Path, target: Path) -> None:
    """Write a GGUF file again with every matrix as Q8_0; vectors and metadata stay as they are.

    Q8_0 keeps 8 bits and a scale for each block of 32 weights: larger than Q4_1, and about twice as fast
    to multiply on a CPU. Rounding 4-bit values to 8 bits moves them by less than half a percent of the
    largest weight in the block.
    """
    _write_as_q8_0(source, target, lambda name, matrix: to_nearest(matrix))


def to_nearest(matrix: np.ndarray) -> np.ndarray:
    """Return a matrix as Q8_0, each number as the nearest step."""
    return quantize(matrix, Q8_0)


def merge_adapter(source: Path, target: Path, adapter: Path,
                  rounded: Callable[[np.ndarray], np.ndarray] = to_nearest) -> None:
    """Write a Llama GGUF file again as Q8_0, with a LoRA adapter (safetensors, as training.py saves it) added in.

    To each matrix W is added alpha / rank · B·A. llama.cpp keeps the rows of queries and keys in another order than
    the model was trained in, so what is added there takes the same order. `rounded` writes a sum as Q8_0: to_nearest,
    which is what course-135m was frozen with, or dithered. Raises ValueError if the adapter has a part that the file
    has no place for.
    """
    additions = _additions(adapter, GGUFReader(source))

    def added(name: str, matrix: np.ndarray) -> np.ndarray:
        return rounded(matrix + additions.pop(name)) if name in additions else to_nearest(matrix)
    _write_as_q8_0(source, target, added)
    if additions:
        raise ValueError(f"{adapter.name} does not fit {source.name}: no place for {', '.join(sorted(additions)[:3])}.")


def dithered(matrix: np.ndarray) -> np.ndarray:
    """Return a matrix as Q8_0, rounded up as often as the remainder says, so that small changes stay on average.

    Weights that were Q8_0 stand on its steps. A short training moves each by a tenth of a step, and rounded to the
    nearest all would go back: 4% of what six steps had learned was left in one matrix, and this way 99.6%.
    Example: a row of one 127 and 31 times 0.1 -> 127, three ones and 28 zeros
    """
    blocks = matrix.astype(np.float32).reshape(-1, 32)
    scale = (np.abs(blocks).max(axis=1, keepdims=True) / 127).astype(np.float16)
    steps = blocks / np.where(scale == 0, np.float16(1), scale).astype(np.float32)
    between = (np.arange(blocks.size) * GOLDEN % 1).astype(np.float32).reshape(blocks.shape)
    whole = np.clip(np.floor(steps + between), -127, 127).astype(np.int8)
    return np.concatenate([scale.view(np.uint8), whole.view(np.uint8)], axis=1).reshape(len(matrix), -1)


def _write_as_q8_0(source: Path, target: Path, rounded: Callable[[str, np.ndarray], np.ndarray]) -> None:
    """Write every matrix as Q8_0, as `rounded(name, matrix)` returns it; vectors and metadata stay as they are."""
    reader = GGUFReader(source)
    writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in WRITTEN_ANEW:
            element = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], element)
    writer.add_file_type(LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(2)
    for tensor in reader.tensors:
        data, kind = tensor.data, tensor.tensor_type
        if len(tensor.shape) > 1:
            data, kind = rounded(tensor.name, dequantize(data, kind)), Q8_0
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
    _write(writer)


def _additions(adapter: Path, reader: GGUFReader) -> dict[str, np.ndarray]:
    """Return what a LoRA adapter adds to each tensor, by the tensor's name in a GGUF file, rows in the file's order."""
    from safetensors import safe_open
    heads = {part: reader.fields[f"llama.attention.{field}"].contents()
             for part, field in (("attn_q", "head_count"), ("attn_k", "head_count_kv"))}
    names = get_tensor_name_map(MODEL_ARCH.LLAMA, reader.fields["llama.block_count"].contents())
    additions = {}
    with safe_open(adapter, "numpy") as file:
        recipe = json.loads(file.metadata()["recipe"])
        for module in [key.removesuffix(LORA_B) for key in file.keys() if key.endswith(LORA_B)]:    # noqa: SIM118
            b, a = file.get_tensor(module + LORA_B), file.get_tensor(module + LORA_A)
            added = b.astype(np.float32) @ a.astype(np.float32) * (recipe["alpha"] / recipe["rank"])
            name = names.get_name(module) or module
            part = name.split(".")[-1]
            additions[f"{name}.weight"] = permuted(added, heads[part]) if part in heads else added
    return additions


def permuted(matrix: np.ndarray, heads: int) -> np.ndarray:
    """Return the rows of a query or key matrix in llama.cpp's order: in each head the halves interleaved.

    Example: permuted(np.arange(4)[:, None], heads=1).ravel() -> [0, 2, 1, 3]
    """
    rows, columns = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _write(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
