"""Keep every reply as reviewable text, and give it back when the same request comes again.

A folder of JSON-lines files, read at once and written one line at a time:

    {"message": "m-1f0c…", "role": "system", "content": "You label…"}       a message, once
    {"setup": "s-9a2b…", "endpoint": "chat/completions", "provider": "…", "request": {…}}    all else of a request, once
    {"call": "c-77d1…", "setup": "s-9a2b…", "messages": ["m-1f0c…"], "repeat": 0, "seconds": 0.21,
     "date": "2026-11-20", "reply": {…}, "seal": "…"}      and "batched": true, if it came in a batch

A call's id is the hash of everything that can change its answer: provider fingerprint, endpoint, request and
repeat index. The seal is the hash of the line, so that an edited reply is noticed. A line is parsed and looked at when
it is first used: a notebook uses one in ten and would wait for the others.
Does not: decide when to replay (see transport.py).
"""
from __future__ import annotations

import datetime
import hashlib
import json
import math
import os
import re
import secrets
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from helpers.provider.vectors import packed, unpacked

BEGINS = re.compile(rb'{"(?:message|setup|call)": "([msc]-[0-9a-f]{16})", ')


class DamagedRecording(ValueError):
    """A committed recording cannot be trusted; the message names file and line."""


@dataclass(frozen=True)
class Call:
    """One request, without its reply."""

    endpoint: str       # "chat/completions"
    provider: str       # fingerprint of model and weights
    request: dict       # the JSON body as sent
    repeat: int = 0

    @cached_property
    def key(self) -> str:
        """Example: Call("chat/completions", "m:1", {"messages": []}).key -> "c-" and 16 hex digits"""
        return _id("c", [self.endpoint, self.provider, self.request, self.repeat])


@dataclass(frozen=True)
class Recorded:
    """A reply as it came: JSON for an ordinary call, the event text for a streamed one."""

    reply: dict | str
    seconds: float      # nan where nobody knows: a batch does not say
    date: str = field(default_factory=lambda: datetime.date.today().isoformat())
    batched: bool = False       # came in a batch, at its price


