"""OpenAI's batch format on disk: files of requests, files of results, and what has become of each.

    requests-0001.jsonl     {"custom_id": "c-77d1…", "method": "POST", "url": "/v1/chat/completions", "body": {…}}
    results-0001.jsonl      {"custom_id": "c-77d1…", "response": {"status_code": 200, "body": {…}}, "error": null}
    batches.json            {"parts": [{"requests": "requests-0001.jsonl", "batch": "batch_1f0c…", …}]}

A custom id is the call's key in the recordings. OpenAI writes answers and errors into two files, vLLM into one; here
they stand in one.
Does not: send anything (see batches.py).
"""
from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Set
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from helpers.local import folders
from helpers.provider.collection import BatchError, Request

MOST_REQUESTS = 50_000          # in a file, by OpenAI's rules
MOST_BYTES = 200_000_000
ENDPOINT = "/v1/chat/completions"
WRITTEN, SUBMITTING = "written", "submitting"       # before there is a batch with a status
SHOWN = 5                       # ids named in an error


@dataclass
class Part:
    """One file of requests, and what has become of it."""

    requests: str           # the file's name
    host: str
    model: str
    count: int
    most: float             # dollars it can cost
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    batch: str = ""         # its id at the provider
    status: str = WRITTEN
    errors: str = ""        # why the provider failed it
    advanced: float = 0.0   # dollars that stand in the ledger until it is billed
    billed: bool = False    # what it did cost stands there
    read: bool = False      # its failures were told; asked again, they are asked anew

    @property
    def results(self) -> str:
        return self.requests.replace("requests", "results")


class Folder:
    """The files of a batch and the state of each."""

    def __init__(self, path: Path):
        self.path, self._sent = path, {}
        file = path / "batches.json"
        try:
            rows = json.loads(file.read_text(encoding="utf-8"))["parts"] if file.exists() else []
            parts = [Part(**row) for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            names = ", ".join(one.name for one in fields(Part))
            raise BatchError(f"{file} is damaged ({error}): it lists parts with {names}. Restore it, or name another "
                             "folder; what was answered is kept.") from None
        self.parts = [part for part in parts if (path / part.requests).exists()]      # one that is deleted is forgotten

    def save(self) -> None:
        """Write the state anew."""
        rows = [asdict(part) for part in self.parts]
        folders.write(self.path / "batches.json", json.dumps({"parts": rows}, indent=1))

    def has_results(self, part: Part) -> bool:
        """Say whether a part's results are here, fetched or brought."""
        return (self.path / part.results).exists()

    def sent(self, part: Part) -> dict[str, frozenset[str]]:
        """Return the parameters that each request of a part was sent with, by custom id."""
        if part.requests not in self._sent:
            with (self.path / part.requests).open("rb") as lines:
                rows = [json.loads(line) for line in lines]
            self._sent[part.requests] = {row["custom_id"]: frozenset(row["body"]) for row in rows}
        return self._sent[part.requests]

    def write(self, page: list[Request], most: float) -> Part:
        """Write a file of requests, which can cost so many dollars."""
        taken = [int(path.stem.split("-")[-1]) for path in self.path.glob("re*-[0-9][0-9][0-9][0-9].jsonl")]
        name = f"requests-{max(taken, default=0) + 1:04}.jsonl"
        folders.write(self.path / name, "".join(map(written, page)))
        first = page[0]
        part = Part(name, first.transport.target.host, first.call.request["model"], len(page), most)
        self.parts.append(part)
        self.save()
        return part


def written(one: Request) -> str:
    """Return a request as a line of a batch file. Its custom id is the call's key.

    Example: written(Request(Call(…), transport, 0)) -> '{"custom_id": "c-77d1…", "method": "POST", "url": …}\\n'
    """
    body = one.transport.adapted_request(one.call)
    line = {"custom_id": one.call.key, "method": "POST", "url": ENDPOINT, "body": body}
    return json.dumps(line, ensure_ascii=False) + "\n"


def pages(requests: list[Request]) -> Iterator[list[Request]]:
    """Yield requests in lists that the format's limits allow in one file.

    Example: the lengths of pages(sixty_thousand_requests) -> 50000, 10000
    """
    page: list[Request] = []
    size = 0
    for one in requests:
        more = len(written(one).encode())
        if page and (len(page) == MOST_REQUESTS or size + more > MOST_BYTES):
            yield page
            page, size = [], 0
        page.append(one)
        size += more
    if page:
        yield page


# ---------------------------------------------------------------- results

class Results:
    """A file of results, read back by custom id. Faulty lines are kept apart, for complaint()."""

    def __init__(self, path: Path | None, ids: Set[str]):
        """`ids` are those that were asked; without a path there is no result."""
        self.lines: dict[str, dict] = {}
        self.unknown: list[str] = []
        self.doubled: list[str] = []
        self.torn: list[int] = []       # numbers of lines that are no result
        for number, text in enumerate(path.read_bytes().splitlines() if path else [], 1):
            if text.strip():
                self._take(number, text, ids)
        for name in self.doubled:
            self.lines.pop(name, None)      # which of the two is right, nobody knows
        self.missing = [name for name in ids if name not in self.lines]

    def _take(self, number: int, text: bytes, ids: Set[str]) -> None:
        try:
            line = json.loads(text)
            name = str(line["custom_id"])
            int((line.get("response") or {}).get("status_code") or 0)       # or it is no result
        except (ValueError, KeyError, TypeError, AttributeError):
            self.torn.append(number)
            return
        if name not in ids:
            self.unknown.append(name)
        elif name in self.lines and _said(self.lines[name]) != _said(line):
            self.doubled.append(name)
        else:
            self.lines[name] = line

    def bodies(self) -> Iterator[dict]:
        """Yield the answers."""
        for line in self.lines.values():
            response = line.get("response") or {}
            if response.get("status_code") == 200 and isinstance(response.get("body"), dict):
                yield response["body"]

    def complaint(self, part: Part) -> str:
        """Return what is wrong with the lines and what to do, nothing if nothing is."""
        faults = {"no result in line": self.torn, f"an id that stands nowhere in {part.requests}": self.unknown,
                  "two different results for": self.doubled}
        told = "; ".join(f"{what} ({len(which)}): {_few(which)}" for what, which in faults.items() if which)
        return told and (f"{part.results}: {told}. The other {len(self.lines)} of {part.count} results are kept. Is it "
                         f"what came of {part.requests}, and whole? Repair it, or delete it to have it made again; "
                         "then evaluate again.")


def _said(line: dict) -> object:
    return (line.get("response") or {}).get("body"), line.get("error")


def _few(names: list) -> str:
    """Example: _few(["a", "b"]) -> "a, b" """
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(str, names[:SHOWN])) + more
