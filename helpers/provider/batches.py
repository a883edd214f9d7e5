"""Have many requests answered at once, in OpenAI's batch format, by a provider or by any engine that reads it.

    batches = Batches(Path("my_batch"), "zero-shot")
    with batches.collection.row(0):
        ask(example)                # its request is written down (see collection.py)
    batches.answer()                # submitted, waited for, read back; ask(example) now has its answer

In the folder stand `requests-0001.jsonl` …, `results-0001.jsonl` … and `batches.json`, which says what was submitted as
what, so that a run that was cut off goes on, and submits nothing twice. A provider without batches leaves the requests
for `vllm run-batch`, which writes the same format. No key stands in any of them.
Does not: decide what is asked (see evaluation.py), or carry embeddings and streams.
"""
from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import openai
from filelock import FileLock, Timeout
from openai import OpenAI

from helpers.local import folders
from helpers.progress import Progress
from helpers.provider.batch_files import ENDPOINT, SUBMITTING, Folder, Part, Results, pages
from helpers.provider.budget import SMALL_CHANGE, Entry, OverBudget, Tokens, most_tokens
from helpers.provider.collection import BatchError, Collection, Failure, Request
from helpers.provider.transport import (
    REFUSED,
    BadReply,
    CourseTransport,
    Direct,
    client_of,
    fetch_weights,
    tokens_used,
)

ENDED = ("completed", "failed", "expired", "cancelled")
MARK = "course_part"            # in a batch's metadata: how one is found again whose id we were killed before keeping
NO_BATCHES = (404, 405, 501)    # statuses of a server that does not offer them
PAUSES = (0.2, 1.0, 30.0)       # seconds between two looks: the first, the longest on this machine, the longest
PATIENCE = 10                   # looks in a row that may fail


class NotAnsweredYet(openai.OpenAIError):
    """The requests are written and nobody here answers them; the message says what does, and what to do then."""


class Batches:
    """The batches of one folder, for one evaluation."""

    def __init__(self, folder: Path, name: str):
        self.folder, self.name, self.collection = folder, name, Collection()

    def answer(self) -> None:
        """Have everything answered that waits, or counted as failed; nothing that is at the provider is sent again.

        Raises NotAnsweredYet where the provider offers no batches, OverBudget when not even one request fits,
        BatchError for a batch that failed, or results with ids that are unknown or doubled. What has come is kept.
        """
        waiting = self.collection.take()
        if not waiting:
            return
        with _alone(self.folder):
            state = Folder(self.folder)
            known = [part for part in state.parts if state.sent(part).keys() & waiting.keys()]
            for part in known:
                if part.read and state.has_results(part):
                    self._deliver(state, part, waiting)
            waiting = {key: one for key, one in waiting.items() if key not in self.collection.answered}
            pending = [part for part in known if not part.read and state.sent(part).keys() & waiting.keys()]
            spoken_for = {key for part in pending for key in state.sent(part)}
            fresh = [one for key, one in waiting.items() if key not in spoken_for]
            self._finish(state, pending + self._written(state, fresh, pending), waiting)

    # ------------------------------------------------------------ writing

    def _written(self, state: Folder, fresh: list[Request], pending: list[Part]) -> list[Part]:
        """Write requests into new files, as many as the budget holds, a model a file. Raises OverBudget."""
        room = _Room(sum(part.most for part in pending if not part.advanced))
        fitting = [one for one in fresh if room.takes(one)]
        if fresh and not fitting and not pending:
            raise OverBudget(_not_one(fresh[0]))
        kinds: dict[tuple[str, str], list[Request]] = {}
        for one in fitting:
            kinds.setdefault((one.transport.target.host, one.call.request["model"]), []).append(one)
        parts = [state.write(page, sum(map(_most, page))) for kind in kinds.values() for page in pages(kind)]
        self._say(fresh, fitting, room.most)
        return parts

    def _say(self, fresh: list[Request], fitting: list[Request], most: float) -> None:
        if most > SMALL_CHANGE:
            print(f"{self.name}: {len(fitting):,} requests, at most ${most:.2f} at the price of a batch.")
        if len(fitting) < len(fresh):
            print(f"{self.name}: the budget holds {len(fitting):,} of {len(fresh):,} requests at once. The others go "
                  "when these are answered, as most cost less than they could.")

    # ------------------------------------------------------------ from written to read

    def _finish(self, state: Folder, parts: list[Part], waiting: dict[str, Request]) -> None:
        """Submit what is not, wait, and read. Raises NotAnsweredYet for what is left to another engine."""
        desks = {part.requests: _Desk(state, part, self._transport(state, part, waiting)) for part in parts}
        at_work = [part for part in parts if desks[part.requests].has_it()]
        self._wait([desks[part.requests] for part in at_work])
        if faults := list(filter(None, [self._deliver(state, part, waiting) for part in at_work])):
            raise BatchError(" ".join(faults))
        if left := [part for part in parts if part not in at_work]:
            raise NotAnsweredYet(_left(self.folder, left))

    def _transport(self, state: Folder, part: Part, waiting: dict[str, Request]) -> CourseTransport:
        return next(waiting[key].transport for key in state.sent(part) if key in waiting)

    def _wait(self, desks: list[_Desk]) -> None:
        """Look again and again until every batch has ended, and its results are here."""
        pause, longest, far = PAUSES
        longest = longest if all(desk.transport.target.on_this_machine for desk in desks) else far
        with Progress(f"{self.name}, in a batch", sum(desk.part.count for desk in desks)) as bar:
            while open_ones := [desk for desk in desks if not desk.is_here]:
                for desk in open_ones:
                    desk.look()
                for _ in range(bar.done, min(bar.total, sum(desk.done for desk in desks))):
                    bar.step()
                if not all(desk.is_here for desk in open_ones):
                    time.sleep(pause)
                    pause = min(longest, pause * 1.5)

    def _deliver(self, state: Folder, part: Part, waiting: dict[str, Request]) -> str:
        """Tell what came of a part: answers are kept, failures counted. Return what is wrong with its results."""
        results = Results(self.folder / part.results, state.sent(part).keys())
        wanted = {key: one for key, one in waiting.items() if key in state.sent(part)}
        for key, one in wanted.items():
            self._take(one, state.sent(part)[key], part, results.lines.get(key))
        if not part.billed:
            _bill(part, results, self._transport(state, part, waiting))
        complaint = results.complaint(part)
        if results.missing and not part.read and not complaint:
            print(f"{self.name}: {len(results.missing):,} of {part.count:,} requests have no line in {part.results} "
                  f"and count as failed{_because(part)}. Evaluate again to have them asked again.")
        part.read = part.read or not complaint
        state.save()
        return complaint

    def _take(self, one: Request, sent: frozenset[str], part: Part, line: dict | None) -> None:
        """Take what came of a request; a failure counts once, and asked again the request is asked anew."""
        outcome = _outcome(line, part)
        try:
            if not isinstance(outcome, Failure):
                self.collection.answered[one.call.key] = one.transport.keep_batched(one.call, outcome)
                return
        except BadReply as fault:
            outcome = Failure(0, message=str(fault))
        again = outcome.status == REFUSED and one.transport.take_refusal(one.call, sent, outcome.body)
        if not part.read and not again:
            self.collection.failed[one.call.key] = outcome