class Recordings:
    """Replies in a folder. Several processes may add to it at once, each writes a file of its own."""

    def __init__(self, folder: Path, *, strict: bool = False, name: str | None = None,
                 files: str = "*.jsonl"):
        """`strict` raises DamagedRecording for a line that cannot be trusted; otherwise it is skipped and said.
        What is no line at all is met here, what was edited by `find` and `calls`.
        `name` is the file written to (default: one of this process's own). `files` says which files are read
        (a pattern; "" for none)."""
        self.folder, self.strict = folder, strict
        self.file = folder / f"{name or f'replies-{os.getpid()}-{secrets.token_hex(3)}'}.jsonl"
        self._lock = threading.Lock()
        self._lines: dict[str, bytes | dict] = {}       # by id; bytes until it is used
        self._places: dict[str, dict[str, int]] = {}    # id -> the files it was read from, and the line there
        self._written: set[str] = set()                 # ids of the parts that self.file holds
        for path in sorted(folder.glob(files)) if files else []:
            if not path.name.startswith("ledger"):
                self._load(path)

    def __len__(self) -> int:
        return len(self._names())

    def find(self, call: Call) -> Recorded | None:
        """Return the recorded reply to the same call, if there is one."""
        line = self._trusted(call.key)
        return _recorded(line) if line else None

    def files_of(self, call: Call) -> set[str]:
        """Return the names of the files that a call was read from. Example: {"02_few_shot.jsonl"}"""
        return set(self._places.get(call.key, ()))

    def add(self, call: Call, recorded: Recorded) -> None:
        """Keep a reply, on disk before this returns. Raises OSError when the folder cannot be written."""
        setup, messages = _parts_of(call)
        line = {"call": call.key, "setup": setup["setup"], "messages": [m["message"] for m in messages],
                "repeat": call.repeat, "seconds": _known(recorded.seconds), "date": recorded.date,
                "reply": packed(recorded.reply)} | ({"batched": True} if recorded.batched else {})
        with self._lock:
            fresh = [part for part in (*messages, setup) if _name(part) not in self._written]
            self._append([*fresh, line | {"seal": _seal(line)}])
            self._written.update(map(_name, fresh))
            self._lines |= {_name(part): part for part in fresh} | {call.key: line}

    def calls(self) -> Iterator[tuple[Call, Recorded]]:
        """Yield every call with its reply, for an audit."""
        for line in filter(None, map(self._trusted, self._names())):
            yield self._call_of(line), _recorded(line)

    def _names(self) -> list[str]:
        return [name for name in list(self._lines) if name.startswith("c-")]

    def _append(self, lines: list[dict]) -> None:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8", newline="\n") as file:     # one write: a line is whole or last
            file.write(text)

    def _load(self, path: Path) -> None:
        for number, text in enumerate(path.read_bytes().splitlines(), 1):
            begins = BEGINS.match(text)
            if begins is None:
                self._distrust(f"{path.name}, line {number}: it does not begin as a message, a setup or a call does")
                continue
            name = begins[1].decode()
            self._lines[name] = text
            self._places.setdefault(name, {})[path.name] = number

    def _trusted(self, name: str) -> dict | None:
        """Return a call's line, if it is here and as it was recorded."""
        if name not in self._lines:
            return None
        try:
            return self._line(name)
        except ValueError as error:
            self._distrust(str(error))
            return None

    def _line(self, name: str) -> dict:
        """Return a line, looked at once. Raises ValueError, with the place, for one that is not as it was recorded."""
        line = self._lines[name]
        if isinstance(line, bytes):
            try:
                line = json.loads(line)
                fault = self._fault(name, line)
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                fault = str(error)
            if fault:
                file, number = next(reversed(self._places[name].items()))
                raise ValueError(f"{file}, line {number}: {fault}")
            self._lines[name] = line
        return line

    def _fault(self, name: str, line: dict) -> str | None:
        if "call" not in line:
            return None if name == _id(name[0], _content(line)) else "its text does not belong to its id: it was edited"
        if line.get("seal") != _seal(line):
            return "its seal is broken: it was edited"
        missing = [part for part in (line["setup"], *line["messages"]) if part not in self._lines]
        if missing:
            return f"{missing[0]} is missing"
        return None if self._call_of(line).key == name else "its id does not belong to its request: it was edited"

    def _distrust(self, complaint: str) -> None:
        if self.strict:
            raise DamagedRecording(f"Recording {complaint}. Restore the file from git, or record it again with "
                                   "`python course.py record`.")
        warnings.warn(f"Kept reply not used: {complaint}. The model will be asked again.", stacklevel=2)

    def _call_of(self, line: dict) -> Call:
        setup = self._line(line["setup"])
        request = dict(setup["request"])
        if line["messages"]:
            parts = map(self._line, line["messages"])
            request["messages"] = [{"role": part["role"], "content": part["content"]} for part in parts]
        return Call(setup["endpoint"], setup["provider"], request, line["repeat"])


def _recorded(line: dict) -> Recorded:
    seconds = math.nan if line["seconds"] is None else line["seconds"]
    return Recorded(unpacked(line["reply"]), seconds, line["date"], line.get("batched", False))


def _known(seconds: float) -> float | None:
    return None if math.isnan(seconds) else round(seconds, 3)


def _parts_of(call: Call) -> tuple[dict, list[dict]]:
    """Split a request into its setup and its messages, each with an id made from its content."""
    rest = {name: value for name, value in call.request.items() if name != "messages"}
    setup = {"endpoint": call.endpoint, "provider": call.provider, "request": rest}
    messages = [dict(message) for message in call.request.get("messages", [])]
    if not messages or any(set(message) != {"role", "content"} for message in messages):   # names: keep as they are
        setup["request"], messages = call.request, []
    return ({"setup": _id("s", setup)} | setup, [{"message": _id("m", m)} | m for m in messages])


def _name(part: dict) -> str:
    return part.get("message") or part["setup"]


def _content(part: dict) -> dict:
    return {key: value for key, value in part.items() if key not in ("message", "setup")}


def _id(kind: str, content: object) -> str:
    return f"{kind}-{hashlib.sha256(_canonical(content)).hexdigest()[:16]}"


def _seal(line: dict) -> str:
    return hashlib.sha256(_canonical({name: line[name] for name in line if name != "seal"})).hexdigest()[:16]


def _canonical(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
