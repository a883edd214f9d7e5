"""The exercises of notebook 03: count honestly, cut pages, find whose loss it is, confirm a surprise, decline."""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from math import isclose

import numpy as np

from helpers.documents import Document, read_folder
from helpers.evaluation import Run
from helpers.exercises.exercise import exercise, must
from helpers.intervals import paired_bootstrap
from helpers.retrieval import Hit, Index, Passage
from helpers.significance import unpaired
from helpers.tasks import DATA, Example, load_task

PAGES = DATA / "handbook" / "pages"
WHOLE = 0.9         # of a gold stretch's characters make it found, as in the notebook
K = 3               # hits that are looked at


# ---------------------------------------------------------------- counting

@exercise("03.1", hints=[
    "Try it on three questions by hand: found first, found second, never found. What should hit@1 be?",
    "A question that is never found has the rank `np.inf`. Is it still a question?",
    "`np.inf <= k` is False, so that nothing has to be left out."])
def a_rate_that_forgets_nobody(hit_at: Callable[[np.ndarray, int], float]) -> str:
    """Mark hit@k from ranks: a question that is never found stays among those that are divided by."""
    must(callable(hit_at), "give the function itself, without calling it.")
    for ranks, k in [([1, 2, np.inf], 1), ([1, 2, 3, 5], 3), ([2, np.inf, np.inf, 4], 4), ([np.inf, np.inf], 5)]:
        with np.errstate(all="ignore"):
            said, share = float(hit_at(np.array(ranks), k)), np.mean(np.array(ranks) <= k)
        must(isclose(said, share, abs_tol=1e-9), f"for the ranks {_written(ranks)} and k={k} it says {said:.2f}. "
                                                 f"{_miscounted(ranks, k, said)}")
    return "a question that was never found counts as one that was not found."


def _written(ranks: Sequence[float]) -> str:
    return ", ".join("never" if np.isinf(rank) else str(rank) for rank in ranks)


def _miscounted(ranks: Sequence[float], k: int, said: float) -> str:
    """Say what seems to have gone wrong in a share of ranks."""
    found = np.array([rank for rank in ranks if np.isfinite(rank)])
    if isclose(said, np.mean(np.array(ranks) < k)):
        return f"The hit in place {k} is one of {k} hits: at most k, not fewer."
    if len(found) < len(ranks) and (np.isnan(said) or isclose(said, np.mean(found <= k))):
        return "Some of the questions that were asked are not counted."
    return f"{np.sum(np.array(ranks) <= k)} of {len(ranks)} questions are found within k hits. Give their share."


# ---------------------------------------------------------------- cutting

MOST, READ = 80, 1.5        # words of a passage; words of all passages for each word of a page
LONG = " ".join(f"word{n}" for n in range(300))
ODD = [Document("one without a pause", "", LONG), Document("one line", "", "Closed on Sundays."),
       Document("one with two spaces", "", f"# Odd\n\n\n  Two  spaces.\n\n{LONG}")]


@exercise("03.2", hints=[
    "Work with the page's lines: `re.finditer(r'[^\\n]*\\S[^\\n]*', page)` gives each with its place.",
    "Glue a heading to what follows it before you fill passages: a unit begins with a heading and ends with a text.",
    "An answer may reach over two units. Begin the next passage some 30 words back, at the start of a unit.",
    "A unit of more than 80 words (a page may have no line ends) has to be cut by words after all."])
def a_chunker_that_keeps_answers_whole(cut: Callable[[str], Sequence[tuple[int, int]]]) -> str:
    """Mark a chunker: short passages that hold every word, each answer whole, and no heading without its text."""
    must(callable(cut), "give the function itself, without calling it.")
    must(cut("") is not None, "on an empty page it returned None. Let it return a list of pairs, here an empty one.")
    must(len(cut("")) == 0, "an empty page has no passage: let it return an empty list.")
    pages = read_folder(PAGES)
    spans = {page.source: _spans(cut, page) for page in [*pages, *ODD]}
    _keeps_answers(spans, {page.source: page.text for page in pages})
    words = sum(len(page.text.split()) for page in pages)
    read = sum(len(page.text[start:end].split()) for page in pages for start, end in spans[page.source])
    must(read <= READ * words, f"its passages have {read / words:.1f} words for each word of the pages, and "
                               f"{READ} are the most: a shorter overlap, please.")
    return f"{sum(len(spans[page.source]) for page in pages)} passages, {read / words:.2f} words read for each word."


def _spans(cut: Callable[[str], Sequence[tuple[int, int]]], page: Document) -> list[tuple[int, int]]:
    """Return the places of a page's passages, once they are short, hold every word and end in no heading."""
    spans, text, name = list(cut(page.text)), page.text, page.source
    pairs = all(isinstance(one, tuple) and len(one) == 2 and 0 <= one[0] < one[1] <= len(text) for one in spans)
    must(pairs, f"on {name!r} it returned something else than pairs (start, end) of places in the page.")
    longest = max((len(text[start:end].split()) for start, end in spans), default=0)
    must(longest <= MOST, f"on {name!r} a passage has {longest} words; {MOST} are the most.")
    lost = next((word[0] for word in re.finditer(r"\S+", text) if not _held(*word.span(), spans)), None)
    must(lost is None, f"on {name!r} the word {lost!r} stands whole in no passage.")
    last = next((line for start, end in spans if (line := text[start:end].split("\n")[-1]).startswith("#")), None)
    must(last is None, f"on {name!r} a passage ends in the heading {last!r}, and its text stands in the next. A "
                       "heading by itself answers nothing.")
    return spans