def _outcome(line: dict | None, part: Part) -> object:
    """Return the body of an answer, or the failure that came instead."""
    if line is None:
        return Failure(0, message=f"{part.results} has no line for this request{_because(part)}.")
    response, error = line.get("response") or {}, line.get("error")
    status, body = response.get("status_code") or 0, response.get("body")
    if status == 200:
        return body
    return Failure(status, body or _error_body(error)) if status else Failure(0, message=_sentence(error))


def _error_body(error: object) -> dict:
    """Example: _error_body({"message": "too long"}) -> {"error": {"message": "too long"}}"""
    return error if isinstance(error, dict) and "error" in error else {"error": error or {"message": "no reason given"}}


def _sentence(error: object) -> str:
    """Example: _sentence({"code": "batch_expired", "message": "Too late."}) -> "batch_expired: Too late." """
    told = error if isinstance(error, dict) else {"message": error}
    return ": ".join(str(told[name]) for name in ("code", "message") if told.get(name)) or "no reason was given"


def _because(part: Part) -> str:
    reason = f" ({part.errors})" if part.errors else ""
    return f": the batch ended as {part.status}{reason}" if part.status in ENDED[1:] else ""


def _left(folder: Path, parts: list[Part]) -> str:
    """Say how requests that no provider takes are answered."""
    lines = [f"vllm run-batch -i {part.requests} -o {part.results} --model {part.model}" for part in parts]
    one = len(lines) == 1
    return (f"{parts[0].host} offers no batches, so {sum(part.count for part in parts):,} requests wait in {folder}. "
            f"Have them answered there{':' if one else ', a file each:'} `{'`, `'.join(lines)}`. Then evaluate again: "
            "it reads the results and asks nobody. To ask one by one, leave out batch=...")


# ---------------------------------------------------------------- money

class _Room:
    """What the budget holds of requests that are yet to be sent."""

    def __init__(self, owed: float):
        self.most, self._owed = 0.0, owed

    def takes(self, one: Request) -> bool:
        """Say whether a request fits, too, and count it."""
        cost = _most(one)
        fits = not cost or cost <= one.transport.budget.left - self._owed - self.most
        self.most += cost if fits else 0.0
        return fits


def _most(one: Request) -> float:
    price = one.transport.target.price(one.call.request["model"], batched=True)
    return price.of(most_tokens(one.call.request))


