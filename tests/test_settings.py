"""Settings come from the environment first, then from .env, then from their default."""
from __future__ import annotations

import pytest

from helpers import settings


def test_the_environment_wins_over_the_file(monkeypatch):
    (settings.ROOT / ".env").write_text("COURSE_REPLAY=off\nCOURSE_BUDGET=2\n")
    monkeypatch.setenv("COURSE_REPLAY", "only")
    assert settings.setting("COURSE_REPLAY", "auto") == "only"
    assert settings.number("COURSE_BUDGET", 1.0) == 2.0


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("COURSE_REPLAY", "")
    assert settings.setting("COURSE_REPLAY", "auto") == "auto"


def test_a_number_that_is_none_is_named(monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "one dollar")
    with pytest.raises(settings.SettingError, match=r"COURSE_BUDGET='one dollar' is not a number\. Write it like"):
        settings.number("COURSE_BUDGET", 1.0)


def test_the_store_is_beside_the_readme_unless_set(monkeypatch, tmp_path):
    assert settings.store_folder() == tmp_path / "store"
    monkeypatch.delenv("COURSE_STORE")
    assert settings.store_folder() == settings.ROOT / ".course"
