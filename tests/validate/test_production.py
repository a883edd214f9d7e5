"""Production inputs unlike training inputs are noticed, whatever form they come in."""
from __future__ import annotations

from pathlib import Path

import pytest

from helpers.validate import check
from helpers.validate.production import language_of, script_of, sent
from tests.validate.files import WORDS, good, row, says, user, written

ENGLISH = [f"Where is my {thing} and when will it come to the {place}?"
           for thing in WORDS[:10] for place in WORDS[10:14]]
GERMAN  = [f"Wo ist mein {thing} und wann kommt es an, bitte?" for thing in WORDS]
RUSSIAN = [f"Где моя посылка номер {number} и когда она придёт?" for number in range(40)]
MEDICAL = [f"Patient {number} presents acute dyspnoea; recommend dosage adjustments?" for number in range(40)]


def differences(folder: Path, lines: list) -> list[str]:
    train = written(folder, [row(user(text), says("Soon.")) for text in ENGLISH[::2]])
    report = check(train, production=written(folder, lines, "production.jsonl"))
    assert report.ok
    return [finding.message for finding in report.warnings if finding.kind == "production"]


@pytest.mark.parametrize("form", [str, lambda text: {"input": text}, lambda text: row(user(text), says("Soon.")),
                                  lambda text: row({"role": "system", "content": "Be brief."}, user(text))])
def test_production_like_training_has_no_difference(tmp_path, form):
    assert differences(tmp_path, [form(text) for text in ENGLISH[1::2]]) == []


@pytest.mark.parametrize(("lines", "words"), [
    (RUSSIAN,                               "script 'Cyrillic'"),
    (ENGLISH[1::2] + GERMAN[:20],           "language 'German'"),
    ([text * 5 for text in ENGLISH[1::2]],  "characters (median)"),
    (MEDICAL,                               "words in production inputs"),
    (ENGLISH[1::2] + MEDICAL,               "unlike any training input"),
])
def test_how_production_differs_is_said(tmp_path, lines, words):
    assert any(words in message for message in differences(tmp_path, lines))


def test_production_lines_without_input_are_named_and_none_crashes(tmp_path):
    train = written(tmp_path, [good(number) for number in range(12)])
    odd = ['{"messages": [5]}', '{"messages": []}', '{"input": 5}', '{"x": 1}',
           '{"messages": [{"role": "user", "content": [[]]}]}']
    report = check(train, production=written(tmp_path, ["Hi", *odd, "{broken"], "sent.txt"))
    assert {f.line for f in report.warnings if "holds no input" in f.message} == {2, 3, 4, 5, 6}
    assert [f.kind for f in check(train, production=tmp_path / "none").errors] == ["file"]


def test_a_text_s_script_and_language_are_named():
    assert [script_of(text) for text in ("Где посылка?", "Where is it?", "12 + 35")] == ["Cyrillic", "Latin",
                                                                                        "no letters"]
    assert [language_of(text.split()) for text in ("wo ist mein paket", "where is my parcel", "")] == ["German",
                                                                                                      "English", ""]


@pytest.mark.parametrize(("line", "text"), [
    ('{"input": "Hi"}', "Hi"), ("Hi", "Hi"), ('{"messages": "Hi"}', "Hi"), ("{broken", "{broken"), ('{"x": 1}', None)])
def test_the_input_is_read_out_of_a_line(line, text):
    assert sent(line) == text
