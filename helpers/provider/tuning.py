"""Record fine-tuning with the embedded model: a notebook about it is replayed with no weights and no training.

    answer(request, shelves, fingerprint, send) -> the response to a request that concerns files or jobs

    a reader            everything is live: training before one's eyes is the point
    COURSE_RECORD       carried over from the recordings where they have it, so that new prose trains nothing anew
    COURSE_REPLAY=only  replayed, or NotRecorded

A training file is known by its hash, its content is not kept. Of a job only its end is kept, with its events and
checkpoints as they were then: replayed, the loop that waits for it ends at once.
Does not: concern a hosted provider, or record lists and deletions.
"""
from __future__ import annotations

import hashlib
import io
import json
import re
import time
from collections.abc import Callable

import httpx2
from python_multipart import parse_form

from helpers.local import files, jobs
from helpers.provider.recordings import Call, Recorded
from helpers.provider.shelves import NotRecorded, Shelves

UPLOAD, CREATION = "POST files", "POST fine_tuning/jobs"
RECORDED = re.compile(rf"{UPLOAD}|{CREATION}(/[^/]+/cancel)?|GET files/[^/]+(/content)?|"
                      r"GET fine_tuning/jobs/[^/]+(/events|/checkpoints)?")
PARTS = ("events", "checkpoints", "content")       # of a job or a file, whose own card says whether they will change
FINAL = (*jobs.ENDED, "processed")
REFUSED = 400       # of a file or a job: it will be refused the same tomorrow

Send = Callable[[httpx2.Request], httpx2.Response]


def concerns(request: httpx2.Request) -> bool:
    """Say whether a request is about files or fine-tuning jobs."""
    return _path(request).split("/")[0] in ("files", "fine_tuning")


def answer(request: httpx2.Request, shelves: Shelves, fingerprint: Callable[[str], str],
           send: Send) -> httpx2.Response:
    """Answer a request about files or jobs from the recordings, or send it and keep what will not change any more.

    `fingerprint(model)` says what decides a base model's answers. Raises NotRecorded.
    """
    if shelves.recorder is None and not shelves.only_replay:
        return send(request)
    call = _call(request, fingerprint)
    recorded = shelves.find(call) if call else None
    if shelves.only_replay and recorded is None:
        raise NotRecorded(_not_recorded(request))
    if call is None:
        return send(request)
    if recorded is None:
        return _live(request, call, shelves, send)
    if call.endpoint == UPLOAD and not shelves.only_replay:
        send(request).read()        # a job that is not recorded may need the file
    return _replayed(recorded)


# ---------------------------------------------------------------- requests

def _path(request: httpx2.Request) -> str:
    """Example: _path(Request("GET", "http://embedded.localhost/v1/files/file-1")) -> "files/file-1" """
    return request.url.path.split("/v1/", 1)[-1]


def _call(request: httpx2.Request, fingerprint: Callable[[str], str]) -> Call | None:
    """Return what a request is known by, or None for one that is not recorded."""
    endpoint = f"{request.method} {_path(request)}"
    if not RECORDED.fullmatch(endpoint):
        return None
    if endpoint == UPLOAD:
        return Call(endpoint, "", _uploaded(request))
    if endpoint == CREATION:        # files are named after their content, so a body says it all
        body = json.loads(request.read())
        return Call(endpoint, f"{fingerprint(body['model'])}:{jobs.METHOD}", body)
    return Call(endpoint, "", dict(request.url.params))


def _uploaded(request: httpx2.Request) -> dict:
    """Return what decides a file's id: its fields, its name and the hash of its content."""
    found: dict = {}

    def take_file(file) -> None:
        file.file_object.seek(0)
        found["filename"] = (file.file_name or b"").decode()
        found["sha256"] = hashlib.file_digest(file.file_object, "sha256").hexdigest()

    def take_field(field) -> None:
        found[field.field_name.decode()] = (field.value or b"").decode()
    headers = {"Content-Type": request.headers.get("content-type", "").encode()}
    parse_form(headers, io.BytesIO(request.read()), take_field, take_file)
    return found


# ---------------------------------------------------------------- live

def _live(request: httpx2.Request, call: Call, shelves: Shelves, send: Send) -> httpx2.Response:
    """Send a request, and keep its reply if it is the last word."""
    started, card = time.perf_counter(), _card(request, send)
    response = _trained_anew(request, send) if call.endpoint == CREATION else send(request)
    reply = _read(response)
    refused = response.status_code == REFUSED and call.endpoint in (UPLOAD, CREATION)
    if refused or (response.status_code == 200 and _is_final(request, card or reply)):
        shelves.keep(call, Recorded(reply, time.perf_counter() - started))
    kind = response.headers.get("content-type", "")
    return httpx2.Response(response.status_code, headers={"content-type": kind}, content=response.read())


def _trained_anew(request: httpx2.Request, send: Send) -> httpx2.Response:
    """Create a job. A model that is there already is removed first: nothing would be trained, and no loss recorded."""
    response = send(request)
    job = _read(response)
    if response.status_code != 200 or job["status"] != "succeeded":
        return response
    send(_other(request, "DELETE", f"models/{job['fine_tuned_model']}")).read()
    return send(request)


def _card(request: httpx2.Request, send: Send) -> dict | None:
    """Return the card of the job or file of which a part is asked for: before the part, as a job may end in between."""
    path, _, part = _path(request).rpartition("/")
    return _read(send(_other(request, "GET", path))) if part in PARTS else None


def _is_final(request: httpx2.Request, card: dict) -> bool:
    """Say whether a reply will not change any more. Of an uploaded file's content no reply is: it is not kept."""
    if f"{request.method} {_path(request)}" in (UPLOAD, CREATION):
        return True
    own = _path(request).endswith("/content") and card.get("purpose") != files.RESULTS
    return card.get("status") in FINAL and not own


def _other(request: httpx2.Request, method: str, path: str) -> httpx2.Request:
    """Return a request without a body, to the same service."""
    headers = {"authorization": request.headers.get("authorization", "")}
    url = request.url.copy_with(path=f"/v1/{path}", query=None)
    return httpx2.Request(method, url, headers=headers, extensions=request.extensions)


def _read(response: httpx2.Response) -> dict | str:
    text = response.read().decode()
    return json.loads(text) if "json" in response.headers.get("content-type", "") else text


# ---------------------------------------------------------------- replies

def _replayed(recorded: Recorded) -> httpx2.Response:
    if isinstance(recorded.reply, str):
        return httpx2.Response(200, content=recorded.reply.encode())
    return httpx2.Response(REFUSED if set(recorded.reply) == {"error"} else 200, json=recorded.reply)


def _not_recorded(request: httpx2.Request) -> str:
    asked = "" if request.method == "GET" or "json" not in request.headers.get("content-type", "") else \
        f" with {request.read().decode()[:200]}"
    return (f"COURSE_REPLAY=only, and this step of a fine-tuning is not recorded: {request.method} {_path(request)}"
            f"{asked}. Unset COURSE_REPLAY to train on this machine, or record it with `python course.py record`.")
