"""Go up: choose on validation, open the test once for each rung, and keep what was found.

    steps = climb(footing, plan, names, say)

A rung that was begun before goes on where it was: every reply is kept as it arrives, by the provider's store, and all
that is chosen or drawn here is the same the next time. Does not: print a table or say what follows (see advice.py).
"""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from openai import OpenAIError

from helpers.evaluation import Run, evaluate
from helpers.ladder import tuning, wording
from helpers.ladder.findings import Step
from helpers.ladder.plan import Plan
from helpers.ladder.rungs import FINE_TUNE, FORMS, RUNGS, TUNED, Built, Candidate, Footing, Rung, Skip
from helpers.ladder.splits import sample
from helpers.progress import duration
from helpers.provider.budget import OverBudget, UnknownPrice
from helpers.provider.meter import metered
from helpers.tasks import Example

Say = Callable[[str], None]


@dataclass
class Climb:
    """A climb under way. `target` and `named` decide whether the last rung is tried."""

    footing: Footing
    plan: Plan
    names: Sequence[str]
    say: Say = print
    target: float | None = None
    tune_at_will: bool = False      # tuning is free here and was not ruled out: a missed target may start it
    steps: list[Step] = field(default_factory=list)
    best: float = -1.0              # right on validation of the best form so far

    @property
    def test(self) -> list[Example]:
        """The test rows that are asked."""
        return sample(self.footing.task.test, self.plan.test)

    @property
    def validation(self) -> list[Example]:
        """The validation rows that choices are made on."""
        return sample(self.footing.task.validation, self.plan.validation)

    def up(self) -> list[Step]:
        """Go up all rungs and return what became of each."""
        for rung in RUNGS:
            if rung.name in self.names:
                self.steps += self._tried(rung)
        self.steps.append(self._last())
        return self.steps

    def _tried(self, rung: Rung) -> Iterator[Step]:
        """Yield the rung's step, or none for one that belongs to another kind of task."""
        try:
            candidates = self._readable(rung, rung.candidates(self.footing))
            if candidates:
                yield self._done(Step(rung.name, rung.kind), candidates)
        except (Skip, OverBudget, UnknownPrice) as reason:
            if (rung.name, str(reason)) not in [(step.rung, step.skipped) for step in self.steps]:     # once for all
                yield self._skipped(Step(rung.name, rung.kind), str(reason))

    def _readable(self, rung: Rung, candidates: list[Candidate]) -> list[Candidate]:
        kept = [one for one in candidates if one.name not in self.plan.dropped]
        if candidates and not kept:
            raise Skip("its prompts are longer than the model reads")
        return kept

    def _skipped(self, step: Step, reason: str) -> Step:
        step.skipped = reason
        self.say(f"{step.rung}: skipped, {reason}")
        return step

    # ------------------------------------------------------------ one rung

    def _done(self, step: Step, candidates: list[Candidate]) -> Step:
        if step.rung in FORMS or len(candidates) > 1:
            step.choices = [self._on_validation(one) for one in candidates] if self.validation else []
        scores = [run.accuracy for run in step.choices] or [0.0]
        place = scores.index(max(scores))       # the first of two alike: it is the cheaper
        self._stand_on(step.rung, place, max(scores))
        return self._tested(step, candidates[place])

    def _on_validation(self, candidate: Candidate) -> Run:
        return evaluate(_built(candidate)[0].ask, self.validation, name=candidate.name)

    def _stand_on(self, rung: str, place: int, score: float) -> None:
        """Let later rungs use the form that did best on validation so far."""
        if rung in FORMS and score > self.best:
            found = wording.forms(self.footing.task, self.footing.instruction)[rung]
            self.footing.form, self.best = found[place], score

    def _tested(self, step: Step, candidate: Candidate) -> Step:
        built, step.once = _built(candidate)
        step.note, step.chosen = built.note, candidate.name
        name = candidate.name if step.kind != "model" else f"{step.rung}: {candidate.name}"
        step.run = evaluate(built.ask, self.test, name=name)
        self.say(str(step.run))
        return step

    # ------------------------------------------------------------ the last rung

    def _last(self) -> Step:
        """Fine-tune if it was asked for, or if a target was missed and it costs nothing here."""
        step = Step(FINE_TUNE, TUNED)
        rows = sample(self.footing.task.train, tuning.ROWS)
        try:
            self._want_tuning(rows)
            return self._tested(step, Candidate("fine-tuned", partial(tuning.tuned, self.footing, rows, self.say)))
        except (Skip, OverBudget, UnknownPrice) as reason:
            return self._skipped(step, str(reason))

    def _want_tuning(self, rows: Sequence[Example]) -> None:
        if FINE_TUNE in self.names:
            return
        low = max((step.run.interval[0] for step in self.steps if step.run), default=0.0)
        takes = tuning.estimated(self.footing, rows)
        if self.target is None or not self.tune_at_will:
            raise Skip(f"not named in --rungs; the training would take about {duration(takes)} on this machine")
        if low >= self.target:
            raise Skip("a rung below reaches the target")
        if takes > 60 * self.plan.minutes:
            raise Skip(f"the training would take about {duration(takes)}; name it in --rungs to do it anyway")
        self.say(f"fine-tune: no rung below reaches {self.target:.0%}; training takes about {duration(takes)}. Ctrl-C "
                 "stops, and the rest is kept.")


def _built(candidate: Candidate) -> tuple[Built, float]:
    """Build a candidate; return it and the seconds that took, replayed calls as long as they once took."""
    started = time.perf_counter()
    with metered() as calls:
        built = candidate.build()
    built = built if isinstance(built, Built) else Built(built)
    replayed = sum(call.seconds for call in calls if call.replayed)
    spent = time.perf_counter() - started + replayed
    return built, spent if built.seconds is None else built.seconds


def sizes(footing: Footing, names: Sequence[str]) -> dict[str, list[Candidate]]:
    """Return the candidates of the rungs that ask the model, for a plan; a rung that cannot apply has none."""
    found: dict[str, list[Candidate]] = {}
    for rung in RUNGS:
        if rung.kind == "model" and rung.name in names:
            try:
                found[rung.name] = rung.candidates(footing)
            except (Skip, OpenAIError):
                continue
    return found
