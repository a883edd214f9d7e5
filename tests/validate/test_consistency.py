"""What the examples of a file do not have in common: form, labels, system prompts."""
from __future__ import annotations

import pytest

from helpers.validate import check
from helpers.validate.consistency import format_of
from tests.validate.files import HI, SYSTEM, assert_fault_at_fifth, found, good, row, says, written

FAULTS = [
    ("output format", row(HI, says('{"a": 1}'))),
    ("output format", row(HI, says("Hello"))),
]


@pytest.mark.parametrize(("kind", "line"), FAULTS, ids=[kind for kind, _ in FAULTS])
def test_a_fault_is_found_at_its_line_and_no_other(tmp_path, kind, line):
    assert_fault_at_fifth(tmp_path, kind, line)


@pytest.mark.parametrize(("output", "form"), [
    ("One.", "plain text"), ("[1] says so", "plain text"), ('{"a": 1}', "JSON"), ("[1]", "JSON"),
    ('{"a": 1', "broken JSON"), ('```json\n{"a": 1}\n```', "JSON in a code fence"), ("```\nls\n```", "plain text")])
def test_the_form_of_an_output_is_named(output, form):
    assert format_of(output) == form


def labelled(counts: dict[str, int]) -> list[dict]:
    labels = [label for label, count in counts.items() for _ in range(count)]
    return [row(good(number)["messages"][0], says(label)) for number, label in enumerate(labels)]


@pytest.mark.parametrize(("counts", "expected"), [
    ({"billing": 30, "delivery": 30}, set()),
    ({"billing": 45, "delivery": 6},  set()),
    ({"billing": 60, "delivery": 6},  {(61, "labels")}),
    ({"billing": 20},                 {(None, "labels")}),
])
def test_labels_that_are_rare_are_named(tmp_path, counts, expected):
    assert found(check(written(tmp_path, labelled(counts)))) == expected


def framed(number: int, prompt: str) -> dict:
    return row(SYSTEM | {"content": prompt}, *good(number)["messages"])


def test_system_prompts_that_are_missing_or_differ_are_named(tmp_path):
    rows = [framed(number, "Be brief.") for number in range(12)]
    assert not found(check(written(tmp_path, rows)))
    assert found(check(written(tmp_path, [*rows[:6], good(50), *rows[6:]]))) == {(7, "system prompt")}
    assert found(check(written(tmp_path, [*rows, framed(60, "Be long.")]))) == {(13, "system prompt")}


def test_the_line_that_is_named_is_one_of_the_few(tmp_path):
    bare = [good(number) for number in range(12)]
    assert found(check(written(tmp_path, [*bare, framed(50, "Be brief.")]))) == {(13, "system prompt")}
    rows = [framed(20, "Be long."), *(framed(number, "Be brief.") for number in range(30, 41)), *bare[:3]]
    assert found(check(written(tmp_path, rows))) == {(13, "system prompt"), (1, "system prompt")}
