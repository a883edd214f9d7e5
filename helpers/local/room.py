"""See that there is room to train, before a reader waits for it.

    need(Path("smollm2-135m.q8_0-1.gguf"))      raises NoRoom when disk or memory will not do

Does not: hold the room: another program may take it meanwhile.
"""
from __future__ import annotations

import shutil
from pathlib import Path

import psutil

from helpers.settings import cache_folder

CHECKPOINTS = 250_000_000       # bytes on disk: adapters, and a checkpoint beside the one it replaces
ACTIVATIONS = 2_300_000_000     # bytes in memory: what a step computes, and PyTorch itself
UNPACKED = 3.8                  # a weight of Q8_0 takes 8.5 bits, one that is trained on 32


class NoRoom(RuntimeError):
    """Disk or memory will not do; the message says how much is needed and what to do."""

    def __init__(self, message: str, code: str):
        super().__init__(message)
        self.code = code


def need(weights: Path) -> None:
    """Raise NoRoom unless a model of this file can be trained and written here."""
    size, home = weights.stat().st_size, cache_folder()
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    if free < size + CHECKPOINTS:
        raise NoRoom(f"Tuning needs {_mb(size + CHECKPOINTS)} of disk and {home} has {_mb(free)} left. Free some, or "
                     "set COURSE_CACHE to a folder on another disk.", "insufficient_disk")
    needed, available = int(UNPACKED * size) + ACTIVATIONS, psutil.virtual_memory().available
    if available < needed:
        raise NoRoom(f"Tuning needs {_mb(needed)} of memory and {_mb(available)} are free. Close other programs or "
                     "notebooks, then create the job again.", "insufficient_memory")


def _mb(size: int) -> str:
    """Example: _mb(350_400_000) -> "350 MB" """
    return f"{size / 1e6:,.0f} MB"
