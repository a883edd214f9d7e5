"""Take a tuned model out of the course, in a form that other programs read.

    export("ft:course-135m:course:tickets:1a2b3c4d", "my-model", "gguf")

- adapter: a PEFT folder, for `PeftModel.from_pretrained(base, folder)`; the base is the weights file it was tuned on
- gguf: base and adapter in one file, as the engine here serves it; llama.cpp, Ollama and LM Studio read it
- safetensors: the same weights as a `transformers` folder with its tokenizer; vLLM reads it too

Does not: upload anything, or write over what is there.
"""
from __future__ import annotations

import shutil
from pathlib import Path

from helpers.local import folders, tuned
from helpers.local.refusals import ApiError
from helpers.local.tuned import Tuned


def export(model_id: str, folder: str | Path, form: str) -> Path:
    """Write a tuned model into a new folder, whole or not at all, and return the folder.

    Raises LookupError for a model that is not on this machine, ValueError for another form, FileExistsError for a
    folder with something in it. Example: export(job.fine_tuned_model, "my-model", "adapter") -> Path("my-model")
    """
    if form not in WRITERS:
        raise ValueError(f"form={form!r} is not one of {', '.join(WRITERS)}.")
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty, and an export writes over nothing. Name a new folder.")
    try:
        model = tuned.find(model_id)
    except ApiError as error:
        raise LookupError(str(error)) from None
    with folders.scratch(folder.absolute().parent) as part:
        WRITERS[form](model, part)
        if folder.exists():
            folder.rmdir()
        folders.settle(part, folder)
    return folder


def _write_adapter(model: Tuned, part: Path) -> None:
    """Write what PeftModel.from_pretrained reads."""
    from helpers.local import adapter  # brings torch, which takes seconds
    adapter.write(model.adapter, _base_name(model), part)


def _base_name(model: Tuned) -> str:
    """Example: the base of "ft:course-135m:course:tickets:1a2b3c4d" -> "course-135m" """
    return model.card["id"].split(":")[1]


def _write_gguf(model: Tuned, part: Path) -> None:
    shutil.copy(model.file(), part / f"{model.folder.name}.gguf")


def _write_safetensors(model: Tuned, part: Path) -> None:
    """Write the weights that are served, as float16: what was measured here is what runs elsewhere."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    merged = model.file()
    chat = AutoModelForCausalLM.from_pretrained(merged.parent, gguf_file=merged.name, dtype=torch.float16,
                                                quantization_config=GgufConfig(dequantize=True))    # else unsaveable
    chat.save_pretrained(part)
    AutoTokenizer.from_pretrained(merged.parent, gguf_file=merged.name).save_pretrained(part)


WRITERS = {"adapter": _write_adapter, "gguf": _write_gguf, "safetensors": _write_safetensors}