def _not_one(one: Request) -> str:
    budget = one.transport.budget
    return (f"One request to {one.call.request['model']} could cost ${_most(one):.4f} in a batch; ${budget.left:.4f} "
            f"of the budget of ${budget.limit:.2f} is left. Nothing was sent. Set COURSE_BUDGET to a higher number of "
            "dollars, or give the requests a limit of tokens; what has been answered is kept.")


def _bill(part: Part, results: Results, transport: CourseTransport) -> None:
    """Enter into the ledger what a part did cost, whoever still wants its answers, in place of what it could cost."""
    price = transport.target.price(part.model, batched=True)
    used = [tokens_used(body) for body in results.bodies()]
    if not price.free:
        cost = sum(price.of(one) if one != Tokens() else part.most / part.count for one in used)
        transport.budget.record(Entry(datetime.date.today().isoformat(), part.model, sum(one.prompt for one in used),
                                      sum(one.completion for one in used), cost, cost - part.advanced))
    part.billed = True


# ---------------------------------------------------------------- the folder

@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes away from the folder. Raises BatchError when one is there."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise BatchError(f"Another run works on {folder}. Wait for it, or name another folder.") from None


# ---------------------------------------------------------------- the provider

class _Desk:
    """Where a part is handed in and its results are fetched."""

    def __init__(self, state: Folder, part: Part, transport: CourseTransport):
        self.state, self.part, self.transport = state, part, transport
        self.done, self._failed_looks = 0, 0

    @cached_property
    def client(self) -> OpenAI:
        return client_of(self.transport.target, Direct(self.transport))

    @property
    def is_here(self) -> bool:
        """Whether the results are in the folder."""
        return self.state.has_results(self.part)

    def has_it(self) -> bool:
        """Hand the part in, unless it was; False where nobody takes it. Raises OverBudget."""
        if self.is_here or self.part.batch:
            return True
        try:
            listed = self.client.batches.list(limit=100).data
        except openai.APIConnectionError:
            target = self.transport.target
            if target.on_this_machine and not target.embedded:      # a bulk engine wants the machine for itself
                return False
            raise
        except openai.APIStatusError as error:
            if error.status_code in NO_BATCHES:
                return False
            raise
        self._submit(listed)
        return True

    def _submit(self, listed: list) -> None:
        found = [one for one in listed if (one.metadata or {}).get(MARK) == self.part.mark]
        if self.transport.target.embedded:
            fetch_weights(self.part.model)
        if self.part.most and not self.part.advanced:
            self.transport.budget.advance(self.part.most, self.part.model)
        self._change(status=SUBMITTING, advanced=self.part.most)
        batch = found[0] if found else self._created()
        self._change(batch=batch.id, status=batch.status)

    def _created(self) -> openai.types.Batch:
        with (self.state.path / self.part.requests).open("rb") as file:
            uploaded = self.client.files.create(file=file, purpose="batch")
        return self.client.batches.create(input_file_id=uploaded.id, endpoint=ENDPOINT, completion_window="24h",
                                          metadata={MARK: self.part.mark})

    def _change(self, **values: object) -> None:
        vars(self.part).update(values)
        self.state.save()

    def look(self) -> None:
        """See how far the batch is, and fetch what came of it when it has ended. Trouble that passes is passed over."""
        try:
            batch = self.client.batches.retrieve(self.part.batch)
            if batch.request_counts:
                self.done = batch.request_counts.completed + batch.request_counts.failed
            if batch.status in ENDED:
                self._fetch(batch)
            self._failed_looks = 0
        except openai.NotFoundError:
            raise BatchError(f"{self.part.host} does not know {self.part.batch} any more, which {self.part.requests} "
                             "was submitted as. Delete that file to have its requests submitted again.") from None
        except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError):
            self._failed_looks += 1
            if self._failed_looks == PATIENCE:
                raise

    def _fetch(self, batch: openai.types.Batch) -> None:
        """Bring answers and errors into the folder, in one file. Raises BatchError for a batch that was not begun."""
        ids = [name for name in (batch.output_file_id, batch.error_file_id) if name]
        told = "; ".join(str(one.message) for one in batch.errors.data or []) if batch.errors else ""
        if batch.status == "failed" and not ids:
            _bill(self.part, Results(None, set()), self.transport)
            self._change(status="failed", errors=told, read=True)
            raise BatchError(f"{self.part.host} did not take {self.part.requests} ({self.part.batch}): "
                             f"{told or 'it gave no reason'} Nothing of it was answered. When that is put right, "
                             "evaluate again: its requests are written anew.")
        texts = [self.transport.blotted(self.client.files.content(name).content) for name in ids]
        whole = "".join(text.decode().rstrip("\n") + "\n" for text in texts if text.strip())
        folders.write(self.state.path / self.part.results, whole)
        self._change(status=batch.status, errors=told)
