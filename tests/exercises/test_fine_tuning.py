"""What the exercises of notebook 04 say to wrong answers, and that other answers than the shown ones are right."""
from __future__ import annotations

import json
from random import Random

import pandas as pd
import pytest

from helpers import experiments
from helpers.exercises import fine_tuning
from helpers.exercises.fine_tuning import BROKEN, RIGHT, THANKS, rows_needed
from helpers.finetuning import split_by_group
from helpers.intervals import detectable
from tests.exercises.marking import praise, run_of, telling

# ---------------------------------------------------------------- a file

LINES = [json.dumps({"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": label}]})
         for text, label in RIGHT.items()]
WHOLE = "\n".join(LINES)
THANKED = {"role": "user", "content": THANKS}


def with_card(*turns: dict) -> str:
    """Return the whole file, the ticket about a gift card with more turns after its answer."""
    card = json.loads(LINES[6])
    return WHOLE.replace(LINES[6], json.dumps({"messages": [*card["messages"], *turns]}))


# ---------------------------------------------------------------- a mask


def between(start: str, *, end: bool = True, header: bool = False):
    """Learn what stands after a token up to the end of the turn, with or without the header and the end."""
    def learned(tokens: list[str]) -> list[bool]:
        marks, on = [], False
        for place, token in enumerate(tokens):
            if token == "<|im_end|>":
                marks.append(on and end)
                on = False
                continue
            marks.append(on)
            if tokens[max(0, place - 2):place + 1] == ["<|im_start|>", start, "\n"]:
                on = True
                if header:
                    marks[-3:] = [True] * 3
        return marks
    return learned


def last_only(tokens: list[str]) -> list[bool]:
    right = between("assistant")(tokens)
    first = next(i for i in reversed(range(len(right))) if right[i])
    while first and right[first - 1]:
        first -= 1
    return [mark and i >= first for i, mark in enumerate(right)]


def by_the_word(tokens: list[str]) -> list[bool]:
    place = tokens.index("assistant") + 2
    return [i >= place and i < tokens.index("<|im_end|>", place) + 1 for i in range(len(tokens))]


# ---------------------------------------------------------------- a split

def said(row: dict) -> str:
    return " ".join(row["text"].lower().split())


def by_group(rows: list[dict]) -> tuple[list[dict], list[dict]]:
    groups = list(range(len(rows)))
    changed = True
    while changed:
        changed = False
        for key in (lambda row: row["customer"], said):
            least: dict[str, int] = {}
            for row, group in zip(rows, groups, strict=True):
                least[key(row)] = min(group, least.get(key(row), group))
            new = [least[key(row)] for row in rows]
            changed, groups = changed or new != groups, new
    numbered = list(zip(rows, groups, strict=True))
    kept, aside = split_by_group(numbered, lambda one: one[1], 0.2)
    return [row for row, _ in kept], [row for row, _ in aside]


def by(key):
    return lambda rows: split_by_group(rows, key, 0.2)


