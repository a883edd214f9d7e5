"""Bulk requests, each batch a folder on disk that outlives every process.

    batch_1f0c…/batch.json      the batch as the API shows it, written whole or not at all
                requests.jsonl  a copy of the uploaded file
                output.jsonl    answers, a line each, appended as they come
                errors.jsonl    refusals, likewise

A batch whose service was ended goes on where it was: a request that has its line is not asked again.
Does not: know who answers (see batches_api.py), or let a batch expire.
"""
from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from helpers.local import files, folders
from helpers.local.refusals import ApiError
from helpers.settings import cache_folder

ENDED = ("failed", "completed", "expired", "cancelled")
MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000
MOST_STARTS = 3         # without a further answer in between
SHOWN = 20              # errors of a batch that was not begun
STEPS = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")

Answer = Callable[[str, dict], tuple[int, dict]]        # (path, body) -> (status, body)


@dataclass(frozen=True)
class Batch:
    """A batch on disk."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def card(self) -> dict:
        """The batch as OpenAI's API shows it, and what is nobody's business: `made`, `starts`."""
        return json.loads((self.folder / "batch.json").read_text(encoding="utf-8"))

    @property
    def status(self) -> str:
        return self.card["status"]

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def requests(self) -> Iterator[dict]:
        """Yield the requests in their order."""
        with (self.folder / "requests.jsonl").open("rb") as lines:
            yield from map(json.loads, lines)

    def at_work(self) -> FileLock:
        """What its worker holds; it is free when that process is gone, however it went."""
        return FileLock(self.folder / "work.lock", timeout=0)

    # ------------------------------------------------------------ what happens to it

    def change(self, **fields: object) -> bool:
        """Change what the batch shows, unless it has ended; say whether it was changed."""
        with FileLock(self.folder / "batch.lock"):
            card = self.card
            if card["status"] in ENDED or (card["status"] == "cancelling" and fields.get("status") == "in_progress"):
                return False
            if (step := fields.get("status")) in STEPS:
                fields[f"{step}_at"] = int(time.time())
            folders.write(self.folder / "batch.json", json.dumps(card | fields))
        return True

    def fail(self, *errors: dict) -> None:
        """End the batch with the reasons, each with a code, a message, and the line it is about, if any.

        What was answered before stays to be read. Example: fail({"code": "empty_file", "message": "…"})
        """
        rows = [{"code": None, "line": None, "message": None, "param": None} | error for error in errors]
        self.change(status="failed", errors={"object": "list", "data": rows}, **self._filed())

    def answered(self) -> set[str]:
        """Return the ids that have their line. A line that a kill cut off is taken away."""
        return {json.loads(line)["custom_id"] for name in ("output", "errors") for line in self._whole_lines(name)}

    def _whole_lines(self, name: str) -> list[bytes]:
        path = self.folder / f"{name}.jsonl"
        text = path.read_bytes() if path.exists() else b""
        whole = text[:text.rfind(b"\n") + 1]
        if whole != text:
            path.write_bytes(whole)
        return whole.splitlines()

    def note(self, request: dict, status: int, body: dict) -> None:
        """Keep what came of a request, on disk before this returns."""
        response = {"status_code": status, "request_id": f"req_{secrets.token_hex(12)}", "body": body}
        line = {"id": f"batch_req_{secrets.token_hex(12)}", "custom_id": request["custom_id"], "response": response,
                "error": None}
        name, count = ("output", "completed") if status < 400 else ("errors", "failed")
        with (self.folder / f"{name}.jsonl").open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        counts = self.card["request_counts"]
        self.change(request_counts=counts | {count: counts[count] + 1})

    def close(self) -> None:
        """End the batch with the files of what was answered: completed, or cancelled if that was asked for."""
        if self.ended:
            return
        status = "cancelled" if self.status == "cancelling" else "completed"
        if status == "completed":
            self.change(status="finalizing")
        self.change(status=status, **self._filed())

    def _filed(self) -> dict[str, str]:
        """Make what came of the requests into files; return their ids."""
        ids = {}
        for field, name in (("output_file_id", "output"), ("error_file_id", "errors")):
            path = self.folder / f"{name}.jsonl"
            if path.exists():
                with path.open("rb") as source:
                    ids[field] = files.add(source, f"{self.id}_{name}.jsonl", files.BATCH_RESULTS).card["id"]
        return ids


# ---------------------------------------------------------------- work

def work(batch: Batch, answer: Answer) -> None:
    """Answer the requests that have no line yet, and end the batch. Asked to end it, stop before the next request.

    `answer(path, body)` returns status and body, as (200, {"choices": […]}).
    """
    try:
        done = batch.answered()
        if _begun(batch, done):
            for request in batch.requests():
                if batch.status == "cancelling":
                    break
                if request["custom_id"] not in done:
                    batch.note(request, *answer(request["url"], request["body"]))
        batch.close()
    except Exception as error:
        batch.fail({"code": "server_error", "message": f"The batch could not go on: {type(error).__name__}: {error}"})


def _begun(batch: Batch, done: set[str]) -> bool:
    """Begin, or go on; False for one that is to be cancelled, or whose next request ended its service every time."""
    starts = [*batch.card["starts"], len(done)]
    if starts.count(len(done)) > MOST_STARTS:
        batch.fail({"code": "server_error", "line": len(done) + 1, "message": f"The service ended {MOST_STARTS} times "
                    f"while it answered the request after the {len(done)} that are done. Leave that one out."})
        return False
    counts = batch.card["request_counts"] | {"completed": len(batch._whole_lines("output")),
                                             "failed": len(batch._whole_lines("errors"))}
    return batch.change(status="in_progress", starts=starts, request_counts=counts)


# ---------------------------------------------------------------- making and finding

def create(input_file: str, endpoint: str, metadata: dict | None = None) -> Batch:
    """Make a batch of an uploaded file: it waits for its worker, or has failed with the reasons. Raises ApiError.

    Example: create("file-1f0c", "/v1/chat/completions").status -> "validating"
    """
    source = _uploaded(input_file)
    name = f"batch_{secrets.token_hex(12)}"
    card = {"id": name, "object": "batch", "endpoint": endpoint, "errors": None, "input_file_id": input_file,
            "completion_window": "24h", "status": "validating", "output_file_id": None, "error_file_id": None,
            "created_at": int(time.time()), "expires_at": None, **{f"{step}_at": None for step in STEPS},
            "request_counts": {"total": 0, "completed": 0, "failed": 0}, "metadata": metadata,
            "made": time.time(), "starts": []}
    with folders.scratch(_home()) as part:
        shutil.copy(source.content, part / "requests.jsonl")
        (part / "batch.json").write_text(json.dumps(card), encoding="utf-8")
        folders.settle(part, _home() / name)
    batch = Batch(_home() / name)
    look_at_requests(batch)
    return batch


def look_at_requests(batch: Batch) -> None:
    """Count the requests; end the batch if it cannot be done."""
    found = Faults(batch.card["endpoint"])
    with (batch.folder / "requests.jsonl").open("rb") as lines:
        for number, line in enumerate(lines, 1):
            found.look(number, line)
    if errors := found.all():
        batch.fail(*errors[:SHOWN])
    else:
        batch.change(request_counts={"total": len(found.ids), "completed": 0, "failed": 0})


class Faults:
    """What is wrong with the lines of a batch file, with OpenAI's codes."""

    def __init__(self, endpoint: str):
        self.endpoint = endpoint
        self.errors: list[dict] = []
        self.ids: set[str] = set()
        self.models: set[str] = set()

    def look(self, number: int, line: bytes) -> None:
        """Look at one line."""
        try:
            request = json.loads(line)
            fault = self._fault(request) if isinstance(request, dict) else ("invalid_json_line", "no JSON object")
        except ValueError:
            fault = "invalid_json_line", "no JSON"
        if fault:
            code, what = fault
            self.errors.append({"code": code, "line": number, "message": f"Line {number}: {what}."})

    def _fault(self, request: dict) -> tuple[str, str] | None:
        name, body = request.get("custom_id"), request.get("body")
        if not isinstance(name, str) or not name:
            return "missing_required_parameter", "custom_id is missing"
        if name in self.ids:
            return "duplicate_custom_id", f"the custom_id {name!r} stood in an earlier line"
        self.ids.add(name)
        if request.get("method") != "POST":
            return "invalid_method", f"method is {request.get('method')!r}; write 'POST'"
        if request.get("url") != self.endpoint:
            return "invalid_url", f"url is {request.get('url')!r} in a batch for {self.endpoint!r}"
        return self._body_fault(body)

    def _body_fault(self, body: object) -> tuple[str, str] | None:
        if not isinstance(body, dict) or not isinstance(body.get("model"), str):
            return "missing_required_parameter", "body.model is missing"
        if body.get("stream"):
            return "invalid_request", "body.stream is set, and a batch carries no streams; leave it out"
        self.models.add(body["model"])
        return ("mismatched_model", f"model {body['model']!r}, and another one before: a batch asks one model"
                ) if len(self.models) > 1 else None

    def all(self) -> list[dict]:
        """Return everything that is wrong, the whole file's faults first."""
        if not self.ids and not self.errors:
            return [{"code": "empty_file", "message": "The file holds no request."}]
        if len(self.ids) > MOST_REQUESTS:
            return [{"code": "too_many_tasks", "message": f"{len(self.ids):,} requests; a batch takes at most "
                     f"{MOST_REQUESTS:,}. Split the file."}]
        return self.errors


