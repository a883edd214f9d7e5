"""The course's settings: environment variables, with a `.env` file beside README.md as the fallback.

Every setting is optional. `.env.example` lists them all.
Does not: change the environment, or print a key.
"""
from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from dotenv import dotenv_values
from platformdirs import user_cache_path

ROOT = Path(__file__).resolve().parent.parent


class SettingError(ValueError):
    """A setting has a value the course cannot use; the message says which and what would do."""


def setting(name: str, default: str = "") -> str:
    """Return a setting's value, the environment first, then `.env`.

    Example: setting("COURSE_REPLAY", "auto") -> "auto"
    """
    return os.environ.get(name) or _in_file(ROOT / ".env").get(name) or default


def _in_file(path: Path) -> dict[str, str | None]:
    """Return a `.env` file's settings, none if it is not there; read again only when it has changed."""
    try:
        changed = path.stat()
    except FileNotFoundError:
        return {}
    return _read(path, changed.st_mtime_ns, changed.st_size)


@lru_cache(maxsize=1)       # settings are asked for at every call
def _read(path: Path, changed: int, size: int) -> dict[str, str | None]:
    return dotenv_values(path)


def number(name: str, default: float) -> float:
    """Return a setting as a number.

    Raises SettingError when it is not one. Example: number("COURSE_BUDGET", 1.0) -> 1.0
    """
    text = setting(name)
    try:
        return float(text) if text else default
    except ValueError:
        raise SettingError(f"{name}={text!r} is not a number. Write it like {name}={default:g}.") from None


def cache_folder() -> Path:
    """Return the folder that keeps the weights: COURSE_CACHE, or the user's cache folder."""
    return Path(setting("COURSE_CACHE") or user_cache_path("before-you-fine-tune", appauthor=False))


def store_folder() -> Path:
    """Return the folder that keeps a reader's own replies and ledger: COURSE_STORE, or `.course`."""
    return Path(setting("COURSE_STORE") or ROOT / ".course")
