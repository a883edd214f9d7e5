"""Lines are read one at a time, and a file or a line that is no JSON Lines is named once."""
from __future__ import annotations

import json

import pytest

from helpers.validate import check
from tests.validate.files import assert_fault_at_fifth, found, good, with_fifth, written

DEEP = '{"messages": ' + 100_000 * "[" + 100_000 * "]" + "}"
FAULTS = [
    ("JSON",          '{"messages": [{"role": "user", "content": "Hi'),
    ("JSON",          "{'messages': []}"),
    ("JSON",          json.dumps(good(4)) + json.dumps(good(5))),
    ("JSON",          '{"messages": NaN}'),
    ("JSON",          '{"messages": ' + 5000 * "9" + "}"),
    ("JSON",          DEEP),
    ("schema",        "[1, 2]"),
    ("schema",        "null"),
    ("encoding",      '{"messages": [{"role": "user", "content": "Größe"}]}'.encode("latin-1")),
    ("encoding",      '{"messages": [{"role": "user", "content": "\\ud83d"}, {"role": "assistant", "content": "x"}]}'),
    ("duplicate key", '{"messages": [], ' + json.dumps(good(4))[1:]),
]


@pytest.mark.parametrize(("kind", "line"), FAULTS, ids=[kind for kind, _ in FAULTS])
def test_a_fault_is_found_at_its_line_and_no_other(tmp_path, kind, line):
    assert_fault_at_fifth(tmp_path, kind, line)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_of_both_kinds_and_blank_lines_at_the_end_are_fine(tmp_path, end):
    path = tmp_path / "train.jsonl"
    path.write_bytes(end.join(json.dumps(good(number)).encode() for number in range(12)) + 3 * end)
    assert not found(check(path))
    path.write_bytes(path.read_bytes().rstrip())
    assert not found(check(path))


def test_a_blank_line_between_examples_is_named(tmp_path):
    rows = [good(number) for number in range(12)]
    assert found(check(written(tmp_path, [*rows[:3], "", " ", *rows[3:], ""]))) == {(4, "blank line")}


def test_a_first_line_that_breaks_off_does_not_hide_the_others(tmp_path):
    report = check(written(tmp_path, ['{"messages": [', *(good(number) for number in range(11))]))
    assert found(report) == {(1, "JSON")} and report.examples == 12


def test_a_line_of_fifty_megabytes_is_refused(tmp_path):
    path = with_fifth(tmp_path, b'{"messages": "' + 50_000_000 * b"x" + b'"}')
    assert found(check(path)) == {(5, "JSON")}


# ---------------------------------------------------------------- files that are no JSON Lines

PRETTY = "\n".join(json.dumps(good(number), indent=2) for number in range(3))
BY_HAND = '{"messages": [\n {"role": "user", "content": "Hi"},\n {"role": "assistant", "content": "Hello"}\n]}'
LINES = "\n".join(json.dumps(good(number)) for number in range(12))
FILES = {
    "empty":         (b"", (None, "file")),
    "blank":         (b" \n\r\n", (None, "file")),
    "array":         (json.dumps([good(1)]).encode(), (1, "JSON")),
    "long array":    (json.dumps([good(1)], indent=1).encode(), (1, "JSON")),
    "pretty":        (b"\n" + PRETTY.encode(), (2, "JSON")),
    "by hand":       (BY_HAND.encode(), (1, "JSON")),
    "CSV":           (b"prompt,completion\nHi,Hello\n", (1, "JSON")),
    "binary":        (b"PK\x03\x04" + bytes(range(256)) * 4, (None, "encoding")),
    "gzip":          (b"\x1f\x8b\x08\x08abc", (None, "encoding")),
    "UTF-16":        (LINES.encode("utf-16"), (None, "encoding")),
    "UTF-16, bare":  (LINES.encode("utf-16-le"), (None, "encoding")),
    "BOM":           (LINES.encode("utf-8-sig"), (1, "BOM")),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_json_lines_is_named_once(tmp_path, name):
    path = tmp_path / "train.jsonl"
    path.write_bytes(FILES[name][0])
    report = check(path)
    assert found(report) == {FILES[name][1]} and not report.ok, str(report)


@pytest.mark.parametrize("name", ["nothing.jsonl", "."])
def test_a_missing_file_and_a_folder_are_named(tmp_path, name):
    whole = written(tmp_path, [good(number) for number in range(12)])
    for wrong in (check(tmp_path / name), check(whole, validation=tmp_path / name)):
        assert found(wrong) == {(None, "file")} and not wrong.ok