def at_random(rows: list[dict]) -> tuple[list[dict], list[dict]]:
    mixed = Random(0).sample(rows, len(rows))
    return mixed[len(rows) // 5:], mixed[:len(rows) // 5]


def leaving_out(rows: list[dict]) -> tuple[list[dict], list[dict]]:
    kept, aside = at_random(rows)
    customers, texts = {row["customer"] for row in aside}, {said(row) for row in aside}
    return [row for row in kept if row["customer"] not in customers and said(row) not in texts], aside


# ---------------------------------------------------------------- curves

SPREAD = pd.DataFrame({"own": [72.0, 100.0, 100.0], "test": [25.0, 49.0, 70.0]}, index=[25, 100, 600])


def lowest(losses: pd.DataFrame) -> int | None:
    seen = losses.dropna(subset="validation")
    step = seen.set_index("step").validation.idxmin()
    return None if step == seen.step.iloc[-1] else int(step)


def first_rise(losses: pd.DataFrame) -> int | None:
    seen = losses.dropna(subset="validation")
    rises = seen.validation.diff() > 0
    return int(seen.step[rises.shift(-1, fill_value=False)].iloc[0]) if rises.any() else None


# ---------------------------------------------------------------- a comparison

TUNED = {n: [i % 10 < 7 for i in range(300)] for n in fine_tuning.COUNTS}
PLAIN = {25: TUNED[25], 100: [i % 10 < 9 for i in range(300)], 600: [i % 10 < 6 or i % 10 == 8 for i in range(300)]}
VERDICTS = {25: "cannot tell", 100: "regression", 600: "cannot tell"}
NEEDED = rows_needed(0.2)


@pytest.fixture(autouse=True)
def kept_runs(monkeypatch):
    """A learning curve and a regression that need no recordings: the marks above."""
    monkeypatch.setattr(experiments, "run_of", lambda *_, n, seed: run_of(TUNED[n], name=f"n {n}"))
    monkeypatch.setattr(fine_tuning, "_regression", lambda n: PLAIN[n])


def pair(n: int):
    return run_of(PLAIN[n], name="regression"), run_of(TUNED[n], name="tuned")


WRONG = {
    "04.1": {
        "a list": ((LINES,), "give the file as one text"),
        "the file as it was": ((BROKEN,), "6 findings left, the first: line 2"),
        "what is broken thrown away": (("\n".join(LINES[:1] + LINES[3:]),), "Mend its line instead of deleting it"),
        "the contradiction left": (("\n".join([*LINES, LINES[3].replace("returns", "delivery")]),), "[contradiction]"),
        "the wrong one of two kept": ((WHOLE.replace(LINES[3], LINES[3].replace("returns", "delivery")),),
                                      "is answered 'delivery'"),
        "an answer made up": ((WHOLE.replace(LINES[7], LINES[7].replace("faulty", "product")),),
                              "is answered 'product'"),
        "a ticket left out": (("\n".join(LINES[:6] + LINES[7:]),), "'My gift card shows no balance.' is gone"),
        "thanks left in": ((with_card(THANKED),), "left, the first: line 7"),
        "thanks answered": ((with_card(THANKED, {"role": "assistant", "content": "other"}),),
                            "'Thanks!' is still there and answered"),
        "thanks a ticket of its own": ((WHOLE + "\n" + LINES[0].replace("Parcel 4411 was left in the rain.", THANKS),),
                                       "'Thanks!' is still there and answered"),
    },
    "04.2": {
        "called too early": (([True],), "without calling it"),
        "nothing returned": ((lambda tokens: None,), "it returned nothing"),
        "a number a turn": ((lambda tokens: [True] * 3,), "it returned 3 values"),
        "everything": ((lambda tokens: [True] * len(tokens),), "the engine writes it, not the model"),
        "the question": ((between("user"),), "is learned, but it was given"),
        "no end": ((between("assistant", end=False),), "the model would never learn to stop"),
        "with the header": ((between("assistant", header=True),), "'<|im_start|>', is learned"),
        "the last answer only": ((last_only,), "on two questions: token"),
        "by the word": ((by_the_word,), "on a customer who writes 'assistant'"),
    },
    "04.3": {
        "one list": ((lambda rows: rows,), "let it return two lists"),
        "at random": ((at_random,), "is on both sides"),
        "by customer": ((by(lambda row: row["customer"]),), "written by two customers"),
        "by text": ((by(said),), "is on both sides: what is watched was half learned"),
        "leaves rows out": ((leaving_out,), "are on neither side"),
        "nothing to watch": ((lambda rows: (rows, []),), "0 of"),
        "twice": ((lambda rows: (rows, rows[:18]),), "each once"),
    },
    "04.4": {
        "called too early": ((6, 100, SPREAD), "without calling it"),
        "the lowest always": ((lambda losses: int(losses.step[losses.validation.idxmin()]), 100, SPREAD),
                              "the last is the lowest"),
        "never": ((lambda losses: None, 100, SPREAD), "it has turned"),
        "by the training loss": ((lambda losses: int(losses.step[losses.training.idxmin()]), 100, SPREAD),
                                 "nothing has turned"),
        "the first rise": ((first_rise, 100, SPREAD), "on one with a bump"),
        "fewest labels, widest gap": ((lowest, 25, SPREAD), "47.0 points ahead of the others; somewhere"),
        "no such number": ((lowest, 99, SPREAD), "none of the numbers of labels: 25, 100, 600"),
    },
    "04.5": {
        "runs, not a function": ((pair(25), VERDICTS, NEEDED), "without calling it"),
        "one run": ((lambda n: pair(n)[0], VERDICTS, NEEDED), "Let it return two runs"),
        "changed places": ((lambda n: pair(n)[::-1] if n == 100 else pair(n), VERDICTS, NEEDED), "changed places"),
        "other tickets": ((lambda n: (run_of([*TUNED[600][1:], True]), pair(n)[1]), VERDICTS, NEEDED),
                          "take the same draw"),
        "another test": ((lambda n: (run_of(PLAIN[n][:50]), pair(n)[1]), VERDICTS, NEEDED), "was not asked the test"),
        "by the sign alone": ((pair, VERDICTS | {600: "tuned"}, NEEDED), "that does not say 'tuned'"),
        "one verdict missing": ((pair, {25: "cannot tell"}, NEEDED), "a verdict for each of 25, 100, 600"),
        "as many as there were": ((pair, VERDICTS, 300), "too few to see five points"),
        "counted unpaired": ((pair, VERDICTS, 2 * 1_300), "count paired"),
    },
}
test_what_a_wrong_answer_is_told = telling(WRONG)


def test_a_mended_file_may_have_system_prompts_and_blank_lines():
    assert "12 examples" in praise("04.1", WHOLE + "\n")


def test_six_lines_are_broken_and_each_in_its_own_way():
    assert sum(line not in LINES for line in BROKEN.splitlines()) == 6


def test_the_answers_alone_with_their_ends_are_learned():
    assert "5 conversations" in praise("04.2", between("assistant"))
    assert praise("04.2", lambda tokens: [int(one) for one in between("assistant")(tokens)])


def test_rows_that_hang_together_are_split_as_one():
    assert "every row has its place" in praise("04.3", by_group)


def test_thanks_after_an_answer_is_taken_out():
    mended = BROKEN.splitlines()[6].replace(f', {json.dumps(THANKED)}', "")
    assert mended == LINES[6] and THANKS in BROKEN
    assert "every ticket is still there" in praise("04.1", WHOLE.replace(LINES[6], mended))


def test_a_curve_turns_where_it_only_gets_worse_from():
    said = praise("04.4", lowest, 100, SPREAD)
    assert "widest with 100 labels, 51.0 points, and 30.0 with 600" in said and "it rises all the way" in said


def test_a_curve_that_falls_once_is_not_said_to_rise_all_the_way():
    assert "rises" not in praise("04.4", lowest, 100, SPREAD.assign(test=[50.0, 49.0, 70.0]))


def test_a_comparison_is_right_when_both_had_the_same():
    assert "the two differ on 60 of 300 rows" in praise("04.5", pair, VERDICTS, round(NEEDED))
    assert praise("04.5", pair, VERDICTS, NEEDED * 1.05)


def test_the_rows_needed_are_those_that_could_show_it():
    assert detectable(0.2, round(rows_needed(0.2))) == pytest.approx(0.05, abs=1e-3)
