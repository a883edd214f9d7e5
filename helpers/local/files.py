"""Uploaded files, on disk: training data and bulk requests on their way in, results on their way out.

    file = add(open("train.jsonl", "rb"), "train.jsonl", "fine-tune")
    file.card["id"], file.content

The id is made from name, purpose and content: the same upload is the same file.
Does not: keep what cannot be trained on; a training file with errors is refused with their line numbers.
"""
from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from helpers.local import folders
from helpers.local.refusals import ApiError
from helpers.settings import cache_folder
from helpers.validate import check

TRAINING, RESULTS = "fine-tune", "fine-tune-results"
REQUESTS, BATCH_RESULTS = "batch", "batch_output"
SHOWN = 3           # errors in a refusal


@dataclass(frozen=True)
class File:
    """A file that was uploaded, or that a job wrote."""

    folder: Path

    @property
    def content(self) -> Path:
        return self.folder / "content"

    @property
    def card(self) -> dict:
        """What OpenAI's API says of a file."""
        return json.loads((self.folder / "card.json").read_text(encoding="utf-8"))


def add(source: BinaryIO, filename: str, purpose: str) -> File:
    """Keep a file and return it. Raises ApiError for a training file with errors.

    Example: add(io.BytesIO(b"step,train_loss"), "metrics.csv", "fine-tune-results").card["bytes"] -> 15
    """
    with folders.scratch(_home()) as part:
        digest = _copied(source, part / "content", f"{purpose}\0{filename}\0")
        if purpose == TRAINING:
            _refuse_faulty(part / "content", filename)
        card = {"id": f"file-{digest[:24]}", "object": "file", "bytes": (part / "content").stat().st_size,
                "created_at": int(time.time()), "filename": filename, "purpose": purpose, "status": "processed"}
        (part / "card.json").write_text(json.dumps(card), encoding="utf-8")
        folders.settle(part, _home() / card["id"])
    return File(_home() / card["id"])


def find(name: str) -> File:
    """Return a file by its id. Raises ApiError."""
    for file in everything():
        if file.folder.name == name:
            return file
    raise ApiError(404, f"There is no file {name!r}. files.list() names those there are; files.create() uploads one.",
                   "file_id", "not_found")


def everything() -> list[File]:
    """Return all files, the newest first."""
    return sorted(map(File, folders.settled(_home())), key=lambda file: -file.card["created_at"])


def delete(name: str) -> None:
    """Remove a file. Jobs that were made with it have copies. Raises ApiError."""
    shutil.rmtree(find(name).folder)


def _home() -> Path:
    return cache_folder() / "files"


def _copied(source: BinaryIO, target: Path, salt: str) -> str:
    """Copy a file of any size, and return the hash of salt and content."""
    digest = hashlib.sha256(salt.encode())
    with target.open("wb") as file:
        while block := source.read(1_000_000):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


# ---------------------------------------------------------------- what keeps a file from being used

def _refuse_faulty(path: Path, filename: str) -> None:
    errors = [str(error) for error in check(path).errors]
    if errors:
        more = f" ... and {len(errors) - SHOWN} more." if len(errors) > SHOWN else ""
        raise ApiError(400, f"{filename!r} cannot be trained on. {' '.join(errors[:SHOWN])}{more} Repair the file and "
                       f"upload it again; `python -m helpers.validate {filename}` shows every fault.", "file",
                       "invalid_training_file")
