"""Tuned models, on disk: each an adapter and what it belongs to, and the file the engine reads, merged when needed.

    model = add("ft:course-135m:course:tickets:1a2b3c4d", adapter, weights, step=38)
    model.file()        -> the path of a GGUF file, base and adapter in one

Checkpoints are tuned models too, named after the model they were to become: ...:ckpt-step-19.
Does not: train (see trainer.py), or serve (see api.py).
"""
from __future__ import annotations

import json
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from helpers.local import folders, gguf_files
from helpers.local.refusals import ApiError
from helpers.local.weights import WeightsError
from helpers.settings import cache_folder

PREFIX = "ft:"


@dataclass(frozen=True)
class Tuned:
    """A tuned model or a checkpoint on the way to one."""

    folder: Path

    @property
    def adapter(self) -> Path:
        return self.folder / "adapter.safetensors"

    @property
    def card(self) -> dict:
        """Its id, when it was made, the base's file, and what its job noted."""
        return json.loads((self.folder / "card.json").read_text(encoding="utf-8"))

    def file(self) -> Path:
        """Return the model as Q8_0, merged now if it was not yet. Raises WeightsError."""
        merged = self.folder / "model.gguf"
        with FileLock(self.folder / "merge.lock"):
            if not merged.exists():
                _merge(Path(self.card["weights"]), self.adapter, merged)
        return merged


def add(name: str, adapter: Path, weights: Path, **facts: object) -> Tuned:
    """Keep a copy of an adapter under a model's name, with whatever else is to be known of it."""
    home, folder = _home(), _home() / _folder_name(name)
    with folders.scratch(home) as part:
        shutil.copy(adapter, part / "adapter.safetensors")
        card = {"id": name, "created": int(time.time()), "weights": str(weights)} | facts
        (part / "card.json").write_text(json.dumps(card), encoding="utf-8")
        folders.settle(part, folder)
    return Tuned(folder)


def find(name: str) -> Tuned:
    """Return a tuned model by its id. Raises ApiError that names those there are."""
    for model in everything():
        if model.card["id"] == name:
            return model
    there = ", ".join(names()) or "none yet; fine_tuning.jobs.create() makes one"
    raise ApiError(404, f"There is no tuned model {name!r} here. There are: {there}. If answers of it were recorded on "
                   "another machine, only those can be replayed; run the cell that trains it, a few minutes, and "
                   "it is here under the same name.", "model", "model_not_found")


def exists(name: str) -> bool:
    """Say whether a model of that id is there."""
    return name in names()


def everything() -> list[Tuned]:
    """Return all tuned models and checkpoints, the oldest first."""
    return sorted(map(Tuned, folders.settled(_home())), key=lambda model: (model.card["created"], model.card["id"]))


def names() -> list[str]:
    """Return the ids of all tuned models and checkpoints, the oldest first."""
    return [model.card["id"] for model in everything()]


def checkpoints(name: str) -> list[Tuned]:
    """Return the checkpoints of a model, the latest first; the finished model, if it is there, is one of them."""
    own = [model for model in everything() if model.card["id"].partition(":ckpt-step-")[0] == name]
    return sorted(own, key=lambda model: -model.card["step"])


def delete(name: str) -> None:
    """Remove a tuned model; its checkpoints stay. Raises ApiError."""
    shutil.rmtree(find(name).folder)


def _home() -> Path:
    return cache_folder() / "tuned"


def _folder_name(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)        # some systems allow no colon


def _merge(weights: Path, adapter: Path, merged: Path) -> None:
    if not weights.exists():
        raise WeightsError(f"{merged.parent.name} was tuned on {weights}, which is gone. Put it back, or tune again.")
    part = merged.with_suffix(".part")
    try:
        gguf_files.merge_adapter(weights, part, adapter, gguf_files.dithered)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise WeightsError(f"Writing the tuned model broke off ({error.strerror or error}); nothing half-written is "
                           "kept. Free some disk space and ask again.") from error
    os.replace(part, merged)
