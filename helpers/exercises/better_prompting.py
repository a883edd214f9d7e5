"""The exercises of notebook 01: name the labels, read comparisons, find what is confused, write a better prompt."""
from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from helpers.evaluation import Run, compare, evaluate
from helpers.exercises.exercise import NotYet, exercise, must
from helpers.tasks import Example, LabelTask, load_task

TRIED = 20          # tickets on which a prompt is tried at once: a few seconds on two cores
VALID = 15          # of these must be labels; the bare question gets none


@exercise("01.1", hints=[
    "A model cannot choose from a list that it was not shown. Which words may it answer with?",
    "`task.fields['category']` holds the labels; `', '.join(...)` writes them in a row.",
    "Say what to answer with, and say \"and nothing else\"."])
def a_prompt_that_lists(prompt: str, ask: Callable[[list[dict]], str]) -> str:
    """Mark a system prompt: it names every label, and what comes back is a label and nothing else."""
    must(isinstance(prompt, str), f"a prompt is a text, and this is a {type(prompt).__name__}.")
    task = load_task("tickets")
    missing = [label for label in task.fields["category"] if label not in prompt]
    must(not missing, f"the model cannot guess the labels. Your prompt does not name {', '.join(missing)}.")
    run = evaluate(_asking(prompt, ask), task.validation[:TRIED], name="01.1")
    valid = int(run.rows.valid.sum())
    odd = next(iter(run.rows.reply[~run.rows.valid]), "")
    must(valid >= VALID, f"{valid} of {TRIED} replies are a label and nothing else, {VALID} are asked for. "
                         f"One that is not: {odd[:60]!r}. Say in which form you want the answer.")
    return f"{valid} of {TRIED} replies are a label. {run.right} of them are right, which is another matter."


def _asking(prompt: str, ask: Callable[[list[dict]], str]) -> Callable[[Example], str]:
    return lambda example: ask([{"role": "system", "content": prompt}, {"role": "user", "content": example.input}])


VERDICTS = ("better", "worse", "cannot tell")


@exercise("01.2", hints=[
    "Overlapping intervals do not settle it: both wordings answered the same tickets.",
    "`compare(a, b).interval` is the interval of the difference b - a. What does it mean that it holds 0?",
    "Above 0 throughout: better. Below 0 throughout: worse. Else the tickets are too few to tell."])
def a_verdict_on_each_step(verdicts: dict[str, str], steps: dict[str, object]) -> str:
    """Mark what is said of each step, looked at alone: better, worse or cannot tell, as its interval has it."""
    must(isinstance(verdicts, dict), "give a dict: the step's name -> 'better', 'worse' or 'cannot tell'.")
    must(set(verdicts) == set(steps), f"say something on each step, and on no other: {', '.join(steps)}.")
    for name, step in steps.items():
        said, seen = verdicts[name], _verdict(step.interval)
        must(said in VERDICTS, f"{said!r} is no verdict. Choose one of {', '.join(VERDICTS)}.")
        low, high = (100 * end for end in step.interval)
        must(said == seen, f"{name!r} is said to be {said!r}, and the difference lies between {low:+.1f} and "
                           f"{high:+.1f} points: {_meaning(seen)}.")
    sure = sum(said != "cannot tell" for said in verdicts.values())
    return f"of {len(steps)} steps, {sure} can be told from chance with this many tickets, each looked at alone."


def _verdict(interval: tuple[float, float]) -> str:
    low, high = interval
    return "better" if low > 0 else "worse" if high < 0 else "cannot tell"


def _meaning(verdict: str) -> str:
    return {"better": "all of that is above 0", "worse": "all of that is below 0",
            "cannot tell": "0 lies in it, so it may be nothing"}[verdict]


