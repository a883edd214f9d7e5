"""Requests that wait for a batch: written down in place of being sent, by a method that is called again later.

    waiting = Collection()
    with waiting.row(7) as put_off:
        ask(example)            # its first request without an answer raises PutOff, and stands in waiting.requests
    waiting.answered[key] = …   # and the next time round it has an answer

Does not: see requests made by threads that the block starts itself (those are sent), or submit any (see batches.py).
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openai import OpenAIError

from helpers.provider.recordings import Call, Recorded

if TYPE_CHECKING:
    from helpers.provider.transport import CourseTransport

_row: ContextVar[Row | None] = ContextVar("row", default=None)


class BatchError(OpenAIError):
    """A batch, or what came of it, cannot be used; what could be used is kept."""


class Unanswered(OpenAIError):
    """A batch ended without an answer to this request."""


class PutOff(BaseException):
    """A request waits for a batch. No Exception, for a method that catches errors must not take it for one."""


@dataclass(frozen=True)
class Request:
    """A request that waits: what it is, who would have sent it, the first row that made it."""

    call: Call
    transport: CourseTransport
    row: int


@dataclass(frozen=True)
class Failure:
    """What came of a request instead of an answer: a status with its body, or, with status 0, a sentence."""

    status: int
    body: dict = field(default_factory=dict)
    message: str = ""


class Collection:
    """The requests of one evaluation that wait, and what has come of those that waited, by the call's key."""

    def __init__(self) -> None:
        self.requests: dict[str, Request] = {}
        self.answered: dict[str, Recorded] = {}
        self.failed: dict[str, Failure] = {}
        self.last: dict[int, str] = {}      # what each row waited for before

    @contextmanager
    def row(self, number: int) -> Iterator[list[str]]:
        """Put off this row's requests; yields the list of the keys that were, filled as they are."""
        row = Row(self, number)
        before = _row.set(row)
        try:
            yield row.put_off
        finally:
            _row.reset(before)

    def take(self) -> dict[str, Request]:
        """Return what waits, in the order of its rows, and forget it."""
        taken, self.requests = self.requests, {}
        return dict(sorted(taken.items(), key=lambda item: item[1].row))


class Row:
    """One row of an evaluation, while it is asked about."""

    def __init__(self, collection: Collection, number: int):
        self.collection, self.number = collection, number
        self.put_off: list[str] = []
        self._met: set[str] = set()

    def outcome(self, call: Call) -> Recorded | Failure | None:
        """Return what has come of a request, if it waited before."""
        self._met.add(call.key)
        return self.collection.answered.get(call.key) or self.collection.failed.get(call.key)

    def wait(self, call: Call, transport: CourseTransport) -> None:
        """Put a request off: raises PutOff. Raises BatchError for one that no batch can answer."""
        if call.request.get("stream"):
            raise BatchError("A batch carries no streams, and this method asks for one. Leave out stream=True, or "
                             "leave out batch=...")
        if self.collection.last.get(self.number, call.key) not in self._met:
            raise BatchError("This method asks something else each time about the same example, so that no batch will "
                             "ever answer it. Let its choices depend on the example alone: random.Random(example.id).")
        self.collection.last[self.number] = call.key
        self.put_off.append(call.key)
        waiting = self.collection.requests.get(call.key)
        if waiting is None or waiting.row > self.number:
            self.collection.requests[call.key] = Request(call, transport, self.number)
        raise PutOff


def current_row() -> Row | None:
    """Return the row whose requests are put off here, None where requests are sent."""
    return _row.get()
