"""A provider with batches on loopback, which answers, fails, forgets and doubles lines as a test says.

    provider = BatchProvider()
    client = connected(monkeypatch, loopback(provider))
    provider.lines = lambda lines: lines[1:]        # what its results leave out
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable

from tests.talking import answer, refusal

ENDPOINT = "/v1/chat/completions"


class BatchProvider:
    """A handler for the fixture `loopback`: files and batches in memory; a batch ends at the second look."""

    def __init__(self, reply: Callable[[dict], tuple] = lambda body: answer(), looks: int = 1):
        self.reply, self.looks = reply, looks
        self.lines: Callable[[list[dict]], list] = lambda lines: lines      # the results, on their way out
        self.status, self.errors = "completed", None
        self.trouble: list[tuple | str] = []        # given in place of the next answers
        self.uploads: list[str] = []
        self.batches: list[dict] = []
        self.files: dict[str, str] = {}

    def __call__(self, method: str, path: str, headers: dict, body: bytes) -> tuple | str:
        path = path.partition("?")[0]
        if self.trouble:
            return self.trouble.pop(0)
        if path == ENDPOINT:
            return self.reply(json.loads(body))
        if (method, path) == ("POST", "/v1/files"):
            return 200, {}, self._upload(body)
        if found := re.fullmatch("/v1/files/(.+)/content", path):
            return 200, {"content-type": "application/octet-stream"}, self.files[found[1]].encode()
        if (method, path) == ("POST", "/v1/batches"):
            return 200, {}, self._create(json.loads(body))
        if path == "/v1/batches":
            return 200, {}, {"object": "list", "data": self.batches, "has_more": False}
        return self._look(path.rpartition("/")[2])

    @property
    def asked(self) -> list[str]:
        """What the uploaded requests ask, in their order."""
        return [json.loads(line)["body"]["messages"][-1]["content"] for text in self.uploads
                for line in text.splitlines()]

    def _upload(self, form: bytes) -> dict:
        text = "".join(line + "\n" for line in form.decode().splitlines() if line.startswith('{"custom_id"'))
        self.uploads.append(text)
        self.files[f"file-{len(self.files)}"] = text
        return {"id": f"file-{len(self.files) - 1}", "object": "file", "bytes": len(text), "created_at": 1,
                "filename": "x", "purpose": "batch", "status": "processed"}

    def _create(self, wanted: dict) -> dict:
        total = len(self.files[wanted["input_file_id"]].splitlines())
        batch = {"id": f"batch_{len(self.batches)}", "object": "batch", "created_at": 1, "status": "validating",
                 "request_counts": {"total": total, "completed": 0, "failed": 0}, "looks": 0} | wanted
        self.batches.append(batch)
        return dict(batch)

    def _look(self, name: str) -> tuple:
        batch = next((one for one in self.batches if one["id"] == name), None)
        if batch is None:
            return refusal(404, "no such batch")
        batch["looks"] += 1
        if batch["looks"] > self.looks and "output_file_id" not in batch:
            batch |= {"status": self.status, "errors": self.errors} | self._results(batch)
        return 200, {}, batch

    def _results(self, batch: dict) -> dict:
        requests = map(json.loads, self.files[batch["input_file_id"]].splitlines())
        lines = self.lines([self._result(request) for request in requests])
        good = [one for one in lines if isinstance(one, str) or (one["response"] or {}).get("status_code") == 200]
        return {field: self._file(some) for field, some in (
            ("output_file_id", good), ("error_file_id", [one for one in lines if one not in good])) if some}

    def _file(self, lines: list[dict | str]) -> str:
        name = f"file-{len(self.files)}"
        self.files[name] = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines)
        return name

    def _result(self, request: dict) -> dict:
        status, _, body = self.reply(request["body"])
        return result(request["custom_id"], status, body)


def result(name: str, status: int = 200, body: dict | None = None) -> dict:
    """A line of results, as OpenAI writes it."""
    body = body or answer()[2]
    return {"id": "r", "custom_id": name, "response": {"status_code": status, "request_id": "q", "body": body},
            "error": None}
