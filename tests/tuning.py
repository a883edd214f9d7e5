"""What the tests tune with: a base so small that merging takes no time, examples, and a training that only pretends.

    python -m tests.tuning FOLDER       a trainer like the real one, but for train(), which sleeps instead
"""
from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from gguf import GGUFWriter
from safetensors.numpy import save_file

from helpers.local import files, gguf_files, jobs, room, trainer
from helpers.local.jobs import Base, Job, Wish
from helpers.local.trainer import Result

PRETENDING = [sys.executable, "-m", "tests.tuning"]


def examples(count: int = 10, answer: str = "yes") -> bytes:
    rows = [{"messages": [{"role": "user", "content": f"Is {n} a number?"}, {"role": "assistant", "content": answer}]}
            for n in range(count)]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def uploaded(content: bytes | None = None) -> str:
    """Upload a file, past the web, and return its id."""
    return files.add(io.BytesIO(content or examples()), "train.jsonl", "fine-tune").card["id"]


def base_file(path: Path, architecture: str = "llama") -> Path:
    """Write a GGUF file of one matrix."""
    writer = GGUFWriter(path, architecture)
    for name, number in (("block_count", 1), ("attention.head_count", 1), ("attention.head_count_kv", 1)):
        writer.add_uint32(f"{architecture}.{name}", number)
    writer.add_tensor("blk.0.ffn_down.weight", np.ones((64, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def wish(folder: Path, **more: object) -> Wish:
    return Wish(Base("base", str(base_file(folder / "base.gguf")), "base:1"), more.pop("training_file", None)
                or uploaded(), **more)


def adapter_file(path: Path) -> Path:
    """Write an adapter for base_file's matrix."""
    module = "model.layers.0.mlp.down_proj"
    save_file({module + gguf_files.LORA_A: np.ones((2, 32), np.float16),
               module + gguf_files.LORA_B: np.ones((64, 2), np.float16)},
              path, metadata={"recipe": json.dumps({"rank": 2, "alpha": 2})})
    return path


def pretend(job: Job, progress: Callable, *, seconds: float = 0.0, killed_at: int = 0) -> Result:
    """Go through two steps an epoch without learning anything, from the checkpoint if there is one."""
    checkpoint, epochs = job.folder / "checkpoint.pt", job.hyperparameters.n_epochs
    begun = int(checkpoint.read_text()) if checkpoint.exists() else 0
    so_far = SimpleNamespace(losses=[2.0] * begun, validation={}, tokens=0, seconds=1e-3)
    for step in range(begun + 1, 2 * epochs + 1):
        for _ in range(round(seconds / 0.05)):      # a training, too, comes back to Python all the time
            time.sleep(0.05)
        if step == killed_at and not begun:
            os.kill(os.getpid(), 9)
        so_far.losses.append(round(2 / step, 4))
        so_far.tokens += 50
        if step % 2 == 0:
            so_far.validation[step] = 1.0
        if step in range(2, 2 * epochs, 2):
            adapter_file(job.folder / f"epoch-{step // 2}.safetensors")
            checkpoint.write_text(str(step))
        progress(step, 2 * epochs, so_far)
    return Result(adapter_file(job.folder / "adapter.safetensors"), so_far.losses, so_far.validation, so_far.tokens)


def ended(job: Job, patience: float = 300) -> dict:
    """Wait as a reader does, looking again and again, and return the job's card."""
    end = time.monotonic() + patience
    while not job.ended:
        assert time.monotonic() < end, [event["message"] for event in job.events()]
        trainer.wake()
        time.sleep(0.1)
    return job.card


def messages(job: jobs.Job) -> list[str]:
    """Return what the job said, the first first."""
    return [event["message"] for event in reversed(job.events())]


if __name__ == "__main__":
    options = {name: float(value) for name, value in json.loads(os.environ["PRETEND"]).items()}
    trainer.COMMAND[:] = PRETENDING
    room.ACTIVATIONS = 0        # whatever memory other programs leave
    trainer.train = lambda job, progress: pretend(job, progress, **options)
    trainer.main()