def cancel(batch: Batch) -> None:
    """Ask for the end: its worker stops before the next request; without one it ends now. Raises ApiError."""
    if not batch.change(status="cancelling"):
        raise ApiError(400, f"{batch.id} has ended already: {batch.status}.", code="invalid_batch_status")


def find(name: str) -> Batch:
    """Return a batch by its id. Raises ApiError."""
    folder = _home() / name
    if not re.fullmatch(r"batch_\w+", name) or not folder.is_dir():
        raise ApiError(404, f"There is no batch {name!r}. batches.list() names those there are.", "batch_id",
                       "not_found")
    return Batch(folder)


def everything() -> list[Batch]:
    """Return all batches, the newest first."""
    return sorted(map(Batch, folders.settled(_home())), key=lambda batch: (batch.card["made"], batch.id), reverse=True)


def waiting() -> list[Batch]:
    """Return the batches that have not ended, the oldest first."""
    return [batch for batch in reversed(everything()) if not batch.ended]


def _home() -> Path:
    return cache_folder() / "batches"


def _uploaded(name: str) -> files.File:
    try:
        file = files.find(name)
    except ApiError as error:
        raise ApiError(400, f"input_file_id: {error}", "input_file_id", "invalid_file") from None
    card = file.card
    if card["purpose"] != files.REQUESTS:
        raise ApiError(400, f"input_file_id: {name} was uploaded for {card['purpose']!r}. Upload it with the purpose "
                       f"{files.REQUESTS!r}.", "input_file_id", "invalid_file")
    if card["bytes"] > MOST_BYTES:
        raise ApiError(400, f"input_file_id: {name} has {card['bytes'] / 1e6:,.0f} MB; a batch takes at most "
                       f"{MOST_BYTES / 1e6:,.0f} MB. Split the file.", "input_file_id", "invalid_file")
    return file
