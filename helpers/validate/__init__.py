"""Check a fine-tuning file in OpenAI's chat JSONL format before it is uploaded.

    report = check("train.jsonl", validation="validation.jsonl", production="requests.jsonl")
    report.errors[0]    -> Finding(line=3, kind="schema", message="Message 1 has the role 'bot'. Write one of ...")
    python -m helpers.validate train.jsonl --validation validation.jsonl --production requests.jsonl

Reads a file line by line and keeps about 400 bytes of each example, so that it checks files that memory cannot hold.

Does not: change a file, send it anywhere, say whether the answers in it are right, or count tokens exactly: give
`count` a tokenizer's counter for that.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers.validate.consistency import Consistency
from helpers.validate.examples import digest, estimate, example_of, strings, tokens_of
from helpers.validate.fingerprints import NEAR, Fingerprints, nearest
from helpers.validate.keys import secret_kinds
from helpers.validate.lines import rows
from helpers.validate.production import Profile, differences, profile_of
from helpers.validate.report import ERRORS, Finding, Note, Report, plural
from helpers.validate.schema import faults

__all__ = ["Finding", "Report", "check"]

LONGEST = 8192          # tokens of an example; models differ in how many they read, and cut off what is over
FEWEST = 10             # examples that OpenAI accepts


def check(path: str | Path, *, validation: str | Path | None = None, production: str | Path | None = None,
          longest: int = LONGEST, count: Callable[[str], int] = estimate) -> Report:
    """Return what is wrong with a training file, alone and next to a validation file and production inputs.

    `count` returns the tokens of a text; without it, four characters are one. Example: check("train.jsonl").ok -> True
    """
    report = Report(str(path))
    trained = Reading(report.note, longest, count, Profile() if production else None)
    trained.read(Path(path))
    report.examples, report.tokens = trained.examples, trained.tokens
    if 0 < trained.examples < FEWEST:
        report.note(None, "too few", f"The file has {plural(trained.examples, 'example')}. OpenAI trains on "
                                     f"{FEWEST} or more: add some, 50 to 100 good ones to begin with.")
    _note_repeats(trained.prints, report.note)
    for fault in trained.habits.faults():
        report.note(*fault)
    if validation:
        held_out = Reading(report.notes_on("validation"), longest, count)
        held_out.read(Path(validation))
        _note_leaks(trained.prints, held_out.prints, held_out.note)
    if production and trained.profile is not None:
        sent = profile_of(Path(production), trained.profile.known, report.notes_on("production"))
        for message in differences(trained.profile, sent):
            report.note(None, "production", message)
    return report


class Reading:
    """Reads one file, notes the faults of single examples, and gathers what comparing them needs."""

    def __init__(self, note: Note, longest: int, count: Callable[[str], int], profile: Profile | None = None) -> None:
        self.note, self.longest, self.count, self.profile = note, longest, count, profile
        self.prints, self.habits = Fingerprints(), Consistency()
        self.examples = self.tokens = 0

    def read(self, path: Path) -> None:
        """Read every line of a file; an example too deep for Python to walk is noted, not read."""
        for line, row in rows(path, self.note):
            self.examples += 1
            if row is not None:
                try:
                    self._read_row(line, row)
                except RecursionError:
                    self.note(line, "schema", "This example nests objects too deep. Flatten what is wrapped in it.")

    def _read_row(self, line: int, row: dict) -> None:
        for kind in dict.fromkeys(kind for text in strings(row) for kind in secret_kinds(text)):
            self.note(line, "secret", f"This example seems to hold a secret ({kind}). Replace it by a made-up one, and "
                                      "revoke it if it is real: models repeat what they were trained on.")
        found = list(faults(row))
        for kind, message in found:
            self.note(line, kind, message)
        if not any(kind in ERRORS for kind, _ in found):
            self._add(line, row)

    def _add(self, line: int, row: dict) -> None:
        example, tokens = example_of(line, row), tokens_of(row, self.count)
        self.tokens += tokens
        if tokens > self.longest:
            self.note(line, "too long", f"About {tokens:,} tokens, and the limit is {self.longest:,}: the end, with "
                                        "the answer, may be cut off. Shorten or split it, or give your model's own "
                                        "limit (--longest).")
        self.prints.add(line, example.input, example.given, digest(example.output), example.setting)
        self.habits.add(example)
        if self.profile is not None:
            self.profile.add(example.input)


# ---------------------------------------------------------------- examples that are the same

def _note_repeats(prints: Fingerprints, note: Note) -> None:
    """Note the examples that repeat an earlier one, give it another output, or are nearly the same."""
    if not len(prints):
        return
    _, first, which = np.unique(prints.given, return_index=True, return_inverse=True)
    repeated = first[which] < np.arange(len(prints))
    for row in np.flatnonzero(repeated):
        _note_same(prints, int(first[which[row]]), int(row), note)
    alike = nearest(prints.signatures)
    framed = prints.settings[alike.rows] == prints.settings     # under another instruction it is another input
    for row in np.flatnonzero(~repeated & (alike.shares >= NEAR) & framed):
        other = alike.rows[row]
        differ = prints.outputs[other] != prints.outputs[row]
        note(int(prints.lines[row]), "near duplicate",
             f"The input is nearly that of line {prints.lines[other]} ({alike.shares[row]:.0%} alike), and the outputs "
             f"{'differ: see whether both are right' if differ else 'are the same: keep one of the two'}.")


def _note_same(prints: Fingerprints, earlier: int, row: int, note: Note) -> None:
    line = int(prints.lines[row])
    if prints.outputs[earlier] == prints.outputs[row]:
        note(line, "duplicate", f"The example is the same as line {prints.lines[earlier]}. Delete one: a repeated "
                                "example counts double.")
    else:
        note(line, "contradiction", f"The input is that of line {prints.lines[earlier]}, and the output is another. "
                                    "Decide which is right and delete the other.")


def _note_leaks(trained: Fingerprints, held_out: Fingerprints, note: Note) -> None:
    """Note the validation examples whose input stands in training too, under whatever system prompt."""
    if not len(trained) or not len(held_out):
        return
    alike = nearest(trained.signatures, held_out.signatures)
    exact = np.isin(held_out.given, trained.given)
    for row in np.flatnonzero(exact | (alike.shares >= NEAR)):
        said = "is" if exact[row] or alike.shares[row] == 1 else "is nearly"
        note(int(held_out.lines[row]), "leakage",
             f"The input {said} that of line {trained.lines[alike.rows[row]]} of the training file. Delete it from one "
             "of the two: validation would measure what was learned by heart.")
