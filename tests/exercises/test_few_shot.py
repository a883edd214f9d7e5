"""What the exercises of notebook 02 say to wrong answers, and that other answers than the shown ones are right."""
from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd

from helpers import load_task
from tests.exercises.marking import praise, refusal, run_of, spending, telling

TASK = load_task("tickets")


def of(name: str, examples=TASK.train) -> list:
    return [one for one in examples if TASK.label_of(one) == name]


DEALT = [of(name)[turn] for turn in range(2) for name in TASK.labels]


# ---------------------------------------------------------------- 02.2

def plain(text: str) -> str:
    return " ".join(text.lower().split())


def without_leaks(pool, asked):
    texts = {plain(one.input) for one in asked}
    return [one for one in pool if plain(one.input) not in texts]


def by_id(pool, asked):
    return [one for one in pool if one.id not in {other.id for other in asked}]


def by_text(pool, asked):
    return [one for one in pool if one.input not in {other.input for other in asked}]


def by_lower_case(pool, asked):
    return [one for one in pool if one.input.lower() not in {other.input.lower() for other in asked}]


def by_first_word(pool, asked):
    first = {other.input.lower().split()[0] for other in asked}
    return [one for one in pool if one.input.lower().split()[0] not in first]


def by_both(pool, asked):
    return by_id(without_leaks(pool, asked), asked)


def each_once(pool, asked):
    return list({one.id: one for one in without_leaks(pool, asked)}.values())


# ---------------------------------------------------------------- 02.3

def nearest(vectors, query, labels, k, most):
    cosines = vectors @ query / np.linalg.norm(vectors, axis=1)
    taken = []
    for i in np.argsort(-cosines, kind="stable"):
        if len(taken) < k and sum(labels[j] == labels[i] for j in taken) < most:
            taken.append(i)
    return taken[::-1]



def by_dot(vectors, query, labels, k, most):
    taken = []
    for i in np.argsort(-(vectors @ query), kind="stable"):
        if len(taken) < k and sum(labels[j] == labels[i] for j in taken) < most:
            taken.append(i)
    return taken[::-1]


def of_any_label(vectors, query, labels, k, most):
    return nearest(vectors, query, labels, k, k)


def cut_too_early(vectors, query, labels, k, most):
    return [i for i in nearest(vectors, query, labels, len(labels), most)[::-1]
            if i in nearest(vectors, query, labels, k, k)][::-1]


# ---------------------------------------------------------------- 02.4 and 02.5

READ = pd.DataFrame(np.random.default_rng(0).dirichlet(np.ones(7), len(TASK.validation)), columns=TASK.labels)


def knowing(share: float):
    """An answer that is right on a share of the tickets, without a model."""
    place = {one.id: i for i, one in enumerate(TASK.validation)}
    return lambda one: TASK.label_of(one) if place[one.id] < share * len(place) else "nonsense"


def failing(example):
    raise KeyError("categroy")


TEN = run_of([i < 54 for i in range(150)], name="10 fixed")
TEN.rows = TEN.rows.assign(id=[one.id for one in TASK.validation], prompt_tokens=893)

