"""Count what the calls inside a block used: tokens, dollars, seconds.

    with metered() as calls:
        client.chat.completions.create(...)
    calls[0].tokens.prompt

Does not: see calls made by threads that the block starts itself.
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from helpers.provider.budget import Tokens

_calls: ContextVar[list[Metered] | None] = ContextVar("calls", default=None)
_repeat: ContextVar[int] = ContextVar("repeat", default=0)


@dataclass(frozen=True)
class Metered:
    """One call: what it used, its list price in dollars, the seconds it took when it was made live."""

    tokens: Tokens
    cost: float
    seconds: float
    replayed: bool
    cut_off: bool = False       # by the token limit


@contextmanager
def metered(repeat: int = 0) -> Iterator[list[Metered]]:
    """Collect the calls made inside. `repeat` tells repeated askings of the same thing apart in recordings."""
    calls: list[Metered] = []
    before = _calls.set(calls), _repeat.set(repeat)
    try:
        yield calls
    finally:
        _calls.reset(before[0])
        _repeat.reset(before[1])


def count(call: Metered) -> None:
    """Add a call to the enclosing block, if there is one."""
    calls = _calls.get()
    if calls is not None:
        calls.append(call)


def current_repeat() -> int:
    """Return the repeat index of the enclosing block. Example: current_repeat() -> 0"""
    return _repeat.get()
