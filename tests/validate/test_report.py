"""A report lists the first findings of a kind, counts the rest, and shows values short and safe."""
from __future__ import annotations

import pytest

from helpers.validate import Report, check
from helpers.validate.report import LISTED, plural, shown
from tests.validate.files import good, written


def test_a_thousand_copies_are_listed_in_part_and_counted(tmp_path):
    report = check(written(tmp_path, [good(0)] * 1000))
    duplicates = [finding for finding in report.warnings if finding.kind == "duplicate"]
    assert [finding.line for finding in duplicates] == list(range(2, LISTED + 2))
    assert f"... and {999 - LISTED} more [duplicate]" in str(report)


def test_a_report_reads_as_a_page():
    report = Report("train.jsonl", examples=1, tokens=1200)
    assert str(report) == "train.jsonl: 1 example, about 1,200 tokens\nNo errors, no warnings." and report.ok
    report.note(3, "empty", "Message 1 is empty.")
    assert str(report).endswith("\n1 warning\n  line 3  [empty]  Message 1 is empty.\n\nNo errors.") and report.ok
    report.notes_on("validation")(None, "file", "There is none.")
    assert "\n1 error\n  validation  [file]  There is none.\n" in str(report) and not report.ok


@pytest.mark.parametrize(("value", "said"), [
    ("bot", "'bot'"), (None, "null"), (True, "true"), (0.5, "0.5"), ({"a": 1}, "an object"), ([], "a list"),
    (10 ** 50, "a very long number"), ("x" * 50, f"'{'x' * 40}...'"), ("a\nb", r"'a\nb'"), ("\ud800", r"'\ud800'"),
    ("password: hunter42x", "(hidden: it looks like a secret)")])
def test_a_value_is_shown_short_on_one_line_and_without_a_secret(value, said):
    assert shown(value) == said


def test_nouns_are_counted():
    assert [plural(count, "line") for count in (0, 1, 1200)] == ["0 lines", "1 line", "1,200 lines"]
