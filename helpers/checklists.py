"""When to fine-tune: the checklists of four articles as code, and the course's own table, on the same facts.

    facts = Facts(labels=600, trouble=REASONING, cheaper=Score("3 nearest", 123, 300), target=0.9, ...)
    articles(facts)         a verdict of A, C, D and E, with yes, no or unknown for each of their questions
    decide(facts)           the course's own, with the row of the table that decided

The articles' questions are in our words (claim K29 of the course). A fact that nobody measured or decided is None, and
makes the question that needs it unknown. Does not: measure anything.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from helpers.evaluation import Comparison, Run
from helpers.intervals import paired_bootstrap, wilson

FORM, REASONING, FACTS = "form", "reasoning", "facts"
TUNE, NOT_YET, PROMPT, RETRIEVE, MEASURE = "tune", "not yet", "prompt", "retrieve", "measure first"
DATA, UNPAID, STAY, STOP, BASELINE, LABEL = ("improve the data, or retrieve", "not worth its fixed cost",
                                             "stay with the base model", "stop here", "use the baseline", "label first")
FEWEST_LABELS = 100


# ---------------------------------------------------------------- facts

@dataclass(frozen=True)
class Score:
    """How many rows a way to answer had right. Example: Score("3 nearest", 123, 300).interval -> (0.356, 0.466)"""

    name: str
    right: int
    total: int

    @classmethod
    def of(cls, run: Run) -> Score:
        return cls(run.name, run.right, run.total)

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.right, self.total)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.name}: {self.right} of {self.total} ({low:.0%} to {high:.0%})"


@dataclass(frozen=True)
class Gain:
    """What one way to answer won and lost against another on the same rows."""

    won: int
    lost: int
    total: int

    @classmethod
    def of(cls, steps: Comparison) -> Gain:
        return cls(steps.won, steps.lost, steps.total)

    @property
    def interval(self) -> tuple[float, float]:
        return paired_bootstrap(self.won, self.lost, self.total)

    def __str__(self) -> str:
        low, high = self.interval
        points = 100 * (self.won - self.lost) / self.total
        return f"{points:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"


@dataclass(frozen=True)
class Facts:
    """What is known about a task. None: nobody has measured or decided it."""

    labels: int | None = None           # labelled examples at hand
    trouble: str | None = None          # what is mostly wrong: FORM, REASONING or FACTS
    changing: bool | None = None        # do the right answers change from month to month?
    formulations: int | None = None     # prompts that were tried
    shots: int | None = None            # examples in a prompt, the most that were tried
    retrieval: bool | None = None       # were passages or nearest examples tried?
    cleaned: bool | None = None         # are the data cleaned and checked?
    metric: bool | None = None          # can a program, or a measured judge, tell right from wrong?
    prompt: Score | None = None         # the best prompt alone
    cheaper: Score | None = None        # the best rung below tuning that asks a model
    baseline: Score | None = None       # the best method without a language model
    gain: Gain | None = None            # tuned, against `cheaper`
    over_baseline: Gain | None = None   # tuned, against `baseline`
    must: float = 0.0                   # the gain, as a share of rows, that would pay for the tuning
    target: float | None = None         # the share of right answers that is needed
    requests: int | None = None         # a year
    retraining: bool | None = None      # is somebody to train again when needs change?


def trouble_of(valid: int, right: int, total: int, about_facts: bool = False) -> str:
    """Return what most of the wrong replies are: without the form (FORM), or well formed and wrong.

    Example: trouble_of(valid=288, right=100, total=300) -> "reasoning", as 12 of 200 wrong replies lack the form
    """
    if about_facts:
        return FACTS
    return FORM if 2 * (total - valid) > total - right else REASONING


# ---------------------------------------------------------------- questions and verdicts

@dataclass(frozen=True)
class Check:
    """A question, its answer (None: unknown) and the reason."""

    question: str
    answer: bool | None
    why: str

    @property
    def said(self) -> str:
        return {True: "yes", False: "no", None: "unknown"}[self.answer]

    def __str__(self) -> str:
        return f"{self.said:7} {self.question} ({self.why})"


@dataclass(frozen=True)
class Verdict:
    """What a checklist says, and the answer to each of its questions."""

    who: str
    says: str
    checks: list[Check]

    @property
    def open(self) -> list[Check]:
        """The questions that are not answered yes."""
        return [check for check in self.checks if not check.answer]

    def __str__(self) -> str:
        return "\n".join([f"{self.who}: {self.says}", *[f"  {check}" for check in self.checks]])


def at_least(question: str, value: int | None, least: int, what: str) -> Check:
    """Return whether a count is large enough. Example: at_least("...?", 60, 100, "labels").said -> "no" """
    if value is None:
        return Check(question, None, f"nobody counted the {what}")
    return Check(question, value >= least, f"{value:,} {what}, and it asks for {least:,}")


def stated(question: str, value: bool | None, what: str) -> Check:
    """Return whether something was done or decided. Example: stated("...?", None, "retraining").said -> "unknown" """
    return Check(question, value, f"{what}: {'nobody said' if value is None else 'so' if value else 'not so'}")


def both(question: str, *parts: Check) -> Check:
    """Return one answer to several questions: no if one is no, else unknown if one is."""
    answers = [part.answer for part in parts]
    answer = False if False in answers else None if None in answers else True
    return Check(question, answer, "; ".join(part.why for part in parts))


def gap(question: str, facts: Facts) -> Check:
    """Return whether the best cheaper rung clearly misses the target. Without a target nobody can know.

    Example: gap("...?", Facts(cheaper=Score("3 nearest", 123, 300), target=0.9)).said -> "yes"
    """
    if facts.cheaper is None:
        return Check(question, None, "no cheaper rung was measured")
    if facts.target is None:
        return Check(question, None, f"{facts.cheaper}, and no target to miss")
    low, high = facts.cheaper.interval
    answer = True if high < facts.target else False if low >= facts.target else None
    return Check(question, answer, f"{facts.cheaper}, target {facts.target:.0%}")


def behaviour(question: str, facts: Facts) -> Check:
    """Return whether something other than facts is to be learned."""
    if facts.trouble is None:
        return Check(question, None, "nobody looked at what is wrong")
    return Check(question, facts.trouble != FACTS, f"what is wrong is mostly {facts.trouble}")


def improved(question: str, facts: Facts) -> Check:
    """Return whether tuning was shown to be better than the best cheaper rung, on the same rows."""
    if facts.gain is None:
        return Check(question, None, "nothing was tuned and compared")
    return Check(question, facts.gain.interval[0] > 0, str(facts.gain))


# ---------------------------------------------------------------- the articles

def article_a(facts: Facts) -> Verdict:
    """A, three questions: all must be clear, or it is evaluation and prompting first.

    Example: article_a(Facts(labels=60)).says -> "prompt"
    """
    form = None if facts.trouble is None else facts.trouble == FORM
    prompt = facts.prompt
    checks = [at_least("500 good examples at hand?", facts.labels, 500, "labels"),
              Check("is form the trouble, not reasoning?", form, f"mostly {facts.trouble}" if facts.trouble else
                    "nobody looked at what is wrong"),
              Check("a strong prompt measured?", prompt is not None, str(prompt) if prompt else "no score")]
    return Verdict("A", TUNE if all(check.answer for check in checks) else PROMPT, checks)


def article_c(facts: Facts) -> Verdict:
    """C, five checks: one no, and it is not yet. Example: article_c(Facts(labels=60)).says -> "not yet" """
    checks = [both("few-shot tried, and short of the need?", at_least("", facts.shots, 3, "shots"), gap("", facts)),
              at_least("100 good examples, better 500?", facts.labels, FEWEST_LABELS, "labels"),
              behaviour("behaviour or style, not facts?", facts),
              stated("a clear metric?", facts.metric, "a metric"),
              stated("retraining planned?", facts.retraining, "a plan for training again")]
    return Verdict("C", all_or(checks, NOT_YET), checks)


def article_d(facts: Facts) -> Verdict:
    """D, five questions in order: the first no decides. For *thoroughly* and *plentiful* it gives no numbers; five
    prompts and three shots, and a hundred labels, are our reading.

    Example: article_d(Facts(formulations=1, shots=0)).says -> "prompt"
    """
    steps = [(both("prompting tried thoroughly?", at_least("", facts.formulations, 5, "prompts"),
                   at_least("", facts.shots, 3, "shots")), PROMPT),
             (both("data good and plentiful?", at_least("", facts.labels, FEWEST_LABELS, "labels"),
                   stated("", facts.cleaned, "cleaned data")), DATA),
             (at_least("more than 100,000 requests ahead?", facts.requests, 100_001, "requests a year"), UNPAID),
             (improved("does tuning improve the metric significantly?", facts), STAY),
             (behaviour("behaviour, not knowledge?", facts), RETRIEVE)]
    return Verdict("D", first_no(steps), [check for check, _ in steps])


def article_e(facts: Facts) -> Verdict:
    """E, five checks: one no, and it is not yet. Example: article_e(Facts(retrieval=False)).says -> "not yet" """
    checks = [at_least("five prompts tried?", facts.formulations, 5, "prompts"),
              at_least("relevant examples added?", facts.shots, 1, "shots"),
              stated("retrieval added?", facts.retrieval, "retrieval"),
              stated("input cleaned and validated?", facts.cleaned, "cleaned data"),
              gap("is the gap that is left significant?", facts)]
    return Verdict("E", all_or(checks, NOT_YET), checks)


ARTICLES = (article_a, article_c, article_d, article_e)


def articles(facts: Facts) -> list[Verdict]:
    """Return what the four checklists say of the same facts."""
    return [article(facts) for article in ARTICLES]


def all_or(checks: Sequence[Check], otherwise: str) -> str:
    """Return TUNE if every answer is yes, `otherwise` if one is no, else that something must be measured."""
    answers = [check.answer for check in checks]
    return otherwise if False in answers else MEASURE if None in answers else TUNE


def first_no(steps: Sequence[tuple[Check, str]]) -> str:
    """Return what the first question that is not answered yes leads to."""
    for check, says in steps:
        if not check.answer:
            return says if check.answer is False else MEASURE
    return TUNE


# ---------------------------------------------------------------- the course's own

def decide(facts: Facts) -> Verdict:
    """Return the course's own verdict: the first row of its table that applies, or cannot be told, decides.

    Example: decide(Facts(target=0.6, cheaper=Score("3 nearest", 123, 300),
                          baseline=Score("regression", 212, 300))).says -> "stop here"
    """
    seen = []
    for row, says in TABLE:
        seen.append(row(facts))
        if seen[-1].answer is not False:
            return Verdict("ours", says if seen[-1].answer else MEASURE, seen)
    return Verdict("ours", NOT_YET, seen)


def reached(facts: Facts) -> Check:
    """Row 1: a rung below tuning reaches the target, even by the lower end of its interval."""
    question, scores = "does a cheaper rung reach the target?", [facts.baseline, facts.cheaper]
    if facts.target is None or None in scores:
        missing = "a target" if facts.target is None else "a baseline and a prompt, scored"
        return Check(question, None, f"it needs {missing}")
    found = next((one for one in scores if one.interval[0] >= facts.target), None)
    best = found or max(scores, key=lambda one: one.right / one.total)
    return Check(question, found is not None, f"{best}, target {facts.target:.0%}")


def no_model_needed(facts: Facts) -> Check:
    """Row 2: a method without a language model does as well as the best that has one, the tuned one if there is one."""
    question = "does a baseline without a language model do as well?"
    if facts.over_baseline is not None:
        return Check(question, facts.over_baseline.interval[0] <= 0, f"tuned against it: {facts.over_baseline}")
    base, model = facts.baseline, facts.cheaper
    return Check(question, base.right / base.total >= model.right / model.total, f"{base}; {model}")


def changes(facts: Facts) -> Check:
    """Row 3: what is missing are facts, or the right answers change: look them up."""
    if facts.trouble is None or facts.changing is None:
        return Check("facts, or answers that change?", None, "it needs to know what is wrong, and whether it changes")
    return Check("facts, or answers that change?", facts.trouble == FACTS or facts.changing,
                 f"mostly {facts.trouble}, {'changing' if facts.changing else 'lasting'}")


def too_few(facts: Facts) -> Check:
    """Row 4: fewer labels than training was seen to need."""
    if facts.labels is None:
        return Check("too few labels?", None, "nobody counted the labels")
    return Check("too few labels?", facts.labels < FEWEST_LABELS, f"{facts.labels:,} labels; on the course's tickets "
                 f"fewer than {FEWEST_LABELS} did no better than prompts")


def pays(facts: Facts) -> Check:
    """Row 5: the paired gain of tuning clears what it must, by the lower end of its interval."""
    question = "does the gain clear what it must?"
    if facts.gain is None:
        return Check(question, None, "tune once, on the labels there are, and compare on the same rows")
    low, high = facts.gain.interval
    answer = True if low > facts.must else False if high <= facts.must else None
    return Check(question, answer, f"{facts.gain}, and it must pass {100 * facts.must:.0f}")


Row = Callable[[Facts], Check]
TABLE: tuple[tuple[Row, str], ...] = ((reached, STOP), (no_model_needed, BASELINE), (changes, RETRIEVE),
                                      (too_few, LABEL), (pays, TUNE))


# ---------------------------------------------------------------- side by side

def side_by_side(cases: dict[str, Facts]) -> pd.DataFrame:
    """Return what each checklist, and the course's table, says of each case: a row each case."""
    return pd.DataFrame({name: {one.who: one.says for one in [*articles(facts), decide(facts)]}
                         for name, facts in cases.items()}).T


def varied(facts: Facts, **changes_of: Sequence) -> dict[str, Facts]:
    """Return the facts with one of them changed at a time, named by it.

    Example: varied(facts, target=[None, 0.6]) -> {"target None": ..., "target 0.6": ...}
    """
    return {f"{name} {value}": replace(facts, **{name: value}) for name, values in changes_of.items()
            for value in values}
