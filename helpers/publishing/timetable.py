"""Say how long each section takes, and how much memory a learner needs, from the notebooks and from what was measured.

    python -m helpers.publishing.timetable      write both tables of docs/teaching.md anew

Reading is counted: words at 200 a minute, and 15 seconds for each code cell. Running is measured, by
`python -m tests.benchmarks.sections`, and memory by `python -m tests.benchmarks.learners`; both keep what they found,
with its date, in data/results.
Does not: know how fast a group is. A room takes longer than a reader; the timetables in docs/teaching.md allow for it.
"""
from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from helpers.publishing.notebooks import committed
from helpers.settings import ROOT

TEACHING = ROOT / "docs" / "teaching.md"
SECONDS = ROOT / "data" / "results" / "replay_sections.csv"
MEMORY = ROOT / "data" / "results" / "learner_memory.csv"
WORDS_A_MINUTE, SECONDS_A_CELL = 200, 15
UNSEEN = re.compile(r"<!--.*?-->|\]\([^)]*\)|[`*#|>]")
OPENING = "(opening)"


@dataclass
class Section:
    """A part of a notebook, from one heading of the second level to the next."""

    notebook: str
    title: str
    words: int = 0
    cells: int = 0

    @property
    def minutes(self) -> float:
        """Example: Section("00", "Count", words=300, cells=2).minutes -> 2.0 """
        return self.words / WORDS_A_MINUTE + self.cells * SECONDS_A_CELL / 60


def sections(path: Path) -> list[Section]:
    """Return a notebook's sections, the opening first."""
    found = [Section(path.stem, OPENING)]
    for cell, title in titled(nbformat.read(path, as_version=4)):
        if title != found[-1].title:
            found.append(Section(path.stem, title))
        if cell.cell_type == "code":
            found[-1].cells += 1
        else:
            found[-1].words += len(UNSEEN.sub(" ", cell.source).split())
    return found


def titled(notebook: nbformat.NotebookNode) -> Iterator[tuple[nbformat.NotebookNode, str]]:
    """Yield each cell with the title of the section it stands in."""
    title = OPENING
    for cell in notebook.cells:
        heading = re.match(r"## (.+)", cell.source) if cell.cell_type == "markdown" else None
        title = heading[1].strip() if heading else title
        yield cell, title


def measured() -> dict[tuple[str, str], float]:
    """Return the seconds of each section that was measured."""
    return {(row["notebook"], row["section"]): float(row["seconds"]) for row in kept(SECONDS)}


def minutes_table() -> str:
    """Return the table of minutes as markdown: a line a section, a bold one a notebook."""
    seconds, lines = measured(), ["| section | read, minutes | replay, seconds |", "|---|---:|---:|"]
    for path in committed():
        parts = sections(path)
        known = [seconds.get((part.notebook, part.title)) for part in parts]
        lines.append(f"| **{path.stem}** | **{sum(part.minutes for part in parts):.0f}** | **{_total(known)}** |")
        lines += [f"| {part.title} | {_halves(part.minutes)} | {_shown(took)} |"
                  for part, took in zip(parts, known, strict=True)]
    return "\n".join([*lines, "", f"Replayed on {_dates(SECONDS)}. A dash: the section is newer than the measurement."])


def _halves(minutes: float) -> str:
    """Example: _halves(1.6) -> "1½", _halves(0.2) -> "½" """
    whole, half = divmod(max(1, round(2 * minutes)), 2)
    return f"{whole or ''}{'½' * half}"


def _total(known: list[float | None]) -> str:
    """Example: _total([1.5, 2.5]) -> "4", _total([1.5, None]) -> "over 2", _total([None]) -> "–" """
    return "–" if not any(known) else f"{'over ' * (None in known)}{sum(filter(None, known)):.0f}"


def _shown(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f}"


def memory_table() -> str:
    """Return the table of memory as markdown: replaying, from the leanest notebook to the largest, then the rest."""
    replaying = {row["notebook"]: int(row["megabytes"]) for row in kept(SECONDS)}
    lines = ["| a learner who is | needs, MB |", "|---|---:|"]
    if replaying:
        largest = max(replaying, key=replaying.get)
        lines.append(f"| replaying a notebook | {min(replaying.values()):,} to {replaying[largest]:,} ({largest}) |")
    lines += [f"| {row['doing']} | {int(row['megabytes']):,} |" for row in kept(MEMORY)]
    return "\n".join([*lines, "", f"Measured on {_dates(SECONDS, MEMORY)}."])


def _dates(*paths: Path) -> str:
    """Return the days on which files' numbers were measured. Example: "2026-11-29" """
    return " and ".join(sorted({row["date"] for path in paths for row in kept(path)})) or "no day yet"


def kept(path: Path) -> list[dict[str, str]]:
    """Return what was measured, a row each; none if nothing was."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def keep(path: Path, rows: list[dict[str, object]]) -> None:
    """Write what was measured, in place of what was measured before, and say which notebooks show it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    if shown := [each.stem for each in committed() if path.name in each.read_text(encoding="utf-8")]:
        print(f"To show the new numbers: python -m helpers.publishing --outputs {' '.join(shown)}")


def written(text: str) -> str:
    """Return a page with its tables as they should be: each stands between <!-- minutes --> and <!-- end of minutes -->
    or the same of memory.
    """
    tables = {"minutes": minutes_table(), "memory": memory_table()}
    return re.sub(r"(<!-- (minutes|memory) -->\n).*?(<!-- end of \2 -->)",
                  lambda match: f"{match[1]}{tables[match[2]]}\n{match[3]}", text, flags=re.S)


def refresh() -> None:
    """Write the tables of docs/teaching.md anew."""
    TEACHING.write_text(written(TEACHING.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    refresh()
