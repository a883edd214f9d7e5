"""The exercises of notebook 04: mend a file, mask a loss, split without a leak, read curves, compare like with like.

BROKEN is the file to mend, LETTERS the rows to split; nothing here trains a model.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from math import sqrt
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pandas as pd
from scipy.stats import norm

from helpers import baselines, experiments, validate
from helpers.evaluation import Run, compare, evaluate
from helpers.exercises.exercise import NotYet, exercise, must
from helpers.experiments.tickets import subset
from helpers.tasks import load_task

# ---------------------------------------------------------------- a file

RIGHT = {"Parcel 4411 was left in the rain.": "delivery", "The lamp arrived without its shade.": "faulty",
         "May I swap the blue cushion for a green one?": "returns",
         "Please cancel the order of this morning.": "returns",
         "Does the Rowan desk fit a 60 cm niche?": "product", "I was charged twice for one rug.": "billing",
         "My gift card shows no balance.": "billing", "Kettle leaks from the base since yesterday.": "faulty",
         "Log-in says my account is locked.": "account", "Are you hiring for the warehouse?": "other",
         "The courier rang at the wrong house.": "delivery", "Which oil for the oak table?": "product"}
THANKS = "Thanks!"      # what a customer says after an answer: nothing to sort


def _line(text: str, answer: str, role: str = "assistant") -> str:
    return json.dumps({"messages": [{"role": "user", "content": text}, {"role": role, "content": answer}]})


def _broken() -> str:
    """Return RIGHT as lines of a file, six of them with a fault of their own."""
    lines = [_line(text, label) for text, label in RIGHT.items()]
    texts = list(RIGHT)
    lines[1] = _line(texts[1], "faulty", role="bot")
    lines[2] = lines[2].replace('}]}', '}],}')
    lines[4] = json.dumps({"prompt": texts[4], "completion": "product"})
    lines[6] = lines[6].replace(']}', f', {{"role": "user", "content": "{THANKS}"}}]}}')
    lines[7] = lines[7].replace('"content": "faulty"', '"content": null')
    lines.append(_line(texts[3], "delivery"))
    return "\n".join(lines)


BROKEN = _broken()


@exercise("04.1", hints=[
    "Write BROKEN into a file and print `finetuning.check(path)`: it names the line, the kind and what to do.",
    "Mend a line, do not delete it: what the customer asked and what was answered are both still there to be read. A "
    "'Thanks!' asks nothing; an example ends with its answer.",
    "Line 8 has no answer: read the message. And of the two lines that contradict each other, which is right by the "
    "label guide of notebook 01? Cancelling an order is returns."])
def a_file_without_errors(mended: str) -> str:
    """Mark a mended file: no error, no warning, every ticket still there and nothing else, every answer right."""
    must(isinstance(mended, str), f"give the file as one text, a line each example; this is a {type(mended).__name__}.")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mended.jsonl"
        path.write_text(mended, encoding="utf-8")
        report = validate.check(path)
    first = next(iter([*report.errors, *report.warnings]), None)
    left = sum(report.found.values())
    must(first is None, f"{left} finding{'s' if left > 1 else ''} left, the first: {first}")
    rows = [json.loads(line) for line in mended.splitlines() if line.strip()]
    must(not any(message["content"] == THANKS for row in rows for message in row["messages"]),
         f"{THANKS!r} is still there and answered. It asks nothing: take it out, so that its example ends with the "
         "answer before it.")
    answers = dict(map(_asked_and_answered, rows))
    gone = next((text for text in RIGHT if text not in answers), None)
    must(gone is None, f"the ticket {gone!r} is gone. Mend its line instead of deleting it.")
    wrong = next((text for text, label in RIGHT.items() if answers[text] != label), None)
    must(wrong is None, f"{wrong!r} is answered {answers.get(wrong)!r}. Look at the line as it was, and what it asks.")
    return f"{len(answers)} examples, no errors, no warnings, and every ticket is still there."


def _asked_and_answered(row: dict) -> tuple[str, str]:
    *_, asked, answered = row["messages"]
    return asked["content"], answered["content"]


# ---------------------------------------------------------------- a mask

def _turn(role: str, words: str) -> list[str]:
    return ["<|im_start|>", role, "\n", *words.split(), "<|im_end|>", "\n"]


def _conversation(*turns: tuple[str, str], filled: int = 0) -> tuple[list[str], list[bool]]:
    """Return a conversation's tokens and which of them are learned: each answer, and the sign that ends it."""
    tokens, learned = [], []
    for role, words in turns:
        turn, count = _turn(role, words), len(words.split())
        tokens += turn
        learned += [False] * 3 + [role == "assistant"] * (count + 1) + [False]
    return tokens + ["<pad>"] * filled, learned + [False] * filled


