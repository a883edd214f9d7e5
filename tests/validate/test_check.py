"""check as a whole: no fault in a valid file, examples side by side, odd values, size."""
from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path

import pytest

from helpers.validate import check
from tests.validate.files import VALID, WORDS, assert_fault_at_fifth, found, good, row, says, user, with_fifth, written


@pytest.mark.parametrize("name", VALID)
def test_a_valid_example_has_no_fault(tmp_path, name):
    report = check(with_fifth(tmp_path, VALID[name]))
    assert not {item for item in found(report) if item[1] != "system prompt"}, str(report)
    assert report.ok and report.examples == 12


FAULTS = [
    ("too long",      row(user(" ".join(WORDS * 200)), says("Hello."))),
    ("duplicate",     good(0)),
    ("near duplicate", row(user(good(0)["messages"][0]["content"].upper()), says("Another."))),
    ("contradiction", row(good(0)["messages"][0], says("Another."))),
]


@pytest.mark.parametrize(("kind", "line"), FAULTS, ids=[kind for kind, _ in FAULTS])
def test_a_fault_is_found_at_its_line_and_no_other(tmp_path, kind, line):
    assert_fault_at_fifth(tmp_path, kind, line)


def test_fewer_than_ten_examples_are_too_few(tmp_path):
    report = check(written(tmp_path, [good(number) for number in range(9)]))
    assert found(report) == {(None, "too few")} and not report.ok
    assert check(written(tmp_path, [good(number) for number in range(10)])).ok


def test_validation_examples_that_stand_in_training_are_leaks(tmp_path):
    train = written(tmp_path, [good(number) for number in range(12)])
    near  = row(user(good(7)["messages"][0]["content"].upper() + "!"), says("Another."))
    framed = row({"role": "system", "content": "Be brief."}, *good(3)["messages"])
    held  = written(tmp_path, [good(99), good(3), near, framed, "{"], "validation.jsonl")
    report = check(train, validation=held)
    assert [finding.line for finding in report.warnings if finding.kind == "leakage"] == [2, 3, 4]
    assert [(f.line, f.kind, f.source) for f in report.errors] == [(5, "JSON", "validation")]
    assert "line 4 of the training file" in str(report) and "validation line 2" in str(report)


def test_a_counter_of_tokens_and_a_limit_can_be_given(tmp_path):
    path = written(tmp_path, [good(number) for number in range(12)])
    report = check(path, count=lambda text: 100, longest=207)
    assert report.tokens == 12 * 208 and {kind for _, kind in found(report)} == {"too long"}


# ---------------------------------------------------------------- odd values

JUNK = [None, 5, -1.5, True, "", "x", [], {}, [[]], [{}], {"a": 1}, ["x"], [None], {"type": ["x"]}, 10 ** 50, "\ud800"]
KEYS = ["role", "content", "tool_calls", "function_call", "name", "tools", "weight", "type", "refusal", "\ud800"]


def broken(value: object, dice: random.Random) -> object:
    """Return a JSON value with parts of it left out, added or replaced."""
    if dice.random() < 0.06:
        return dice.choice(JUNK)
    if isinstance(value, dict):
        kept = {key: broken(part, dice) for key, part in value.items() if dice.random() > 0.03}
        return kept | ({dice.choice(KEYS): dice.choice(JUNK)} if dice.random() < 0.1 else {})
    return [broken(part, dice) for part in value] if isinstance(value, list) else value


def test_no_example_crashes_the_check(tmp_path):
    dice = random.Random(0)
    rows = [json.dumps(broken(dice.choice(list(VALID.values())), dice)) for _ in range(3000)]
    path = written(tmp_path, rows)
    report = check(path, validation=path, production=path)
    assert report.examples == 3000 and 0 < report.found["", "schema"] < 3000 and str(report)


# ---------------------------------------------------------------- size

def peak(path: Path, **more: object) -> int:
    tracemalloc.start()
    check(path, **more)
    size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return size


def generated(folder: Path, examples: int, words: int) -> Path:
    path = folder / f"{examples}_{words}.jsonl"
    with path.open("w") as file:
        for number in range(examples):
            file.write(json.dumps(good(number, words)) + "\n")
    return path


@pytest.mark.parametrize(("words", "few", "many"), [(10, 1_000, 6_000), (1_000, 100, 400)])
def test_memory_per_example_is_small_and_does_not_depend_on_its_size(tmp_path, words, few, many):
    check(generated(tmp_path, 20, words))       # what is imported or cached once is none of it
    grown = peak(generated(tmp_path, many, words)) - peak(generated(tmp_path, few, words))
    assert grown / (many - few) < 1_000, f"{grown / (many - few):.0f} bytes an example"


def test_a_line_of_fifty_megabytes_is_not_held(tmp_path):
    assert peak(with_fifth(tmp_path, b'{"messages": "' + 50_000_000 * b"x" + b'"}')) < 45_000_000
