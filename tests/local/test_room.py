"""Too little room is said before a training starts."""
from __future__ import annotations

from types import SimpleNamespace

import pytest

from helpers.local import room

PLENTY = 10**12


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A file of 100 MB, and a way to say how much disk and memory are free."""
    def free(disk: int = PLENTY, memory: int = PLENTY) -> SimpleNamespace:
        monkeypatch.setattr(room.shutil, "disk_usage", lambda _: SimpleNamespace(free=disk))
        monkeypatch.setattr(room.psutil, "virtual_memory", lambda: SimpleNamespace(available=memory))
        return SimpleNamespace(stat=lambda: SimpleNamespace(st_size=100_000_000))
    return free


def test_enough_is_enough(machine):
    assert room.need(machine()) is None


@pytest.mark.parametrize(("free", "code", "words"), [
    ({"disk": 10**6}, "insufficient_disk", "needs 350 MB of disk and .* has 1 MB left. Free some, or set COURSE_CACHE"),
    ({"memory": 10**9}, "insufficient_memory", "needs 2,680 MB of memory and 1,000 MB are free. Close other programs"),
])
def test_too_little_is_said_with_how_much_is_needed(machine, free, code, words):
    with pytest.raises(room.NoRoom, match=words) as caught:
        room.need(machine(**free))
    assert caught.value.code == code