SORT = ("system", "Sort the message.")
MASKED = {
    "one question": _conversation(SORT, ("user", "Where is it ?"), ("assistant", "delivery")),
    "an answer of three words": _conversation(("user", "Hi"), ("assistant", "I do not")),
    "a customer who writes 'assistant'": _conversation(SORT, ("user", "your assistant was rude"),
                                                       ("assistant", "other")),
    "two questions": _conversation(SORT, ("user", "Late."), ("assistant", "delivery"), ("user", "And broken."),
                                   ("assistant", "faulty")),
    "one that was filled up": _conversation(SORT, ("user", "Hi"), ("assistant", "other"), filled=4)}


@exercise("04.2", hints=[
    "Walk through the tokens and remember whose turn it is. A turn begins with `<|im_start|>`, a role and a line end.",
    "Learned is what comes after the line end of an assistant's turn, up to `<|im_end|>`, that sign included.",
    "The sign is learned so that the model knows when to stop; the line end after it and the filling are not."])
def a_mask_by_hand(learned: Callable[[list[str]], Sequence[bool]]) -> str:
    """Mark a function that says of each token whether it is learned, on five conversations."""
    must(callable(learned), "give the function itself, without calling it.")
    for name, (tokens, right) in MASKED.items():
        said = learned(list(tokens))
        must(said is not None and len(said) == len(tokens),
             f"on {name} it returned {_length(said)}. Return True or False for each of the {len(tokens)} tokens.")
        said = [bool(one) for one in said]
        if said != right:
            raise NotYet(f"on {name}: {_misled(tokens, said, right)}")
    return f"{len(MASKED)} conversations, and only the answers with their ends are learned."


def _length(said: object) -> str:
    return "nothing" if said is None else f"{len(said)} values"


def _misled(tokens: list[str], said: list[bool], right: list[bool]) -> str:
    """Say of the first token that is masked wrongly what follows from that."""
    place = next(i for i, (one, other) in enumerate(zip(said, right, strict=True)) if one != other)
    token = tokens[place]
    if right[place]:
        why = ("the model would never learn to stop" if token == "<|im_end|>" else "it belongs to an answer")
        return f"token {place}, {token!r}, is not learned, and {why}."
    why = {"<pad>": "it only fills the row up", "<|im_end|>": "it ends somebody else's turn",
           "\n": "nobody has to say it", "<|im_start|>": "the engine writes it, not the model"}.get(
               token, "it was given, and need not be said")
    return f"token {place}, {token!r}, is learned, but {why}."


# ---------------------------------------------------------------- a split

def letters(seed: int = 0, customers: int = 40) -> list[dict]:
    """Return rows of `customer` and `text`: some customers write often, and some texts come from several customers."""
    random = Random(seed)
    rows = [{"customer": f"c{n:02}", "text": f"Order {n}-{k} is late."} for n in range(customers)
            for k in range(random.choice([1, 1, 2, 3]))]
    for n in range(0, customers - 1, 5):        # two neighbours send the same words, one of them in capitals
        shared = f"The lift in house {n} is out of order."
        rows += [{"customer": f"c{n:02}", "text": shared}, {"customer": f"c{n + 1:02}", "text": f"  {shared.upper()}"}]
    random.shuffle(rows)
    return rows


LETTERS = letters()
SHARE = (0.15, 0.25)


@exercise("04.3", hints=[
    "First think, then code: which rows must stay together? The same customer's, and those that say the same.",
    "Two such rules can chain: A writes like B, and B is C's customer too. Then A, B and C are one group.",
    "Give each row a group of its own; then, as long as anything changes, give rows that belong together the smaller.",
    "`finetuning.split_by_group(rows, group, 0.2)` does the rest, once you have the groups."])
