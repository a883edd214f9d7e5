"""The diary: kept in one file, by several notebooks at once, and neither read nor written when all is replayed."""
from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers.exercises import diary, exercise
from helpers.exercises.questions import questions


def test_it_begins_empty():
    assert diary.entries() == {} and not diary.file().exists()


def test_what_is_entered_is_read_again_with_its_day():
    diary.enter("01.1")
    diary.enter("quiz 01.2")
    assert diary.entries().keys() == {"01.1", "quiz 01.2"}
    assert all(len(day) == len("2026-11-29") for day in diary.entries().values())


def test_the_day_of_the_first_time_stays():
    diary.file().parent.mkdir(parents=True)
    diary.file().write_text(json.dumps({"01.1": "2026-01-01"}), encoding="utf-8")
    diary.enter("01.1")
    assert diary.entries() == {"01.1": "2026-01-01"}


def test_two_notebooks_may_write_at_once():
    names = [f"01.{n}" for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(diary.enter, names))
    assert sorted(diary.entries()) == sorted(names)


def test_it_is_neither_read_nor_written_when_everything_is_replayed(monkeypatch):
    diary.enter("01.1")
    monkeypatch.setenv("COURSE_REPLAY", "only")
    diary.enter("01.2")
    assert diary.entries() == {}
    monkeypatch.delenv("COURSE_REPLAY")
    assert list(diary.entries()) == ["01.1"]


def test_a_damaged_file_is_named():
    diary.file().parent.mkdir(parents=True)
    diary.file().write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"progress\.json cannot be read .* Delete it to begin anew"):
        diary.entries()


def test_the_table_counts_what_is_done_of_what_there_is(monkeypatch):
    monkeypatch.setattr(diary, "MODULES", {"01": exercise.MODULES["01"]})
    diary.enter("01.1")
    diary.enter("01.3")
    diary.enter("quiz 01.1")
    diary.enter("an exercise of an older edition")
    assert diary.progress().loc["01"].to_dict() == {"exercises": "2 of 4", "quiz": f"1 of {len(questions('01'))}"}
