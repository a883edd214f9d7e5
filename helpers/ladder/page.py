"""The report: one HTML page that needs no network and no script, and holds every row it was computed from.

    write(found, Path("my-ladder.html"))
    embedded(Path("my-ladder.html").read_text()) == found

The page is a function of the findings alone, so that whoever has it can compute every number again.
Does not: measure anything.
"""
from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape, unescape
from itertools import pairwise
from pathlib import Path

from helpers.evaluation import Run, compare
from helpers.ladder import charts, expenses
from helpers.ladder.advice import advice, rising
from helpers.ladder.errors import Reading, confused, to_read
from helpers.ladder.findings import asked, runs
from helpers.ladder.rungs import BASELINE, MODEL
from helpers.local import folders
from helpers.progress import duration

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 62rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p { margin: .5rem 0; max-width: 46rem; } .quiet { color: #555; }
.answer { border-left: 4px solid #0072B2; background: #f3f7fa; padding: .7rem 1rem; margin: 1.2rem 0; }
.answer p:first-child { font-size: 1.1rem; font-weight: 600; margin-top: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; margin: .6rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #ddd; }
th { font-weight: 600; border-bottom: 1.5px solid #888; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.text { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 10rem; }
caption { text-align: left; color: #555; padding-bottom: .2rem; }
figure { margin: 1rem 0; } figure svg { width: 100%; max-width: 46rem; height: auto; display: block; }
figcaption { color: #555; font-size: .92rem; }
ul { padding-left: 1.2rem; max-width: 46rem; } code { font-size: .92em; }
@media print { body { margin: 0; max-width: none; font-size: 11pt; } h2 { break-after: avoid; }
  tr, figure, .answer { break-inside: avoid; } .wide { overflow: visible; } table { font-size: 9.5pt; } }
"""
FENCE = ('<script type="application/json" id="rows">', "</script>")
SAFE = "default-src 'none'; style-src 'unsafe-inline'"      # what the browser itself holds the page to


def write(found: dict, path: Path) -> Path:
    """Write the report, whole or not at all, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folders.write(path, page(found))
    return path


def page(found: dict) -> str:
    """Return the findings as a page."""
    measured = runs(found)
    sections = [_head(found), *(section(found, measured) for section in (
        _answer, _table, _figure, _steps, _choices, _curve, _errors, _expenses, _data, _method))]
    rows = json.dumps(found, ensure_ascii=False).replace("<", "\\u003c")       # no row can end the script early
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
            f'content="{SAFE}"><meta name="viewport" content="width=device-width"><title>The ladder on '
            f'{escape(found["task"]["name"])}</title><style>{STYLE}</style></head><body>\n<main>\n'
            + "\n".join(filter(None, sections)) + f"\n</main>\n{FENCE[0]}{rows}{FENCE[1]}\n</body></html>\n")


def embedded(html: str) -> dict:
    """Return the findings that a report holds. Raises ValueError for a page that is no report."""
    found = re.search(re.escape(FENCE[0]) + "(.*?)" + re.escape(FENCE[1]), html, re.DOTALL)
    if not found:
        raise ValueError("This page is no report of the ladder: it holds no rows.")
    return json.loads(found[1])


def visible(html: str) -> str:
    """Return the words a reader of the page sees. Example: visible("<p>1 &lt; 2</p>") -> " 1 < 2 " """
    body = re.sub(r"<(script|style|title)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", " ", body))


# ---------------------------------------------------------------- pieces

def _paragraph(text: str, kind: str = "") -> str:
    return f"<p{f' class={kind}' if kind else ''}>{escape(text)}</p>"


def _points(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>" if lines else ""


def _grid(heads: Sequence[str], rows: Sequence[Sequence[object]], caption: str, numbers: Sequence[int] = (),
          texts: Sequence[int] = ()) -> str:
    """Return a table; `numbers` are the columns set to the right, `texts` those that keep their line breaks."""
    kinds = {**dict.fromkeys(numbers, ' class="n"'), **dict.fromkeys(texts, ' class="text"')}
    head = "".join(f'<th scope="col"{kinds.get(i, "") if i in numbers else ""}>{escape(str(name))}</th>'
                   for i, name in enumerate(heads))
    body = "".join("<tr>" + "".join(f"<td{kinds.get(i, '')}>{escape(str(cell))}</td>" for i, cell in enumerate(row))
                   + "</tr>" for row in rows)
    return (f'<div class="wide"><table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>")


def _rate(share: float) -> str:
    return f"{share:.0%}"


# ---------------------------------------------------------------- sections

def _head(found: dict) -> str:
    made, task = found["made"], found["task"]
    where = (f"The texts were sent to {made['host']}." if made["hosted"] else "No text left this machine.")
    return (f"<h1>The ladder on {escape(task['name'])}</h1>"
            + _paragraph(f"{made['date']}. Model: {made['model']}. {found['plan']['test']} test rows. {where} This "
                         "page holds your rows: share it as you would share them.", "quiet"))


def _answer(found: dict, measured: Sequence[Run]) -> str:
    if not measured:
        return '<div class="answer">' + _paragraph("No rung could be asked: see the reasons below.") + "</div>"
    given = advice(measured, found["target"], rising(found["curve"]))
    return ('<div class="answer">' + _paragraph(given.head) + _paragraph(given.sure)
            + _paragraph("What would change it:") + _points(given.change) + "</div>")


def _table(found: dict, measured: Sequence[Run]) -> str:
    skipped = [f"{step['rung']}: {step['skipped']}." for step in found["steps"] if step["skipped"]]
    columns = ("right", "accuracy", "95% interval", "valid", "failed")
    rows = [[run.name, *(run.summary()[name] for name in columns)] for run in measured]
    table = _grid(("method", *columns), rows,
                  "Every method on the same test rows. A failed call counts as wrong.", numbers=(1, 2, 3, 4, 5))
    left = _paragraph("Not climbed:") + _points(skipped) if skipped else ""
    return "<h2>Every rung on the same rows</h2>" + (table if measured else "") + left


def _steps(found: dict, measured: Sequence[Run]) -> str:
    """Compare each method with the one above it, and those that ask a model with the best that does not."""
    if len(measured) < 2:
        return ""
    rows = [_step(before, run) for before, run in pairwise(measured)]
    return "<h2>Step by step</h2>" + _paired("than the row above it in the table", rows) + _against(found, measured)


def _paired(than: str, rows: Sequence[Sequence[object]]) -> str:
    return _grid(("method", "points", "95% interval", "won", "lost", "p"), rows, f"How many points better {than}. Won: "
                 "right where the other is wrong; lost: the reverse.", numbers=(1, 2, 3, 4, 5))


def _step(before: Run, run: Run) -> list[object]:
    """Example: ["prompt: label names", "+13", "+3 to +24", 30, 10, ".002"]"""
    step = compare(before, run)
    low, high = step.interval
    p = "< .001" if step.p < 0.001 else f"{step.p:.3f}".replace("0.", ".")
    return [run.name, f"{100 * step.difference:+.0f}", f"{100 * low:+.0f} to {100 * high:+.0f}", step.won, step.lost, p]


def _against(found: dict, measured: Sequence[Run]) -> str:
    """Compare what a model answered with the best method that needs none."""
    kinds = [step["kind"] for step in asked(found)]
    without = [run for run, kind in zip(measured, kinds, strict=True) if kind == BASELINE]
    others = [run for run, kind in zip(measured, kinds, strict=True) if kind != BASELINE]
    if not without or not others:
        return ""
    best = max(without, key=lambda run: run.accuracy)
    return _paired(f"than {best.name!r}, the best method without a model (picked on these rows, it looks a little "
                   "better than it is)", [_step(best, run) for run in others])


def _figure(found: dict, measured: Sequence[Run]) -> str:
    if not measured:
        return ""
    drawn = charts.scores(measured, [step["kind"] for step in asked(found)], found["target"])
    return (f"<figure>{drawn}<figcaption>Square: no language model. Dot: the model as it is. Diamond: the tuned model."
            "</figcaption></figure>")


def _choices(found: dict, _: Sequence[Run]) -> str:
    rows = [[step["rung"], choice["name"], f"{_right(choice)} of {len(choice['rows'])}",
             "chosen" if step["chosen"] == choice["name"] else ""]
            for step in found["steps"] for choice in step["choices"] if len(step["choices"]) > 1]
    heading = "<h2>What was chosen, and on what</h2>"
    if not rows:
        return heading + _paragraph("Nothing: there was nothing to choose among, or too few validation rows to choose "
                                    "on, and the first candidate of each rung was taken.")
    return heading + _grid(("rung", "candidate", "right", ""), rows, "Choices were made on validation rows; the table "
                           "above holds none of them.", numbers=(2,))


def _right(choice: dict) -> int:
    return sum(right for _, right in choice["rows"])


def _curve(found: dict, _: Sequence[Run]) -> str:
    points = found["curve"]
    if not points:
        return ""
    counts = sorted({point["n"] for point in points})
    rows = [[method, *(_rate(sum(point["right"]) / len(point["right"])) for n in counts for point in points
                       if point["n"] == n and point["method"] == method)]
            for method in dict.fromkeys(point["method"] for point in points)]
    table = _grid(("method", *(f"{n} rows" for n in counts)), rows,
                  f"Right of {len(points[0]['right'])} validation rows.", numbers=range(1, 1 + len(counts)))
    return f"<h2>Would more labelled rows help the baselines?</h2><figure>{charts.curve(points)}</figure>{table}"


def _errors(found: dict, measured: Sequence[Run]) -> str:
    if not measured:
        return ""
    given = advice(measured, found["target"])
    run = given.run or max(measured, key=lambda run: run.accuracy)
    wrong = to_read(run, measured, found)
    if not wrong:
        return "<h2>The errors to read</h2>" + _paragraph(f"{run.name!r} made none on these rows.")
    table = _grid(("row", "text", "expected", "said", "right elsewhere"),
                  [_shown(one, len(measured)) for one in wrong],
                  f"{len(wrong)} of the {run.total - run.right} rows that {run.name!r} has wrong; first those that "
                  "every method has wrong: their labels may be wrong.", texts=(1, 2, 3))
    pairs = [f"{expected} was called {answer}: {count} times" for expected, answer, count in confused(run, found)]
    return "<h2>The errors to read</h2>" + _points(pairs) + table


def _shown(one: Reading, methods: int) -> list[str]:
    return [one.id, one.input, one.expected, one.said, f"{one.right_elsewhere} of {methods}"]


def _expenses(found: dict, measured: Sequence[Run]) -> str:
    steps, rows = asked(found), []
    for run, step in zip(measured, steps, strict=True):
        one = expenses.per_thousand(run)
        rows.append([run.name, f"{one.tokens_in:,.0f}", f"{one.tokens_out:,.0f}", f"{one.dollars:.2f}",
                     f"{one.seconds:,.1f}", f"{step['once']:,.1f}"])
    table = _grid(("method", "tokens in", "tokens out", "$ per 1,000 calls", "seconds per 1,000 calls", "seconds once"),
                  rows, "The mean call. Seconds are the engine's own where it tells them, else those of the wait.",
                  numbers=(1, 2, 3, 4, 5))
    return ("<h2>What it costs</h2>" + table + _paragraph(expenses.break_even(measured, steps))
            + _paragraph("People's hours are not in it: labelling, writing prompts, looking after a model.", "quiet")
            ) if measured else ""


def _data(found: dict, _: Sequence[Run]) -> str:
    task = found["task"]
    counts = ", ".join(f"{count} {split}" for split, count in task["rows"].items())
    facts = (f"Rows: {counts}. A text has {task['characters']['median']:,.0f} characters (median), the longest "
             f"{task['characters']['longest']:,}.")
    labels = _grid(("label", "train", "validation", "test"), [[name, *each] for name, each in task["labels"].items()],
                   "Rows of each label.", numbers=(1, 2, 3)) if task["labels"] else ""
    checked = ("<h3>Rows to look at</h3>" + _points(task["checks"])) if task["checks"] else ""
    return "<h2>The data</h2>" + _paragraph(facts) + _points(task["notes"]) + labels + checked


def _method(found: dict, _: Sequence[Run]) -> str:
    plan, made = found["plan"], found["made"]
    lines = [f"Estimated {duration(plan['seconds'])} and ${plan['dollars']:.2f}; this run took "
             f"{duration(made['took'])}. It asked for {made['fresh']:,} replies; the others were kept from a run "
             "before.",
             *[f"{step['name']}: {step['note']}." for step in asked(found) if step["note"]],
             *[f"Not tried: {name}, {why}." for name, why in plan["dropped"].items()],
             "Intervals of a rate are Wilson's, 95%. Two methods are compared on the same rows: a paired bootstrap "
             "interval, and the exact test of McNemar for p.",
             "The test rows were opened once for each rung; what to use on a rung was chosen on validation rows.",
             "Every row of every run stands in this page as JSON, in the script element with the id rows."]
    if found["task"]["groups"]:
        lines.append(f"The test rows come from {found['task']['groups']} groups. Rows of a group are alike, so that "
                     "the intervals may be too narrow.")
    kinds = {step["kind"] for step in asked(found)}
    if MODEL in kinds:
        lines.append("Greedy replies (temperature 0). The wordings are plain first ones; --instruction puts yours in "
                     "front.")
    again = f"<p>To make it again: <code>{escape(made['command'])}</code></p>"
    return "<h2>How it was measured</h2>" + _points(lines) + again