def a_split_without_a_leak(split: Callable[[list[dict]], tuple[list[dict], list[dict]]]) -> str:
    """Mark a split into rows to train on and rows to watch: none lost, about a fifth aside, nothing on both sides."""
    must(callable(split), "give the function itself, without calling it.")
    for seed in range(4):
        rows = letters(seed)
        sides = split([dict(row) for row in rows])
        must(isinstance(sides, tuple | list) and len(sides) == 2, "let it return two lists: (to train on, to watch).")
        kept, aside = (list(side) for side in sides)
        _all_there(rows, kept + aside)
        low, high = SHARE
        share = len(aside) / len(rows)
        must(low <= share <= high, f"{len(aside)} of {len(rows)} rows are to watch, {share:.0%}. "
                                   f"Take {low:.0%} to {high:.0%}.")
        _nothing_shared(kept, aside)
    return "no customer and no text stands on both sides, and every row has its place."


def _all_there(rows: list[dict], placed: list[dict]) -> None:
    before, after = (sorted((row["customer"], row["text"]) for row in some) for some in (rows, placed))
    must(len(after) >= len(before), f"{len(before) - len(after)} of {len(before)} rows are on neither side. Labels are "
                                    "dear: leave none out, move the whole group instead.")
    must(before == after, "the rows that came back are not those that went in, each once. Leave them as they are.")


def _said(row: dict) -> str:
    return " ".join(row["text"].lower().split())


def _nothing_shared(kept: list[dict], aside: list[dict]) -> None:
    customers = {row["customer"] for row in kept} & {row["customer"] for row in aside}
    must(not customers, f"customer {min(customers, default='')} is on both sides: what is watched was half learned.")
    texts = {_said(row) for row in kept} & {_said(row) for row in aside}
    must(not texts, f"{min(texts, default='')!r} is on both sides, written by two customers, perhaps in capitals.")


# ---------------------------------------------------------------- curves

def _losses(training: Sequence[float], validation: dict[int, float]) -> pd.DataFrame:
    steps = range(1, len(training) + 1)
    rows = {"step": steps, "training": training, "validation": [validation.get(n) for n in steps]}
    return pd.DataFrame(rows).astype({"validation": float})


FALLING = [2.0, 1.6, 1.3, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05]
CURVES = {
    "one that falls to the end": (_losses(FALLING, {3: 1.5, 6: 1.1, 9: 0.9, 12: 0.8}), None),
    "one that turns": (_losses(FALLING, {3: 1.5, 6: 1.1, 9: 1.3, 12: 1.9}), 6),
    "one with a bump": (_losses(FALLING, {3: 1.5, 6: 1.6, 9: 1.0, 12: 0.9}), None),
    "one that only gets worse": (_losses(FALLING, {3: 1.0, 6: 1.2, 9: 1.6, 12: 2.0}), 3)}


@exercise("04.4", hints=[
    "What is learned falls always; it tells nothing about other tickets. Which column does?",
    "Most steps have no validation loss: `losses.dropna(subset='validation')`.",
    "From the lowest validation loss on it only gets worse. If that is the last one, there is nothing to say: None.",
    "The widest gap: `(spread.own - spread.test).idxmax()`. Compare it with what you expected before you looked."])
def where_a_curve_turns(turns: Callable[[pd.DataFrame], int | None], widest: int, spread: pd.DataFrame) -> str:
    """Mark a function that says after which step a training overfits, and the number of labels with the widest gap."""
    must(callable(turns), "give the function itself, without calling it.")
    for name, (losses, right) in CURVES.items():
        said = turns(losses.copy())
        must(said == right, f"on {name} it says {said}. {_turned(losses, said, right)}")
    gaps = (spread.own - spread.test).round(1)
    must(widest in gaps.index, f"{widest!r} is none of the numbers of labels: {', '.join(map(str, gaps.index))}.")
    must(widest == gaps.idxmax(), f"with {widest} labels its own tickets are {gaps[widest]:.1f} points ahead of the "
                                  "others; somewhere the gap is wider.")
    rises = ", and it rises all the way" if (spread.test.diff().dropna() > 0).all() else ""
    return (f"the gap is widest with {widest} labels, {gaps[widest]:.1f} points, and {gaps.iloc[-1]:.1f} with "
            f"{gaps.index[-1]}. It never closes: the test is what counts{rises}.")


def _turned(losses: pd.DataFrame, said: object, right: int | None) -> str:
    seen = losses.dropna(subset="validation")
    shown = ", ".join(f"{one.validation:g} at step {one.step}" for one in seen.itertuples())
    if right is None:
        return f"Its validation loss is {shown}: the last is the lowest, so nothing has turned. Say None."
    if said is None:
        return f"Its validation loss is {shown}. While the training loss falls, it has turned."
    return f"Its validation loss is {shown}. After which step does it only get worse?"


