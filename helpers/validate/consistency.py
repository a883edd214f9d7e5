"""Compare the examples of a file with each other in form: labels, output format, system prompts.

    habits = Consistency(); habits.add(example); list(habits.faults())
    -> [(7, "system prompt", "9 of 10 examples have a system prompt, ...")]

Keeps counts and first lines, of a fixed number of different values.

Does not: judge what an answer says.
"""
from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from helpers.validate.examples import Example, digest
from helpers.validate.report import PlacedFault, plural, shown

LABEL = 40              # characters of the longest output that may be a label
LABELS = 20             # different labels at most: with more, outputs are texts
TIMES = 4               # examples a label, on average, or outputs are texts
BALANCE = 10            # the most frequent label may have so many times the examples of the rarest
SENTENCE = 200          # characters up to which a full stop at the end is a matter of style
RARE = 0.05             # the share from which on a second style of ending is no accident
VALUES = 1_000          # different system prompts that are told apart
STOPS = (".", "!", "?", "。", "！", "？", "…")


class Tally:
    """Counts values and remembers the line of each one's first; of at most `VALUES` values."""

    def __init__(self) -> None:
        self.counts: Counter[object] = Counter()
        self.first: dict[object, int] = {}

    def add(self, value: object, line: int) -> None:
        """Count a value; one too many counts as the value None."""
        value = value if value in self.counts or len(self.counts) < VALUES else None
        self.counts[value] += 1
        self.first.setdefault(value, line)

    def rarest(self, values: Sequence[object] = ()) -> tuple[object, int]:
        """Return the rarest value, of all or of these, and the line of its first."""
        value = min(values or self.counts, key=lambda value: (self.counts[value], -self.first[value]))
        return value, self.first[value]


class Consistency:
    """What the examples of a file have in common."""

    def __init__(self) -> None:
        self.labels, self.formats, self.stops, self.systems = (Tally() for _ in range(4))

    def add(self, example: Example) -> None:
        """Count an example. An output that calls a tool has a form of its own, next to texts."""
        self.systems.add(digest(example.system) if example.system.strip() else "", example.line)
        output = example.output.strip()
        if example.calls or not output:
            return
        self.formats.add(format_of(output), example.line)
        self.labels.add(output if len(output) <= LABEL else None, example.line)
        if format_of(output) == "plain text" and len(output) <= SENTENCE and "\n" not in output:
            self.stops.add(output.endswith(STOPS), example.line)

    def faults(self) -> Iterator[PlacedFault]:
        """Yield what differs between the examples."""
        yield from _format_faults(self.formats)
        yield from _stop_faults(self.stops)
        yield from _label_faults(self.labels)
        yield from _system_faults(self.systems)


def format_of(output: str) -> str:
    """Name the form of an output. Example: format_of("[1]") -> "JSON"; format_of("One.") -> "plain text" """
    if fenced := re.fullmatch(r"```\w*\n(.*)```", output, re.DOTALL):
        return "JSON in a code fence" if format_of(fenced[1].strip()) == "JSON" else "plain text"
    if output[:1] not in ("{", "["):
        return "plain text"
    try:
        json.loads(output)
    except (ValueError, RecursionError):
        return "broken JSON" if re.match(r'\{\s*"|\[\s*[{"]', output) else "plain text"
    return "JSON"


def _format_faults(formats: Tally) -> Iterator[PlacedFault]:
    if len(formats.counts) > 1:
        rare, line = formats.rarest()
        said = ", ".join(f"{name} {plural(count, 'time')}" for name, count in formats.counts.most_common())
        yield line, "output format", (f"Outputs differ in form: {said}; line {line} is the first that is {rare}. "
                                      "Choose one form, or the model will mix them too.")


def _stop_faults(stops: Tally) -> Iterator[PlacedFault]:
    total = stops.counts.total()
    if len(stops.counts) == 2 and min(stops.counts.values()) >= RARE * total:
        rare, line = stops.rarest()
        said = "does" if rare else "does not"
        yield line, "output format", (f"{stops.counts[True]:,} of {total:,} short outputs end in a full stop or the "
                                      f"like, the others do not; line {line} is the first that {said}. Write all of "
                                      "them one way.")


def _label_faults(labels: Tally) -> Iterator[PlacedFault]:
    counts = labels.counts
    if not counts or None in counts or len(counts) > LABELS or counts.total() < TIMES * len(counts):
        return
    (often, most), (seldom, least) = counts.most_common()[0], counts.most_common()[-1]
    if len(counts) == 1:
        yield None, "labels", f"Every output is {shown(often)}. Add examples of other answers, or nothing is learned."
    elif most >= BALANCE * least:
        yield labels.first[seldom], "labels", (f"The label {shown(often)} has {most:,} examples and {shown(seldom)} "
                                               f"only {least:,}. Add examples of the rare one, or check that "
                                               "production is as uneven.")


def _system_faults(systems: Tally) -> Iterator[PlacedFault]:
    absent, total = systems.counts[""], systems.counts.total()
    given = [value for value in systems.counts if value != ""]
    if absent and given:
        line = systems.first[""] if 2 * absent <= total else min(systems.first[value] for value in given)
        yield line, "system prompt", (f"{total - absent:,} of {total:,} examples have a system prompt, the others have "
                                      "none. Give every example the one that production sends, or none.")
    if len(given) > 1:
        most = max(systems.counts[value] for value in given)
        said = f"{len(given):,}{' or more' if len(given) >= VALUES - 1 else ''}"
        yield systems.rarest(given)[1], "system prompt", (f"There are {said} different system prompts; the most "
                                                          f"frequent has {most:,} of {total:,} examples. Unless each "
                                                          "is a task of its own, use one everywhere.")
