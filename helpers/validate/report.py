"""What a check found: errors, which OpenAI refuses a file for, and warnings, which a reader should look at.

    report.note(3, "schema", "Message 1 has the role 'bot'. Write user or assistant.")
    print(report)

Lists at most LISTED findings of a kind, so that a file with a million faults gives a page, and counts the rest.

Does not: decide what is a fault.
"""
from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from helpers.validate.keys import secret_kinds

ERRORS = ("file", "encoding", "BOM", "JSON", "schema", "last turn", "too few")      # any other kind is a warning
LISTED = 10     # findings of one kind
WIDEST = 40     # characters of a value that a message shows

Fault = tuple[str, str]                         # a kind and a message, where the line is known
PlacedFault = tuple[int | None, str, str]       # a line (None: the whole file), a kind and a message


class Note(Protocol):
    """Takes down a finding: its line (None: the whole file), its kind and its message."""

    def __call__(self, line: int | None, kind: str, message: str) -> None: ...


@dataclass(frozen=True)
class Finding:
    """One fault; `source` names the file when it is not the training file."""

    line: int | None
    kind: str
    message: str
    source: str = ""

    def __str__(self) -> str:
        where = " ".join(part for part in (self.source, f"line {self.line}" if self.line else "") if part)
        return f"{where or 'file'}  [{self.kind}]  {self.message}"


@dataclass
class Report:
    """The findings in a training file. `tokens` are those of the examples that could be read."""

    name: str
    errors: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    examples: int = 0
    tokens: int = 0
    found: Counter[tuple[str, str]] = field(default_factory=Counter)       # by source and kind, listed or not

    @property
    def ok(self) -> bool:
        """Say whether there is no error; there may be warnings."""
        return not self.errors

    def note(self, line: int | None, kind: str, message: str, source: str = "") -> None:
        """Count a finding, and list it unless LISTED of its kind are."""
        self.found[source, kind] += 1
        if self.found[source, kind] <= LISTED:
            (self.errors if kind in ERRORS else self.warnings).append(Finding(line, kind, message, source))

    def notes_on(self, source: str) -> Note:
        """Return `note` for the findings in another file."""
        return partial(self.note, source=source)

    def __str__(self) -> str:
        head = f"{self.name}: {plural(self.examples, 'example')}, about {plural(self.tokens, 'token')}"
        parts = [head, *self._part("error", self.errors), *self._part("warning", self.warnings)]
        if self.ok:
            parts.append("\nNo errors." if self.warnings else "No errors, no warnings.")
        return "\n".join(parts)

    def _part(self, word: str, findings: list[Finding]) -> list[str]:
        """Return the lines on errors or on warnings: kinds in the order found, lines in order within a kind."""
        groups = dict.fromkeys((finding.source, finding.kind) for finding in findings)
        total = sum(self.found[group] for group in groups)
        lines = ["", plural(total, word)] if total else []
        for group in groups:
            lines += [f"  {finding}" for finding in findings if (finding.source, finding.kind) == group]
            if (more := self.found[group] - LISTED) > 0:
                lines.append(f"  ... and {more:,} more [{group[1]}]")
        return lines


def plural(count: int, noun: str) -> str:
    """Example: plural(1, "error") -> "1 error"; plural(1200, "error") -> "1,200 errors" """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def shown(value: object) -> str:
    """Return a value as a message shows it: short, on one line, and no secret.

    Example: shown("bot") -> "'bot'"; shown({"a": 1}) -> "an object"; shown(None) -> "null"
    """
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return _shown_text(value)
    number = json.dumps(value)
    return number if len(number) <= WIDEST else "a very long number"


def _shown_text(text: str) -> str:
    if secret_kinds(text):
        return "(hidden: it looks like a secret)"
    short = text if len(text) <= WIDEST else text[:WIDEST] + "..."
    return repr(short).encode(errors="backslashreplace").decode()
