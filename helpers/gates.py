"""What a change of a prompt must pass before it is merged: two runs on the same rows, and a list of checks.

    found = gate(before, after, task.validation)
    print(found)
    assert found.passed

A check says pass, fail, or open: too few rows to know. Does not: run anything; in a pull request the runs are replayed
from recordings wherever the change did not touch the request.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from helpers.evaluation import Comparison, Run, compare
from helpers.intervals import mcnemar
from helpers.significance import holm, paired_rows
from helpers.tasks import Example

PASS, FAIL, OPEN = "pass", "fail", "open"


@dataclass(frozen=True)
class Check:
    """One question put to a change, and what the rows say."""

    name: str
    verdict: str        # pass, fail or open
    why: str


@dataclass(frozen=True)
class Gate:
    """All checks of one change."""

    checks: list[Check]

    @property
    def passed(self) -> bool:
        """Nothing failed. What is open was not shown to be harmless: see `proven`."""
        return not any(check.verdict == FAIL for check in self.checks)

    @property
    def proven(self) -> bool:
        """Every check passed, none is open."""
        return all(check.verdict == PASS for check in self.checks)

    def __repr__(self) -> str:
        return "\n".join(f"{check.verdict:5} {check.name:13} {check.why}" for check in self.checks)


def gate(before: Run, after: Run, examples: Sequence[Example], *, margin: float = 0.02, tag: str = "slices",
         must: Sequence[str] = (), growth: float = 1.2) -> Gate:
    """Check a change: same rows, no failed call, form, score, slices, rows that must stay right, tokens.

    `margin` is the loss that would not matter, `must` the ids of rows that were once repaired, `growth` by how much the
    tokens of a call may grow. Raises ValueError when the runs are not of these examples, or the margin is none.
    Example: gate(before, after, task.validation, must=["v017"]).passed -> False
    """
    if margin <= 0:
        raise ValueError(f"A margin of {margin:g}: no number of rows can show that nothing at all is lost. Say what "
                         "loss would not matter, as in 0.02.")
    ids = [one.id for one in examples]
    for run in (before, after):
        if list(run.rows.id) != ids:
            raise ValueError(f"{run.name!r} was not run on these {len(ids)} examples in this order: a change is "
                             "compared row by row.")
    return Gate([_calls(after), _form(before, after), score(compare(before, after), margin),
                 _slices(before, after, examples, tag), _must(after, must), _tokens(before, after, growth)])


def _calls(after: Run) -> Check:
    errors = after.rows.error[after.rows.error != ""]
    return Check("calls", FAIL, f"{len(errors)} failed; the first: {errors.iloc[0]}") if len(errors) else \
        Check("calls", PASS, f"all {after.total} answered")


def _form(before: Run, after: Run) -> Check:
    was, now = before.rows.valid.to_numpy(dtype=bool), after.rows.valid.to_numpy(dtype=bool)
    won, lost = int((now & ~was).sum()), int((was & ~now).sum())
    worse = lost > won and mcnemar(won, lost) < 0.05
    return Check("valid form", FAIL if worse else PASS, f"{was.mean():.0%} → {now.mean():.0%}, {lost} replies lost it")


def score(steps: Comparison, margin: float) -> Check:
    """Fail a loss that chance does not explain, pass what rules out a loss of `margin`, call the rest open."""
    low, high = steps.interval
    why = (f"{100 * steps.difference:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}), "
           f"{steps.won} won, {steps.lost} lost")
    if steps.lost > steps.won and steps.p < 0.05:
        return Check("score", FAIL, why)
    if low >= -margin:
        return Check("score", PASS, why)
    changed = max((steps.won + steps.lost) / steps.total, margin)
    return Check("score", OPEN, f"{why}; a loss of {100 * margin:g} points would take "
                                f"{paired_rows(margin, changed):,} rows to see")


def _slices(before: Run, after: Run, examples: Sequence[Example], tag: str) -> Check:
    steps = by_slice(before, after, examples, tag)
    adjusted = holm([one.p for one in steps.values()])
    worse = [f"{name}: {one.lost} lost, {one.won} won of {one.total}" for (name, one), p in
             zip(steps.items(), adjusted, strict=True) if one.lost > one.won and p < 0.05]
    return Check("slices", FAIL if worse else PASS, "; ".join(worse) or f"none of {len(steps)} clearly worse")


def _must(after: Run, must: Sequence[str]) -> Check:
    right = dict(zip(after.rows.id, after.rows.right, strict=True))
    lost = [one for one in must if not right.get(one, False)]
    return Check("must be right", FAIL, f"{', '.join(lost)} wrong") if lost else \
        Check("must be right", PASS, f"{len(must)} rows are")


def _tokens(before: Run, after: Run, growth: float) -> Check:
    was, now = (float((run.rows.prompt_tokens + run.rows.completion_tokens).mean()) for run in (before, after))
    return Check("tokens", FAIL if now > growth * was else PASS, f"{was:,.0f} → {now:,.0f} a call")


def by_slice(before: Run, after: Run, examples: Sequence[Example], tag: str = "slices") -> dict[str, Comparison]:
    """Compare two runs on each part of the examples that a tag names.

    Example: by_slice(a, b, task.test, "channel")["email"].won
    """
    parts: dict[str, set[str]] = {}
    for one in examples:
        value = one.tags.get(tag, [])
        for part in value if isinstance(value, list) else [value]:
            parts.setdefault(part, set()).add(one.id)
    return {part: compare(_only(before, ids), _only(after, ids)) for part, ids in sorted(parts.items())}


def _only(run: Run, ids: set[str]) -> Run:
    return replace(run, rows=run.rows[run.rows.id.isin(ids)])