@exercise("01.3", hints=[
    "`run.rows` has the columns `expected`, `reply` and `right`; leave out the rows that are right.",
    "What was expected is `row.expected['category']`; a reply may be JSON, or have a full stop: "
    "`task.read(reply)['category']` is the label in it.",
    "`collections.Counter` of pairs, then `.most_common(1)`."])
def the_commonest_confusion(found: Callable[[Run], tuple[str, str]], runs: list[Run]) -> str:
    """Mark a function that returns (right label, what was said) of the commonest wrong and valid answer."""
    must(callable(found), "give the function itself, without calling it: check(\"01.3\", commonest_mistake, ...).")
    task = load_task("tickets")
    for run in runs:
        answer, counts = found(run), _confusions(run, task)
        must(isinstance(answer, tuple) and len(answer) == 2,
             f"on {run.name!r} it returned {answer!r}. Let it return a pair: (right label, what was said).")
        label = _said(answer[1], task)
        must(label in (None, answer[1]), f"on {run.name!r} it returned {answer!r}: that is a reply as it came. Return "
                                         f"the label in it, {label!r}; `task.read(reply)['category']` finds it.")
        must(answer[0] != answer[1], f"on {run.name!r} it returned {answer!r}: that is right. Count the wrong answers.")
        must(answer in counts or answer[::-1] not in counts,
             f"{answer!r} is the wrong way round, it seems: the right label comes first.")
        must(counts.get(answer, 0) == counts.max(), f"on {run.name!r} it returned {answer!r}, which happened "
             f"{counts.get(answer, 0)} times; another pair happened {counts.max()} times.")
    return f"{len(runs)} runs, and the commonest mistake found in each."


def _confusions(run: Run, task: LabelTask) -> pd.Series:
    """Return how often each pair (right label, label said) happened among a run's wrong and valid answers."""
    wrong = run.rows[~run.rows.right & run.rows.valid]
    return pd.Series([(right["category"], _said(reply, task))
                      for right, reply in zip(wrong.expected, wrong.reply, strict=True)]).value_counts()


def _said(reply: object, task: LabelTask) -> str | None:
    """Return the label in a reply, read as the score reads it: plain or in JSON; None if there is none."""
    return task.read(reply).get(task.headline) if isinstance(reply, str | dict) else None


@exercise("01.4", hints=[
    "What brought most in this notebook was saying what each label means. In whose words?",
    "Read ten wrong answers first (`run.rows`), then mend the description of one label, and try again.",
    "A self-check and thinking aloud cost points here, and rules brought none. Keep it short."])
def a_wording_of_your_own(answer: Callable[[Example], str], format_only: Run, known: dict[str, Run]) -> str:
    """Mark a formulation on validation: it beats the bare list of labels, paired, and is none of the twelve."""
    must(callable(answer), "give a formulation: something that takes an example and returns the reply.")
    task = load_task("tickets")
    run = evaluate(answer, task.validation, name="your own")
    must(not run.failed, f"{run.failed} of {run.total} tickets got no answer; one says {max(run.rows.error):.90}.")
    silent = int((run.rows.completion_tokens == 0).sum())
    must(not silent, f"on {silent} of {run.total} tickets no model wrote anything. A regression wins here, as you have "
                     "read; the question is what the model makes of your words.")
    same = [name for name, other in known.items() if other.rows.prompt_tokens.equals(run.rows.prompt_tokens)
            and other.rows.reply.equals(run.rows.reply)]
    must(not same, f"that is {same[0]!r} again, word for word as it seems. Write one of your own." if same else "")
    step = compare(format_only, run)
    low, high = (100 * end for end in step.interval)
    scored = f"{run.right} of {run.total} right, {100 * step.difference:+.1f} points"
    if low <= 0:
        raise NotYet(f"{scored} from the list of labels ({low:+.1f} to {high:+.1f}): that does not lie above 0. "
                     "Change one thing and look again.")
    return (f"{scored} over the list of labels ({low:+.1f} to {high:+.1f}). Chosen on these tickets, this score "
            "flatters it.")