WRONG = {
    "02.1": {
        "a number": ((14,), "give a list of tickets"),
        "untouched": ((TASK.train[:14],), "every category is to be shown 2 times"),
        "from validation": (([of(name, TASK.validation)[turn] for turn in range(2) for name in TASK.labels],),
                            "is no training ticket"),
        "one twice": (([*DEALT[:7], *DEALT[:7]],), "a ticket stands in it twice"),
        "sorted by category": ((sorted(DEALT, key=TASK.label_of),), "stand one after the other"),
        "one of each": ((DEALT[:7],), "delivery (1)"),
    },
    "02.2": {
        "called too early": (([],), "without calling it"),
        "untouched, by id": ((by_id,), "a copy under another id stays in the pool"),
        "by the exact text": ((by_text,), "a copy in capitals stays in the pool"),
        "spacing forgotten": ((by_lower_case,), "a copy with another line break stays in the pool"),
        "takes too much": ((by_first_word,), "are kept"),
        "by id as well": ((by_both,), "that its id is one of the asked ones is chance"),
        "each once": ((each_once,), "twice is no leak"),
        "gives texts": ((lambda pool, asked: "all",), "not the list of tickets"),
    },
    "02.3": {
        "nothing": ((lambda *_: None,), "Let it return a list of row numbers"),
        "nearest first": ((lambda *given: nearest(*given)[::-1],), "the nearest stands first"),
        "product instead of cosine": ((by_dot,), "divide each by its length"),
        "any label": ((of_any_label,), "one label is shown 3 times"),
        "k first, then sorted out": ((cut_too_early,), "rows are given, and"),
        "the farthest": ((lambda v, q, labels, k, most: nearest(-v, q, labels, k, most),), "are the nearest"),
    },
    "02.4": {
        "untouched, the likeliest": ((lambda read: read.idxmax(axis=1), READ), "as the model does anyway"),
        "each row by its sum": ((lambda read: read.div(read.sum(axis=1), axis=0).idxmax(axis=1), READ),
                                "as the model does anyway"),
        "subtracts": ((lambda read: (read - read.mean()).idxmax(axis=1), READ), "it subtracts"),
        "a label for all": ((lambda read: "other", READ), "Let it return a label for each of the 3 rows"),
        "what was never likely wins": (
            (lambda read: read.columns[np.argmax((read / read.mean()).to_numpy(), axis=1)], READ),
            "where one label is never likely"),
    },
    "02.5": {
        "a text": (("Sort.", TEN), "give a way to answer"),
        "an error in it": ((failing, TEN), "150 of 150 tickets got no answer; one says KeyError: 'categroy'"),
        "a vote": ((spending(knowing(0.57), completion=0), TEN), "no model wrote anything"),
        "too many tokens": ((spending(knowing(0.57), prompt=900), TEN), "it reads 900 tokens a ticket, and ten fixed "
                                                                        "shots take 893"),
        "no better": ((spending(knowing(0.36)), TEN), "does not lie above 0"),
        "worse": ((spending(knowing(0.1)), TEN), "does not lie above 0"),
    },
}
test_what_a_wrong_answer_is_told = telling(WRONG)


def test_any_dealing_without_neighbours_of_one_kind_will_do():
    other_round = [of(name)[9 + turn] for turn in range(2) for name in TASK.labels[::-1]]
    assert "14 shots, 2 of each of 7 categories" in praise("02.1", other_round)


def test_a_shuffle_in_which_two_of_a_kind_meet_is_refused():
    shuffles = [random.Random(seed).sample(DEALT, len(DEALT)) for seed in range(20)]
    met = [shots for shots in shuffles if any(TASK.label_of(a) == TASK.label_of(b) for a, b in pairwise(shots))]
    assert met and all("one after the other" in refusal("02.1", shots) for shots in met)


def test_the_pool_of_the_course_has_no_leak():
    """So that the exercise is about other pools: none of its own tickets is asked about."""
    assert len(without_leaks(TASK.train, [*TASK.validation, *TASK.test])) == len(TASK.train)
    assert max(Counter(plain(one.input) for one in TASK.train).values()) == 1


def test_copies_are_found_however_they_are_compared():
    assert "4 kinds of leak" in praise("02.2", without_leaks)
    assert "4 kinds of leak" in praise("02.2", lambda pool, asked: [
        one for one in pool if all(one.input.upper().split() != other.input.upper().split() for other in asked)])


def test_row_numbers_may_be_an_array():
    assert "5 small pools" in praise("02.3", lambda *given: np.array(nearest(*given)))


def test_labels_may_be_a_series_or_a_list():
    for leveled in [lambda read: (read / read.mean()).idxmax(axis=1),
                    lambda read: list((read / read.sum()).idxmax(axis=1))]:
        assert "without one labelled ticket" in praise("02.4", leveled, READ)


def test_what_leveling_brings_is_counted_on_the_validation_tickets():
    gold = pd.get_dummies([TASK.label_of(one) for one in TASK.validation])[TASK.labels] * 0.2 + 0.1
    leaning = gold.assign(other=gold.other + 0.5)
    assert praise("02.4", lambda read: (read / read.mean()).idxmax(axis=1), leaning).startswith(
        f"the likeliest label is right on {len(of('other', TASK.validation))} of 150 tickets, leveled ")


def test_a_design_is_right_when_its_whole_interval_is_above_ten_fixed_shots():
    assert "86 of 150 right, +21.3 points" in praise("02.5", spending(knowing(0.573)), TEN)