def _keeps_answers(spans: dict[str, list[tuple[int, int]]], texts: dict[str, str]) -> None:
    """Say which answer is cut in two."""
    task = load_task("handbook")
    gold = [(f"{one['page']}.md", one["start"], one["end"]) for example in task.validation + task.test
            for one in example.tags["gold"]]
    cut = [(page, start, end) for page, start, end in dict.fromkeys(gold) if not _held(start, end, spans[page])]
    page, start, end = cut[0] if cut else ("", 0, 0)
    must(not cut, f"{len(cut)} of {len(set(gold))} answers are cut in two, as on {page!r}: "
                  f"{texts.get(page, '')[start:end]!r}. Begin a passage some words before the last ended.")


def _held(start: int, end: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(first <= start and end <= last for first, last in spans)


# ---------------------------------------------------------------- whose loss?

GOLD = [{"page": "refunds", "start": 0, "end": 30}, {"page": "parcels", "start": 10, "end": 50}]
HERE, THERE = Passage("x" * 60, "refunds.md", 0, 60), Passage("x" * 60, "parcels.md", 0, 60)
BESIDE = Passage("x" * 60, "parcels.md", 40, 100)
CASES = [       # what was asked, the passages, right or not, whose loss it is, and what to think of
    ("single", [HERE], False, "reader", "the passage was there, and the reply is wrong"),
    ("single", [THERE], False, "search", "what was needed is not among the passages"),
    ("single", [THERE], True, None, "a right answer is no loss, wherever it came from"),
    ("both", [HERE], False, "search", "two passages were needed, and one was found"),
    ("both", [HERE, THERE], False, "reader", "both passages were there"),
    ("any", [THERE], False, "reader", "either passage would have done, as `tags['any']` says"),
    ("both", [HERE, BESIDE], False, "search", "a passage of the right page may lack the gold stretch"),
    ("none", [HERE], False, "reader", "there was nothing to find, and the reader did not decline"),
    ("none", [HERE], True, None, "it declined, and rightly")]


@exercise("03.3", hints=[
    "Begin with what is no loss: `if right: return None`.",
    "`enough(example, passages)` says whether the passages hold what the answer needs, one stretch or several.",
    "A question without an answer has no gold: nothing was missed by the search."])
def whose_loss_it_is(loss: Callable[[Example, list, bool], str | None], runs: Sequence[Run],
                     picks: dict[str, Callable[[Example], list]]) -> str:
    """Mark a function that says of an answer whether the search lost it, the reader, or nobody."""
    must(callable(loss), "give the function itself, without calling it.")
    for kind, passages, right, whose, why in CASES:
        said = loss(_question(kind), passages, right)
        must(said == whose, f"it says {said!r} where {whose!r} is meant: {why}.")
    counts = {run.name: _losses(loss, run, picks[run.name]) for run in runs if run.name.removeprefix("k = ").isdigit()}
    shown = "; ".join(f"{name}: search {count['search']}, reader {count['reader']}" for name, count in counts.items())
    return f"{shown}. What the search wins with every passage, the reader loses again." if counts else "in every case."


def _question(kind: str) -> Example:
    gold = {"single": GOLD[:1], "none": []}.get(kind, GOLD)
    return Example(kind, "How long?", "45 days" if gold else None, {"gold": gold, "any": kind == "any", "kind": kind})


def _losses(loss: Callable, run: Run, pick: Callable[[Example], list]) -> Counter:
    """Return how often each is to blame, for a run on validation."""
    by_id = {one.id: one for one in load_task("handbook").validation}
    return Counter(loss(by_id[name], pick(by_id[name]), bool(right))
                   for name, right in zip(run.rows.id, run.rows.right, strict=True))


# ---------------------------------------------------------------- a surprise confirmed

VERDICTS = ("better", "worse", "cannot tell")


@exercise("03.4", hints=[
    "`build(pages.values(), overlap=0)` is the index. `ranks_of` asks the validation questions; ask those of the test.",
    "Leave out the questions without an answer. Won: within three hits without overlap, and not with it.",
    "`mcnemar(won, lost)` says how often a fair coin splits them so unevenly; a p of 0.05 or more is what luck does."])
def a_surprise_confirmed(without: Index, won: int, lost: int, verdict: str, handbook: Index) -> str:
    """Mark a paired comparison of two indexes on the test questions: both counts, and what they allow to say."""
    must(hasattr(without, "search"), "`without` is to be an index: build the same one again, with overlap=0.")
    must(not _overlaps(without), "passages of `without` overlap. Build it with overlap=0.")
    must(verdict in VERDICTS, f"{verdict!r} is no verdict. Choose one of {', '.join(VERDICTS)}.")
    task = load_task("handbook")
    counts = _won_lost(handbook, without, task.test)
    if (won, lost) != counts:
        elsewhere = _won_lost(handbook, without, task.validation)
        must(False, f"{won} won and {lost} lost are not the counts within {K} hits on the test questions. " + (
            "They are the other way round: won is what leaving the overlap out wins." if (lost, won) == counts else
            "They are those of the validation questions, where the surprise was seen: it cannot be confirmed there."
            if (won, lost) == elsewhere else "Take the test questions that have an answer, and those where one index "
            "needs at most three hits and the other more."))
    return _told(won, lost, sum(one.expected is not None for one in task.test), verdict)


def _told(won: int, lost: int, total: int, verdict: str) -> str:
    low, high = (100 * end for end in paired_bootstrap(won, lost, total))
    seen = "better" if low > 0 else "worse" if high < 0 else "cannot tell"
    must(verdict == seen, f"{won} won and {lost} lost of {total} is a difference between {low:+.1f} and {high:+.1f} "
                          f"points. That is not {verdict!r}.")
    return (f"{100 * (won - lost) / total:+.1f} points ({low:+.1f} to {high:+.1f}) without the overlap: {seen}. What "
            "looked like a find on validation was chosen there among seven rows.")


def _overlaps(index: Index) -> bool:
    return any(one.source == after.source and after.start < one.end
               for one, after in zip(index.passages, index.passages[1:], strict=False))


def _won_lost(before: Index, after: Index, examples: Sequence[Example]) -> tuple[int, int]:
    """Return for how many questions that have an answer only `after` finds it within three hits, and only `before`."""
    asked = [one for one in examples if one.expected is not None]
    found = [(_found(one, before.search(one.input, K)), _found(one, after.search(one.input, K))) for one in asked]
    return found.count((False, True)), found.count((True, False))


def _found(example: Example, passages: Sequence[Passage | Hit]) -> bool:
    needed = any if example.tags["any"] else all
    return needed(_share(gold, passages) >= WHOLE for gold in example.tags["gold"])


def _share(gold: dict, passages: Sequence[Passage | Hit]) -> float:
    held = {i for one in passages if one.source == f"{gold['page']}.md"
            for i in range(max(one.start, gold["start"]), min(one.end, gold["end"]))}
    return len(held) / (gold["end"] - gold["start"])


# ---------------------------------------------------------------- declining

ENOUGH, APART = 0.5, 0.2        # declined of what has no answer; by how much more than of what has one, on validation


@exercise("03.5", hints=[
    "Print the score of the best hit for the validation questions with and without an answer. Where do they part?",
    "`hits[0].score` is a cosine. A rule of one line, with a number chosen on validation, can be enough.",
    "If that is too coarse, look at all three scores, or at `handbook.search(question, 1, 'keyword')` as well.",
    "Between 0.4 and 0.5 the rule is neither never nor always. Which end declines more than half?"])
def a_rule_that_declines(declines: Callable[[str, list[Hit]], bool], handbook: Index) -> str:
    """Mark a rule that declines: first on the validation questions, and if it holds there, on the test questions."""
    must(callable(declines), "give a function that takes a question and its hits and returns True or False.")
    task = load_task("handbook")
    (quiet, unknown), (shy, known) = _declined(declines, handbook, task.validation)
    said = f"on validation it declines {quiet} of {unknown} without an answer and {shy} of {known} with one"
    must(quiet >= ENOUGH * unknown, f"{said}: fewer than half of what it should.")
    must(quiet / unknown - shy / known >= APART, f"{said}. A rule that knows something has "
                                                 f"{100 * APART:.0f} points between the two.")
    (quiet, unknown), (shy, known) = _declined(declines, handbook, task.test)
    low, high = (100 * end for end in unpaired(shy, quiet, known, unknown))
    said = (f"on the test it declines {quiet} of {unknown} without an answer and {shy} of {known} with one, "
            f"{low:+.0f} to {high:+.0f} points apart")
    must(quiet >= ENOUGH * unknown, f"{said}. It held on validation and declines too little here.")
    must(low > 0, f"{said}: that may be nothing, though it held on validation. Ten questions could not show it.")
    return f"{said}. Each further rule that you try on the test makes that number a little less true."


def _declined(declines: Callable[[str, list[Hit]], bool], handbook: Index,
              examples: Sequence[Example]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (declined, asked) of the questions without an answer and of those with one."""
    said = {True: [], False: []}
    for one in examples:
        quiet = declines(one.input, handbook.search(one.input, K, "dense"))
        must(isinstance(quiet, bool | np.bool_), f"it returned {quiet!r}. Let it return True where it declines, and "
                                                 "False elsewhere.")
        said[one.expected is None].append(bool(quiet))
    return tuple((sum(said[kind]), len(said[kind])) for kind in (True, False))
