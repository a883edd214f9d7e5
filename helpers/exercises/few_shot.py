"""The exercises of notebook 02: shots that lean nowhere, a pool that does not leak, the nearest of several kinds, a
leaning divided out, and shots of one's own."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from helpers.evaluation import Run, compare, evaluate
from helpers.exercises.exercise import NotYet, exercise, must
from helpers.tasks import Example, load_task

EACH = 2            # shots of every category


@exercise("02.1", hints=[
    "`balanced` in this notebook takes two of each category and shuffles them. Shuffled, two alike may still meet.",
    "Two loops: the outer one over the rounds, the inner one over `task.labels`.",
    "`[[e for e in task.train if label(e) == name][turn] for turn in range(2) for name in task.labels]`"])
def shots_that_lean_nowhere(shots: Sequence[Example]) -> str:
    """Mark fourteen shots: two of every category, all from train, none twice, no category twice in a row."""
    task = load_task("tickets")
    must(_tickets(shots), "give a list of tickets, like task.train[:14].")
    known = {one.id for one in task.train}
    outside = [one.id for one in shots if one.id not in known]
    must(not outside, f"{outside[:1]} is no training ticket. Shown tickets must be none that you will be asked about.")
    must(len({one.id for one in shots}) == len(shots), "a ticket stands in it twice: that is one shot, paid for twice.")
    counts = Counter(task.label_of(one) for one in shots)
    uneven = {name: counts[name] for name in task.labels if counts[name] != EACH}
    must(not uneven, f"every category is to be shown {EACH} times. It is not so with "
                     f"{', '.join(f'{name} ({count})' for name, count in uneven.items())}.")
    row = [task.label_of(one) for one in shots]
    met = [name for name, following in pairwise(row) if name == following]
    must(not met, f"two shots of {', '.join(met[:1])} stand one after the other. Deal the categories out in turn.")
    return f"{len(shots)} shots, {EACH} of each of {len(counts)} categories, dealt out in turn."


def _tickets(shots: object) -> bool:
    return isinstance(shots, Sequence) and len(shots) > 0 and all(isinstance(one, Example) for one in shots)


# ---------------------------------------------------------------- leaks

@exercise("02.2", hints=[
    "An id is a name that somebody gave a row. A copy may have got another one.",
    "Compare what is written: `' '.join(text.lower().split())` is the same for two spellings of one text.",
    "Collect the plain texts of `asked` in a set, and keep a ticket of the pool if its plain text is not in it."])
def a_pool_without_leaks(without_leaks: Callable) -> str:
    """Mark a function that takes out of a pool whatever is asked about, under another id and in other spelling too."""
    must(callable(without_leaks), "give the function itself, without calling it.")
    asked = [Example("v1", "Where is my parcel?", "delivery"), Example("v2", "It leaks.", "faulty")]
    stays = [Example("t1", "Where is my sofa?", "delivery"), Example("t2", "It squeaks.", "faulty")]
    leaks = {"the very ticket": asked[0], "a copy under another id": Example("t9", "It leaks.", "faulty"),
             "a copy in capitals": Example("t8", "IT LEAKS.", "faulty"),
             "a copy with another line break": Example("t7", " Where is\nmy parcel? ", "delivery")}
    for what, leak in leaks.items():
        kept = _ids(without_leaks([stays[0], leak, stays[1]], asked))
        must(leak.id not in kept, f"{what} stays in the pool: {leak.input!r} is asked about as well.")
        must(kept == ["t1", "t2"], f"of t1, {leak.id} and t2 only {leak.id} is asked about, and {kept} are kept.")
    _marked_on_harmless_pools(without_leaks, stays, asked)
    return f"{len(leaks)} kinds of leak are taken out, and nothing else."


def _marked_on_harmless_pools(without_leaks: Callable, stays: list[Example], asked: list[Example]) -> None:
    """See that nothing is lost: an own ticket that has a colliding id, one that is there twice, no pool at all."""
    named_alike = Example("v1", "Do you sell rugs?", "product")
    must(_ids(without_leaks([named_alike], asked)) == ["v1"],
         f"{named_alike.input!r} is asked of nobody; that its id is one of the asked ones is chance. It was taken out.")
    must(_ids(without_leaks([*stays, *stays], asked)) == ["t1", "t2", "t1", "t2"],
         "a ticket that the pool holds twice is no leak. Take out what is asked about and leave the rest as it is.")
    must(_ids(without_leaks([], asked)) == [], "an empty pool has no leak: give back an empty list.")


def _ids(kept: object) -> list[str]:
    must(isinstance(kept, Sequence) and all(isinstance(one, Example) for one in kept),
         f"it returned {type(kept).__name__} and not the list of tickets that may be shown.")
    return [one.id for one in kept]


# ---------------------------------------------------------------- the nearest, of several kinds

@dataclass(frozen=True)
class _Pool:
    """A small pool, given as the angle and the length of each vector; what is asked stands at angle 0."""

    angles: Sequence[float]
    lengths: Sequence[float]
    labels: Sequence[str]
    k: int
    most: int

    @property
    def vectors(self) -> np.ndarray:
        turned = np.radians(self.angles)
        return np.array([np.cos(turned), np.sin(turned)]).T * np.array(self.lengths)[:, None]

    def picked(self, order: Sequence[int], most: int | None = None) -> list[int]:
        """Return the k first of an order, at most so many of one label, the first last."""
        taken: list[int] = []
        for i in order:
            if [self.labels[j] for j in taken].count(self.labels[i]) < (most or self.most) and len(taken) < self.k:
                taken.append(int(i))
        return taken[::-1]

    @property
    def nearest(self) -> list[int]:
        return self.picked(np.argsort(np.abs(self.angles), kind="stable"))


POOLS = [
    _Pool([40, 10, 70, 25, 55], [1, 1, 1, 1, 1], "abcde", k=3, most=3),
    _Pool([50, 5, 20, 80], [9, 1, 2, 3], "abcd", k=2, most=2),
    _Pool([30, 5, 10, 15, 40], [1, 1, 1, 1, 1], "baaab", k=3, most=1),
    _Pool([30, 5, 10, 15, 40, 60], [4, 1, 1, 1, 9, 1], "baaabc", k=4, most=2),
    _Pool([15, 5], [1, 1], "ab", k=5, most=5),
]


@exercise("02.3", hints=[
    "The product of two vectors is their cosine only when both have length 1: divide by `np.linalg.norm`.",
    "Go through the rows from the nearest on, and take one unless its label was taken `most` times already.",
    "Stop at `k`, and give the list turned round, so that the nearest stands last: `taken[::-1]`."])
def the_nearest_of_several_kinds(choose: Callable) -> str:
    """Mark a function that returns the rows of the k nearest by cosine, at most `most` of a label, the nearest last."""
    must(callable(choose), "give the function itself, without calling it.")
    for pool in POOLS:
        for length in [1.0, 3.0]:
            said = choose(pool.vectors, np.array([length, 0.0]), list(pool.labels), pool.k, pool.most)
            must(isinstance(said, Sequence | np.ndarray), f"it returned {said!r}. Let it return a list of row numbers.")
            _marked_on_one_pool([int(i) for i in said], pool)
    return f"{len(POOLS)} small pools, among them long vectors, many of one label, and fewer rows than asked for."


def _marked_on_one_pool(said: list[int], pool: _Pool) -> None:
    where = f"vectors at {list(pool.angles)} degrees, lengths {list(pool.lengths)}, labels {list(pool.labels)}, " \
            f"k={pool.k}, most={pool.most}: "
    right = pool.nearest
    by_product = pool.picked(np.argsort(-pool.vectors[:, 0], kind="stable"))
    must(said != right[::-1] or said == right, f"{where}the right rows, but the nearest stands first. The model reads "
                                               "it next to the question when it stands last.")
    must(said != by_product or said == right, f"{where}a long vector counts as near. Compare directions: divide each "
                                              "by its length.")
    shown = Counter(pool.labels[i] for i in said if 0 <= i < len(pool.labels))
    must(not shown or max(shown.values()) <= pool.most, f"{where}one label is shown {max(shown.values(), default=0)} "
                                                        "times.")
    must(len(said) == len(right), f"{where}{len(said)} rows are given, and {len(right)} can be.")
    must(said == right, f"{where}rows {said} are given, and {right} are the nearest, the nearest last.")


# ---------------------------------------------------------------- what it leans to

LABELS = ["billing", "other", "returns"]
READ = {
    "the model leans to 'other'": ([[.30, .60, .10], [.10, .80, .10], [.05, .55, .40]],
                                   ["billing", "other", "returns"]),
    "one label is rarely likely at all": ([[.060, .52, .42], [.001, .60, .399], [.002, .70, .298]],
                                          ["billing", "returns", "other"]),
    "one label is never likely": ([[0, .60, .40], [0, .90, .10]], ["returns", "other"]),
}


@exercise("02.4", hints=[
    "What the model says on the average, whatever the ticket, is `read.mean()`: one number for each label.",
    "Divide each row by it: a label is likely *for this ticket* when it is likelier than it usually is.",
    "`(read / read.mean()).idxmax(axis=1)`"])
def a_leaning_divided_out(leveled: Callable[[pd.DataFrame], Sequence[str]], read: pd.DataFrame) -> str:
    """Mark a function from probabilities (a row each ticket) to labels, each divided by its mean over all tickets."""
    must(callable(leveled), "give the function itself, without calling it.")
    for what, (rows, right) in READ.items():
        frame = pd.DataFrame(rows, columns=LABELS)
        said = _labels_said(leveled(frame.copy()), len(frame))
        place = f"where {what} ({dict(zip(LABELS, rows[0], strict=True))} and so on) "
        must(said == right or said != list(frame.idxmax(axis=1)),
             f"{place}it answers what is likeliest, as the model does anyway. Which label is likelier than usual?")
        must(said == right or said != list((frame - frame.mean()).idxmax(axis=1)),
             f"{place}it subtracts. A label that is rarely likely never gets far that way: divide.")
        must(said == right, f"{place}it answers {said}, and {right} is what comes out when each label is divided by "
                            "its mean.")
    return _what_it_brings(_labels_said(leveled(read.copy()), len(read)), read)


def _labels_said(said: object, count: int) -> list[str]:
    must(isinstance(said, Sequence | pd.Series | pd.Index | np.ndarray) and len(said) == count,
         f"it returned {said!r:.60}. Let it return a label for each of the {count} rows.")
    return [str(one) for one in said]


def _what_it_brings(said: list[str], read: pd.DataFrame) -> str:
    task = load_task("tickets")
    gold = [task.label_of(one) for one in task.validation]
    before, after = ([a == b for a, b in zip(answers, gold, strict=True)] for answers in [read.idxmax(axis=1), said])
    return (f"the likeliest label is right on {sum(before)} of {len(gold)} tickets, leveled {sum(after)}, without one "
            "labelled ticket or one call more.")


# ---------------------------------------------------------------- design

@exercise("02.5", hints=[
    "Which shots were best in this notebook? And what did the vote make of them that the model did not?",
    "The right label is among those of the nearest three more often than the model says it. What keeps it from saying "
    "anything else?",
    "`prompts.choice_schema('category', labels)` from `helpers` lets it say nothing but one of these labels: pass "
    "it as `response_format`."])
def shots_of_your_own(answer: Callable[[Example], str], ten: Run) -> str:
    """Mark a way to show examples on validation: it beats ten fixed shots, paired, with no more tokens a ticket."""
    must(callable(answer), "give a way to answer: something that takes an example and returns the reply.")
    run = evaluate(answer, load_task("tickets").validation, name="your own")
    must(not run.failed, f"{run.failed} of {run.total} tickets got no answer; one says {max(run.rows.error):.90}.")
    must(run.rows.completion_tokens.sum() > 0, "no model wrote anything. A vote of the neighbours wins here, as you "
                                               "have read; the question is what the model can do with them.")
    spent, allowed = run.rows.prompt_tokens.mean(), ten.rows.prompt_tokens.mean()
    must(spent <= allowed, f"it reads {spent:.0f} tokens a ticket, and ten fixed shots take {allowed:.0f}. Show fewer.")
    step = compare(ten, run)
    low, high = (100 * end for end in step.interval)
    scored = f"{run.right} of {run.total} right, {100 * step.difference:+.1f} points"
    if low <= 0:
        raise NotYet(f"{scored} from ten fixed shots ({low:+.1f} to {high:+.1f}): that does not lie above 0.")
    return (f"{scored} over ten fixed shots ({low:+.1f} to {high:+.1f}), with {spent:.0f} tokens a ticket instead of "
            f"{allowed:.0f}. Chosen on these tickets, this score flatters it.")
