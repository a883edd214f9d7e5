"""What the data look like, and what in them would make a score mean less than it says.

    checks(task, examples) -> ["line 7  [duplicate]  The example is the same as line 3. ...", ...]
    profile(task) -> {"kind": "labels", "rows": {"train": 360, ...}, "labels": {...}, "notes": [...], ...}

The checks are those of helpers.validate, on the rows as a training file would hold them. Does not: change a row.
"""
from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from helpers import finetuning
from helpers.intervals import wilson
from helpers.ladder import wording
from helpers.ladder.kinds import kind_of
from helpers.rows import SHARES
from helpers.tasks import Example, LabelTask, Task
from helpers.validate.fingerprints import plain
from helpers.validate.production import language_of, script_of
from helpers.validate.report import plural

FEW = 5             # training rows of a label below which little can be learned
SMALL = 50          # test rows below which an interval is wide
NAMED = 6           # labels that a sentence names
READ = 300          # rows whose language is looked at
LONGEST = {True: 6_000, False: 100_000}     # characters of a text, for the embedded model or a larger one


def checks(task: Task, examples: Sequence[Example]) -> list[str]:
    """Return what helpers.validate finds in the rows, a line each. A line number counts the rows that are used."""
    form = wording.forms(task)["prompt"][0]
    turns = [finetuning.conversation([{"role": "user", "content": one.input}], form.answer(one)) for one in examples]
    with tempfile.TemporaryDirectory() as folder:
        report = finetuning.check(finetuning.write(turns, Path(folder) / "rows.jsonl"))
    found = [str(finding) for finding in [*report.errors, *report.warnings]]
    more = report.found.total() - len(found)
    return [*found, f"... and {more:,} more of the same kinds"] if more else found


def shortened(task: Task, embedded: bool) -> str:
    """Cut texts that are too long for the model to their beginning, for every method alike, and say so."""
    most, cut = LONGEST[embedded], 0
    for split in SHARES:
        members = getattr(task, split)
        cut += sum(len(one.input) > most for one in members)
        setattr(task, split, [Example(one.id, one.input[:most], one.expected, one.tags, task) for one in members])
    return (f"{plural(cut, 'text')} longer than {most:,} characters, cut there for every method: what stands further "
            "down is not read." if cut else "")


def profile(task: Task, checked: Sequence[str] = (), notes: Sequence[str] = (), left_out: int = 0) -> dict:
    """Return the facts about a task whose splits are made, and a sentence on each thing to know."""
    everything = [one for split in SHARES for one in getattr(task, split)]
    lengths = [len(one.input) for one in everything]
    labels = _labels(task)
    own = [*notes, *_about_labels(labels), *_about_size(task), *_about_language(everything)]
    if left_out:
        own.insert(0, f"{plural(left_out, 'row')} left out: no text, or no answer.")
    return {"name": task.name, "kind": kind_of(task), "rows": {split: len(getattr(task, split)) for split in SHARES},
            "labels": labels, "headline": task.headline if labels else "",
            "characters": {"median": median(lengths), "longest": max(lengths)},
            "groups": len({one.tags.get("group") for one in task.test} - {None}), "checks": list(checked), "notes": own}


def _labels(task: Task) -> dict[str, list[int]]:
    """Return each label's rows in train, validation and test; nothing for other answers."""
    if not isinstance(task, LabelTask):
        return {}
    counts = [Counter(task.label_of(one) for one in getattr(task, split)) for split in SHARES]
    return {label: [count[label] for count in counts] for label in task.labels}


def _about_labels(labels: dict[str, list[int]]) -> list[str]:
    if not labels:
        return []
    few = [label for label, (train, _, _) in labels.items() if train < FEW]
    total = {label: sum(counts) for label, counts in labels.items()}
    often = max(total, key=total.__getitem__)
    found = []
    if total[often] > 0.5 * sum(total.values()):
        found.append(f"{often!r} has {total[often] / sum(total.values()):.0%} of the rows: that share is right "
                     "without looking, so compare with the first line of the table.")
    if few:
        found.append(f"{plural(len(few), 'label')} with fewer than {FEW} training rows, of which little can be "
                     f"learned: {', '.join(few[:NAMED])}{', …' * (len(few) > NAMED)}.")
    return found


def _about_size(task: Task) -> list[str]:
    n = len(task.test)
    if n >= SMALL:
        return []
    low, high = wilson(round(0.8 * n), n)
    return [f"{plural(n, 'test row')} only: a score of 80% would be known no better than {low:.0%} to {high:.0%}."]


def _about_language(examples: Sequence[Example]) -> list[str]:
    some = examples[:READ]
    script = Counter(script_of(one.input) for one in some).most_common(1)[0][0]
    languages = Counter(filter(None, (language_of(plain(one.input).split()) for one in some)))
    language = max(languages, key=languages.__getitem__) if script == "Latin" and languages else ""
    if script not in ("Latin", "no letters"):
        return [_foreign(f"in {script} letters")]
    return [_foreign(f"mostly in {language}")] if language not in ("", "English") else []


def _foreign(how: str) -> str:
    return (f"The texts are {how}, and the embedded models learned from English: their rungs may do worse here than a "
            "larger model's would. TF-IDF counts words of any language that puts spaces between them.")
