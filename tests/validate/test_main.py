"""`python -m helpers.validate`: the report on the screen, and an exit code for scripts."""
from __future__ import annotations

import io
import sys

import pytest

from helpers.validate.__main__ import main
from tests.validate.files import HI, good, row, says, with_fifth, written


@pytest.mark.parametrize(("line", "code", "said"), [
    (good(4),                       0, "No errors, no warnings."),
    (row(HI, says("")),             0, "1 warning\n  line 5  [empty]"),
    (row(HI),                       1, "1 error\n  line 5  [last turn]"),
])
def test_the_exit_code_says_whether_there_are_errors(tmp_path, capsys, line, code, said):
    path = with_fifth(tmp_path, line)
    assert main([str(path)]) == code
    printed = capsys.readouterr().out
    assert printed.startswith(f"{path}: 12 examples") and said in printed


def test_a_missing_file_is_a_sentence_not_a_traceback(tmp_path, capsys):
    assert main([str(tmp_path / "none.jsonl")]) == 1
    assert f'There is no file "{tmp_path / "none.jsonl"}".' in capsys.readouterr().out


def test_the_options_reach_the_check(tmp_path, capsys):
    path = written(tmp_path, [good(number) for number in range(12)])
    assert main([str(path), "--validation", str(path), "--production", str(path), "--longest", "5"]) == 0
    printed = capsys.readouterr().out
    assert "[too long]" in printed and "validation line 1  [leakage]" in printed


def test_a_console_without_the_letters_of_a_label_shows_their_codes(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert main([str(with_fifth(tmp_path, row({"role": "Größe", "content": "Hi"}, says("Hello."))))]) == 1
    sys.stdout.flush()
    assert rb"Gr\xf6\xdfe" in sys.stdout.buffer.getvalue()
