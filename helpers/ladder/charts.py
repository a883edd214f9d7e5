"""Two figures as inline SVG, which needs no script and no network: scores with intervals, and the learning curve.

Grey squares answer without a language model, blue dots are the model as it is, a vermillion diamond is the tuned one.
Does not: compute a score.
"""
from __future__ import annotations

from collections.abc import Sequence
from html import escape

from helpers.evaluation import Run
from helpers.ladder.rungs import BASELINE, MODEL, TUNED

GREY, BLUE, VERMILLION = "#6e6e6e", "#0072B2", "#D55E00"      # those of figures.py, which stands above
COLOURS = {BASELINE: GREY, MODEL: BLUE, TUNED: VERMILLION}
WIDE = 680          # of the drawing's own units; on the page it is as wide as there is room
NAMES, RIGHT = 245, 52          # left and right of the scale
ROW = 30
HIGH = 260          # of the curve
HALO = 'stroke="#ffffff" stroke-width="4" paint-order="stroke"'       # a number stays readable on a line
DASHES = ("", "7 4", "2 4")


def scores(runs: Sequence[Run], kinds: Sequence[str], target: float | None = None) -> str:
    """Return a figure of each run's accuracy, a mark on its 95% interval."""
    base = ROW * len(runs) + 12
    rows = [_score(run, kind, ROW * place + 24) for place, (run, kind) in enumerate(zip(runs, kinds, strict=True))]
    words = "; ".join(f"{run.name} {run.accuracy:.0%}, {run.interval[0]:.0%} to {run.interval[1]:.0%}" for run in runs)
    marks = [_vertical(share / 100, base, f"{share}%") for share in (0, 25, 50, 75, 100)]
    goal = [] if target is None else [_target(target, base)]
    return _drawing(base + 46, f"Right answers of each method with its 95% interval: {words}.",
                    [*marks, *goal, *rows, _caption(base, f"right of {runs[0].total}; line: 95% interval")])


def _across(share: float) -> float:
    return NAMES + share * (WIDE - NAMES - RIGHT)


def _score(run: Run, kind: str, y: float) -> str:
    low, high = run.interval
    colour = COLOURS[kind]
    return (f'<text x="{NAMES - 12}" y="{y + 4}" text-anchor="end">{escape(_short(run.name))}</text>'
            f'<line x1="{_across(low):.1f}" x2="{_across(high):.1f}" y1="{y}" y2="{y}" stroke="{colour}" '
            f'stroke-width="2.5"/>{mark(kind, _across(run.accuracy), y)}'
            f'<text x="{_across(high) + 8:.1f}" y="{y + 4}" fill="{colour}" {HALO}>{run.accuracy:.0%}</text>')


def _short(name: str, most: int = 36) -> str:
    return name if len(name) <= most else name[:most - 1] + "…"


def mark(kind: str, x: float, y: float) -> str:
    """Return a mark: a square, a dot or a diamond, so that no meaning hangs on colour alone."""
    colour = COLOURS[kind]
    if kind == MODEL:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" fill="{colour}"/>'
    turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if kind == TUNED else ""
    return f'<rect x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10" fill="{colour}"{turn}/>'


def _vertical(share: float, base: float, name: str) -> str:
    x = _across(share)
    return (f'<line x1="{x:.1f}" x2="{x:.1f}" y1="8" y2="{base}" stroke="#dddddd"/>'
            f'<text x="{x:.1f}" y="{base + 16}" text-anchor="middle" fill="#444444">{name}</text>')


def _target(target: float, base: float) -> str:
    x = _across(target)
    return (f'<line x1="{x:.1f}" x2="{x:.1f}" y1="8" y2="{base}" stroke="#000000" stroke-dasharray="5 3"/>'
            f'<text x="{x:.1f}" y="6" text-anchor="middle">target {target:.0%}</text>')


def _caption(base: float, words: str) -> str:
    return f'<text x="{_across(0.5):.1f}" y="{base + 36}" text-anchor="middle" fill="#444444">{words}</text>'


def _drawing(height: float, words: str, parts: Sequence[str]) -> str:
    return (f'<svg viewBox="0 -8 {WIDE} {height:.0f}" role="img" aria-label="{escape(words)}" '
            f'xmlns="http://www.w3.org/2000/svg" font-size="13">{"".join(parts)}</svg>')


# ---------------------------------------------------------------- the learning curve

def curve(points: Sequence[dict]) -> str:
    """Return a figure of the share of right answers over the rows learned from, a line a method."""
    counts = sorted({point["n"] for point in points})
    total, base = len(points[0]["right"]), HIGH - 56
    methods = list(dict.fromkeys(point["method"] for point in points))
    lines = {method: _line(points, method, counts, base) for method in methods}
    heights = _apart({method: line[-1][1] for method, line in lines.items()})
    words = "; ".join(f"{point['method']} from {point['n']} rows {_share(point):.0%}" for point in points)
    drawn = [_drawn(method, lines[method], heights[method], dash) for method, dash in
             zip(methods, DASHES, strict=False)]
    return _drawing(HIGH, f"Right of {total} validation rows by rows learned from: {words}.",
                    [*_grid(counts, base), *drawn])


def _share(point: dict) -> float:
    return sum(point["right"]) / len(point["right"])


def _place(i: int, counts: Sequence[int]) -> float:
    return 48 + i * (WIDE - 48 - 200) / max(1, len(counts) - 1)


def _line(points: Sequence[dict], method: str, counts: Sequence[int], base: float) -> list[tuple[float, float]]:
    own = sorted((point for point in points if point["method"] == method), key=lambda point: point["n"])
    return [(_place(counts.index(point["n"]), counts), base - _share(point) * (base - 10)) for point in own]


def _apart(heights: dict[str, float], least: float = 16) -> dict[str, float]:
    """Return the heights of names moved down where two would touch. Example: of 50 and 55, 66 for the second."""
    moved: dict[str, float] = {}
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        moved[name] = max([height, *[other + least for other in moved.values()]])
    return moved


def _drawn(method: str, line: Sequence[tuple[float, float]], height: float, dash: str) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
    return (f'<polyline points="{places}" fill="none" stroke="{GREY}" stroke-width="2" stroke-dasharray="{dash}"/>'
            + "".join(mark(BASELINE, x, y) for x, y in line)
            + f'<text x="{line[-1][0] + 12:.1f}" y="{height + 4:.1f}">{escape(method)}</text>')


def _grid(counts: Sequence[int], base: float) -> list[str]:
    across = [f'<line x1="48" x2="{WIDE - 200}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>'
              f'<text x="40" y="{y + 4:.1f}" text-anchor="end" fill="#444444">{share}%</text>'
              for share in (0, 25, 50, 75, 100) for y in [base - share / 100 * (base - 10)]]
    names = [f'<text x="{_place(i, counts):.1f}" y="{base + 18}" text-anchor="middle" fill="#444444">{n}</text>'
             for i, n in enumerate(counts)]
    middle = (48 + WIDE - 200) / 2
    return [*across, *names, f'<text x="{middle}" y="{base + 38}" text-anchor="middle" fill="#444444">'
                             'rows learned from</text>']
