"""Know what a call costs, stop before the one that would pass the limit, and keep a ledger.

Prices come from the `genai-prices` package (list prices, offline); `COURSE_PRICE="0.10,0.50"` gives dollars per
million tokens in and out for a model it does not know. The embedded model and servers on this machine are free.
Does not: price training, or know what a provider really bills.
"""
from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from genai_prices import Usage, calc_price
from openai import OpenAIError

from helpers.settings import SettingError, number, setting

TOKENS_ASSUMED = 4_096      # of an answer, when a request names no limit
SMALL_CHANGE = 0.01         # dollars below which an estimate is not worth a line
LONGEST_CALL = 600          # seconds, the SDK's own time limit: wait no longer for another call to end


class OverBudget(OpenAIError):
    """The next call could pass the limit; nothing was sent."""


class UnknownPrice(OpenAIError):
    """A hosted model whose price nobody has told us; nothing was sent."""


@dataclass(frozen=True)
class Tokens:
    """What one call used."""

    prompt: int = 0
    cached: int = 0         # part of prompt
    completion: int = 0


@dataclass(frozen=True)
class Price:
    """How a model's calls are priced. `batched`: half as much, where the price list says so.

    Example: Price("gpt-6-luna").of(Tokens(1000, 0, 100)) -> 0.00015
    """

    model: str
    free: bool = False
    batched: bool = False

    def of(self, tokens: Tokens) -> float:
        """Return the list price of one call in dollars. Raises UnknownPrice."""
        if self.free:
            return 0.0
        own = setting("COURSE_PRICE")
        if own:
            dollars_in, dollars_out = _own_price(own)
            return (tokens.prompt * dollars_in + tokens.completion * dollars_out) / 1e6
        usage = Usage(input_tokens=tokens.prompt, cache_read_tokens=tokens.cached, output_tokens=tokens.completion)
        try:
            context = {"processing": "batch"} if self.batched else None
            return float(calc_price(usage, self.model, price_context=context).total_price)
        except LookupError:
            raise UnknownPrice(f"No list price is known for {self.model!r}, so the budget cannot be kept. Set "
                               "COURSE_PRICE='in,out' (dollars per million tokens, as in 0.10,0.50), or "
                               "COURSE_PRICE=0,0 if it costs nothing.") from None


def _own_price(text: str) -> tuple[float, float]:
    try:
        dollars_in, dollars_out = (float(part) for part in text.split(","))
    except ValueError:
        raise SettingError(f"COURSE_PRICE={text!r} is not two numbers. Write dollars per million tokens in and "
                           "out, as in COURSE_PRICE=0.10,0.50.") from None
    return dollars_in, dollars_out


class Budget:
    """A limit in dollars over everything in the ledger, kept also when calls run side by side."""

    def __init__(self, ledger: Path):
        self.ledger = ledger
        self._turn = threading.Condition()
        self._reserved = 0.0
        self._in_flight = 0
        self.spent = sum(entry["paid"] for entry in self.entries())
        self._torn = ledger.exists() and not ledger.read_bytes().endswith(b"\n")   # by a crash in mid-line

    @property
    def limit(self) -> float:
        return number("COURSE_BUDGET", 1.0)

    @property
    def left(self) -> float:
        """Dollars that are neither spent nor held back."""
        return self.limit - self.spent - self._reserved

    def reserve(self, price: Price, request: dict) -> AbstractContextManager[None]:
        """Hold back the most this call can cost while it runs. Raises OverBudget when it could pass the limit."""
        return self.hold(price.of(most_tokens(request)), f"This call to {price.model}")

    @contextmanager
    def hold(self, most: float, what: str, *, patient: bool = True) -> Iterator[None]:
        """Hold back so many dollars. Raises OverBudget, which names `what`, when they could pass the limit.

        Near the limit the patient wait for one another, as most cost less than what is held back for them.
        """
        with self._turn:
            self._turn.wait_for(lambda: self.spent + self._reserved + most <= self.limit or not self._in_flight,
                                timeout=LONGEST_CALL if patient else 0)
            if self.spent + self._reserved + most > self.limit:
                raise OverBudget(f"{what} could cost ${most:.4f}; ${self.spent:.4f} of the "
                                 f"budget of ${self.limit:.2f} is spent. Nothing was sent. Set COURSE_BUDGET to a "
                                 "higher number of dollars to go on; what has been answered is kept.")
            self._reserved += most
            self._in_flight += 1
        try:
            yield
        finally:
            with self._turn:
                self._reserved -= most
                self._in_flight -= 1
                self._turn.notify_all()

    def advance(self, most: float, model: str) -> None:
        """Enter the most that a batch can cost before it is sent: it may be paid for when this process is long gone.

        Whoever reads its results enters the difference. Raises OverBudget. Example: advance(0.25, "gpt-6-luna")
        """
        with self.hold(most, f"This batch for {model}", patient=False):
            self.record(Entry(datetime.date.today().isoformat(), model, 0, 0, 0.0, most))

    def record(self, entry: Entry) -> None:
        """Add one call to the ledger. A ledger that cannot be written stops the spending: raises OverBudget."""
        with self._turn:
            self.spent += entry.paid
            try:
                self.ledger.parent.mkdir(parents=True, exist_ok=True)
                with self.ledger.open("a", encoding="utf-8") as file:
                    file.write("\n" * self._torn + json.dumps(asdict(entry)) + "\n")
                self._torn = False
            except OSError as error:
                if entry.paid:
                    raise OverBudget(f"The ledger {self.ledger.name} cannot be written ({error.strerror}), so the "
                                     "budget cannot be kept. Set COURSE_STORE to a folder that can be.") from None

    def entries(self) -> Iterator[dict]:
        """Yield the ledger's entries; a line cut off by a crash is passed over."""
        if self.ledger.exists():
            for line in self.ledger.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    yield _entry(line)
                except (ValueError, KeyError, TypeError):
                    continue


@dataclass(frozen=True)
class Entry:
    """A line of the ledger: a call, or a batch. `list` is its list price, `paid` what it cost us; below zero, back."""

    date: str
    model: str
    prompt: int
    completion: int
    list: float
    paid: float


def _entry(line: str) -> dict:
    entry = json.loads(line)
    return entry | {"paid": float(entry["paid"])}


def most_tokens(request: dict) -> Tokens:
    """Return a bound on what a request uses, a schema and tools in it too: a token is at least one byte."""
    text = json.dumps(request, ensure_ascii=False)
    limit = request.get("max_completion_tokens") or request.get("max_tokens") or TOKENS_ASSUMED
    answers = limit * (request.get("n") or 1) if "messages" in request else 0
    return Tokens(prompt=len(text.encode()), completion=answers)