# ---------------------------------------------------------------- a comparison

COUNTS = (25, 100, 600)
VERDICTS = ("tuned", "regression", "cannot tell")
DIFFERENCE, POWER, NEAR = 0.05, 0.80, 0.10      # points to see, how often, and how near a count of rows must come


@exercise("04.5", hints=[
    "Same labels, same test: `subset(task, n, 0)` is the draw that the kept training with seed 0 has learned.",
    "`experiments.run_of('learning_curve', 'test', n=n, seed=0)` is the tuned run; `evaluate(...)` makes the other.",
    "A verdict comes from the interval of `compare(a, b)`. Above 0: b is better; below: a; else: cannot tell.",
    "`compare(...).detectable` is what 300 rows could have shown. With how many does `helpers.intervals.detectable(d, "
    "rows)` come down to 0.05, where d is the share of rows on which the two differ?"])
def a_fair_comparison(pair: Callable[[int], tuple[Run, Run]], verdicts: dict[int, str], rows: int) -> str:
    """Mark a comparison of regression and tuned model, fed the same labels: runs, verdicts, rows needed."""
    must(callable(pair), "give the function itself, without calling it: it takes n and returns (regression, tuned).")
    steps = {n: compare(*_fair(pair, n)) for n in COUNTS}
    must(isinstance(verdicts, dict) and set(verdicts) == set(COUNTS),
         f"give a dict with a verdict for each of {', '.join(map(str, COUNTS))} labels.")
    for n, step in steps.items():
        must(verdicts[n] in VERDICTS, f"{verdicts[n]!r} is no verdict: write one of {', '.join(VERDICTS)}.")
        low, high = (100 * end for end in step.interval)
        must(verdicts[n] == _verdict(low, high), f"with {n} labels the tuned model is {low:+.1f} to {high:+.1f} points "
                                                 f"ahead: that does not say {verdicts[n]!r}.")
    last = steps[COUNTS[-1]]
    needed = rows_needed((last.won + last.lost) / last.total)
    must(isinstance(rows, int | float) and rows > 0, "say how many test rows it would take, as a number.")
    must(abs(rows / needed - 1) <= NEAR, f"{rows:,.0f} rows: {_off(rows, needed, last)}")
    return (f"with {COUNTS[-1]} labels the two differ on {last.won + last.lost} of {last.total} rows; to see five "
            f"points it takes about {needed:,.0f}.")


def _verdict(low: float, high: float) -> str:
    return "tuned" if low > 0 else "regression" if high < 0 else "cannot tell"


def _off(rows: float, needed: float, step: object) -> str:
    if rows < needed:
        return (f"too few to see five points four times in five when the two differ on "
                f"{(step.won + step.lost) / step.total:.0%} of the rows.")
    return "more than it takes. Both answer the same rows; where they agree there is nothing to tell: count paired."


def rows_needed(disagreement: float, difference: float = DIFFERENCE) -> float:
    """Return how many paired rows show a difference four times in five. Example: rows_needed(0.10, 0.05) -> 312"""
    z_level, z_power = norm.ppf(0.975), norm.ppf(POWER)
    return ((z_level * sqrt(disagreement) + z_power * sqrt(disagreement - difference**2)) / difference) ** 2


def _fair(pair: Callable[[int], tuple[Run, Run]], n: int) -> tuple[Run, Run]:
    """Return the pair for n labels, once it is one: the same test, the same draw of tickets."""
    made = pair(n)
    must(isinstance(made, tuple) and len(made) == 2 and all(isinstance(run, Run) for run in made),
         f"for {n} it returned {type(made).__name__}. Let it return two runs: (regression, tuned).")
    regression, tuned = made
    expected = experiments.run_of("learning_curve", "test", n=n, seed=0)
    must(list(regression.rows.id) == list(expected.rows.id), f"with {n} labels the regression was not asked the test "
                                                             "tickets, all of them and no others.")
    must(tuned.rows.right.tolist() == expected.rows.right.tolist(),
         f"the tuned run for {n} is not the kept one of seed 0, or the two runs have changed places.")
    must(regression.rows.right.tolist() == _regression(n),
         f"the regression for {n} learned from other tickets than the tuned model did: take the same draw.")
    return regression, tuned


@cache
def _regression(n: int) -> list[bool]:
    task = load_task("tickets")
    return evaluate(baselines.embedding_regression(subset(task, n, 0)), task.test).rows.right.tolist()
