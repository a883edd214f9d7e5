"""Exercises are found by name, and a name that is not there says which are."""
from __future__ import annotations

import pytest

from helpers.exercises.exercise import NotYet, find, must, of_notebook


def test_an_exercise_is_found_by_its_name():
    assert find("01.2").name == "01.2"
    assert list(of_notebook("01")) == ["01.1", "01.2", "01.3", "01.4"]


@pytest.mark.parametrize("name", ["01.9", "01", "01."])
def test_a_name_that_is_not_there_is_told_those_that_are(name):
    with pytest.raises(LookupError, match=r"There is no exercise .*There are: 01\.1, 01\.2, 01\.3, 01\.4\."):
        find(name)


@pytest.mark.parametrize("name", ["9.1", "00.1", "01b.1", ""])
def test_a_notebook_without_exercises_is_told_which_have_some(name):
    with pytest.raises(LookupError, match="has no exercises; these have: 01, 02"):
        find(name)


def test_must_says_why_not():
    must([1], "never said")
    with pytest.raises(NotYet, match="it has 0 rows"):
        must([], "it has 0 rows")
