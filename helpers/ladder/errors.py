"""Which wrong rows to read first, and what is taken for what.

    to_read(run, runs, found)[0] -> Reading("row7", "Where is it?", "delivery", "other", right_elsewhere=0)

Rows that every method has wrong come first: in small data sets, the label is often what is wrong with them. Does not:
say why a row is wrong.
"""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from helpers.evaluation import Run
from helpers.rows import bare_label

MOST = 20           # rows that are shown
LONGEST = 400       # characters of a text that are shown
PAIRS = 5           # confusions that are named
NOTHING = "(nothing)"


@dataclass(frozen=True)
class Reading:
    """A wrong row: the text, what was expected, what was said, and how many methods had it right."""

    id: str
    input: str
    expected: str
    said: str
    right_elsewhere: int


def to_read(run: Run, runs: Sequence[Run], found: dict) -> list[Reading]:
    """Return the wrong rows of a run, those first that fewest methods have right."""
    right = Counter(name for one in runs for name in one.rows.id[one.rows.right])
    texts = {one["id"]: one for one in found["questions"]}
    wrong = [Reading(row.id, shown(texts[row.id]["input"]), shown(texts[row.id]["expected"], found["task"]["headline"]),
                     row.error or shown(row.reply), right[row.id])
             for row in run.rows.itertuples() if not row.right]
    return sorted(wrong, key=lambda one: one.right_elsewhere)[:MOST]


def shown(value: object, field: str = "") -> str:
    """Return a value as a page shows it. Example: shown({"category": "billing", "x": 1}, "category") -> "billing" """
    if isinstance(value, dict) and field in value:
        value = value[field]
    if value is None or value == "":
        return NOTHING
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def confused(run: Run, found: dict) -> list[tuple[str, str, int]]:
    """Return the commonest confusions of labels: expected, said, how often; nothing for other answers."""
    if found["task"]["kind"] != "labels":
        return []
    field = found["task"]["headline"]
    pairs = Counter((shown(row.expected, field), _label(row.reply, field)) for row in run.rows.itertuples()
                    if not row.right)
    return [(expected, said, count) for (expected, said), count in pairs.most_common(PAIRS) if count > 1]


def _label(reply: object, field: str) -> str:
    """Example: _label('{"label": "billing"}', "label") -> "billing" """
    try:
        read = json.loads(reply) if isinstance(reply, str) and reply.lstrip().startswith("{") else reply
    except (ValueError, RecursionError):
        read = reply
    return bare_label(shown(read, field))[:60] if read else NOTHING
