"""Folders and files appear whole or not at all."""
from __future__ import annotations

import pytest

from helpers.local.folders import scratch, settle, settled, write


def test_a_folder_that_was_not_settled_is_gone(tmp_path):
    with pytest.raises(KeyboardInterrupt), scratch(tmp_path / "home") as part:
        (part / "content").write_text("half")
        raise KeyboardInterrupt
    assert list((tmp_path / "home").iterdir()) == settled(tmp_path / "home") == []


def test_a_settled_folder_stays_and_nothing_else_does(tmp_path):
    with scratch(tmp_path / "home") as part:
        (part / "content").write_text("whole")
        assert settled(tmp_path / "home") == []     # it is not seen while it is written
        settle(part, tmp_path / "home" / "one")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["one"]
    assert (tmp_path / "home" / "one" / "content").read_text() == "whole"


def test_of_two_that_settle_the_first_stays(tmp_path):
    for text in ("first", "second"):
        with scratch(tmp_path) as part:
            (part / "content").write_text(text)
            settle(part, tmp_path / "one")
    assert (tmp_path / "one" / "content").read_text() == "first"


def test_a_home_that_is_not_there_holds_nothing(tmp_path):
    assert settled(tmp_path / "nowhere") == []


def test_a_file_is_written_anew(tmp_path):
    for text in ("old", "new"):
        write(tmp_path / "job.json", text)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()
            if path.is_file()] == [("job.json", "new")]
