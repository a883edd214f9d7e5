"""Shelves: which reply is given back under which COURSE_REPLAY, and what happens when a shelf is damaged."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from helpers.evaluation import evaluate
from helpers.provider.recordings import Call, DamagedRecording, Recorded
from helpers.provider.shelves import Shelves
from helpers.provider.transport import NotRecorded
from helpers.settings import SettingError, store_folder
from tests.talking import (
    always,
    answer,
    asking,
    connected,
    examples,
    in_turn,
    new_process,
    recordings_folder,
    say,
)

CALL = Call("chat/completions", "p", {"model": "m", "messages": [{"role": "user", "content": "hi"}]})


def reply(text: str) -> Recorded:
    return Recorded({"choices": [{"message": {"content": text}}]}, 0.1)


def both_shelves(folder: Path) -> Shelves:
    """Shelves whose recordings and store both hold a reply to CALL, and the store one more."""
    shelves = Shelves(folder / "recordings", folder / "store")
    shelves.committed.add(CALL, reply("recorded"))
    shelves.store.add(CALL, reply("stored"))
    shelves.store.add(Call("chat/completions", "p", CALL.request, repeat=1), reply("stored"))
    return Shelves(folder / "recordings", folder / "store")


# ---------------------------------------------------------------- modes

@pytest.mark.parametrize(("mode", "found"), [("auto", ["recorded", "stored"]), ("only", ["recorded", None]),
                                             ("own", ["stored", "stored"]), ("off", [None, None]),
                                             ("ONLY", ["recorded", None])])
def test_the_mode_says_where_replies_are_looked_for(tmp_path, monkeypatch, mode, found):
    monkeypatch.setenv("COURSE_REPLAY", mode)
    shelves = both_shelves(tmp_path)
    replies = [shelves.find(Call("chat/completions", "p", CALL.request, repeat)) for repeat in (0, 1)]
    assert [hit and hit.reply["choices"][0]["message"]["content"] for hit in replies] == found


def test_a_mode_that_is_none_is_named_by_the_first_call(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer())), COURSE_REPLAY="sometimes")
    with pytest.raises(SettingError, match="COURSE_REPLAY='sometimes' is not one of auto, only, own, off"):
        say(client)
    assert loopback.count == 0


def test_only_replays_what_is_recorded_or_fails_without_touching_the_network(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer("billing"))), COURSE_RECORD="nb")
    assert say(client, "seen") == "billing"
    monkeypatch.delenv("COURSE_RECORD")
    monkeypatch.setenv("COURSE_REPLAY", "only")
    client = new_process(monkeypatch)
    assert say(client, "seen") == "billing"
    with pytest.raises(NotRecorded, match=r"=only.*'loop-1' is recorded for c-\w+, .*'never seen'"):
        say(client, "never seen")
    assert loopback.count == 1


def test_only_stops_a_batch_at_the_first_miss(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer())), COURSE_REPLAY="only")
    with pytest.raises(NotRecorded):
        evaluate(asking(client), examples(20))
    assert loopback.count == 0


def test_auto_asks_once_and_off_every_time(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer())))
    assert [say(client), say(client), say(new_process(monkeypatch))] == ["delivery"] * 3
    assert loopback.count == 1
    monkeypatch.setenv("COURSE_REPLAY", "off")
    say(client)
    say(client)
    assert loopback.count == 3


def test_replies_asked_with_off_are_kept_for_later(loopback, monkeypatch):
    say(connected(monkeypatch, loopback(always(answer("billing"))), COURSE_REPLAY="off"))
    monkeypatch.delenv("COURSE_REPLAY")
    assert (say(new_process(monkeypatch)), loopback.count) == ("billing", 1)


def test_a_readers_replies_never_go_into_the_recordings(loopback, monkeypatch):
    say(connected(monkeypatch, loopback(always(answer()))))
    assert not recordings_folder().exists()
    assert len(list(store_folder().glob("replies-*.jsonl"))) == 1


# ---------------------------------------------------------------- recording

def test_recording_live_begins_anew_and_asks_each_call_once(loopback, monkeypatch):
    url = loopback(in_turn(answer("billing"), answer("delivery")))
    client = connected(monkeypatch, url, COURSE_RECORD="nb", COURSE_REPLAY="off")
    assert [say(client), say(client)] == ["billing", "billing"]
    client = new_process(monkeypatch)
    assert [say(client), say(client)] == ["delivery", "delivery"]
    assert loopback.count == 2
    assert [path.name for path in recordings_folder().glob("*")] == ["nb.jsonl"]
    assert (recordings_folder() / "nb.jsonl").read_text().count('"call"') == 1


def test_recording_what_is_missing_keeps_what_is_asked_and_drops_the_rest(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer())), COURSE_RECORD="nb")
    say(client, "kept")
    say(client, "no longer asked")
    before = (recordings_folder() / "nb.jsonl").read_text()
    client = new_process(monkeypatch)
    assert [say(client, text) for text in ("kept", "new")] == ["delivery"] * 2
    assert loopback.count == 3
    after = (recordings_folder() / "nb.jsonl").read_text()
    assert "no longer asked" in before and "no longer asked" not in after
    assert all(text in after for text in ("kept", "new"))


def test_a_reply_that_another_file_holds_is_replayed_and_not_kept_twice(loopback, monkeypatch):
    say(connected(monkeypatch, loopback(always(answer("billing"))), COURSE_RECORD="first"), "shared")
    for _ in range(2):      # recorded again it is the same, and the first file keeps its own
        monkeypatch.setenv("COURSE_RECORD", "second")
        client = new_process(monkeypatch)
        assert [say(client, text) for text in ("shared", "own")] == ["billing"] * 2
        monkeypatch.setenv("COURSE_RECORD", "first")
        assert say(new_process(monkeypatch), "shared") == "billing"
    assert loopback.count == 2
    held = {path.stem: path.read_text() for path in recordings_folder().glob("*.jsonl")}
    assert "shared" in held["first"] and "shared" not in held["second"] and "own" in held["second"]


# ---------------------------------------------------------------- damage

def record(loopback, monkeypatch) -> Path:
    """Record a reply, and return the file."""
    say(connected(monkeypatch, loopback(always(answer("billing"))), COURSE_RECORD="nb"))
    monkeypatch.delenv("COURSE_RECORD")
    return recordings_folder() / "nb.jsonl"


def test_an_edited_recording_stops_a_call_and_a_batch_at_once(loopback, monkeypatch):
    path = record(loopback, monkeypatch)
    path.write_text(path.read_text().replace("billing", "delivery"))
    client = new_process(monkeypatch)
    with pytest.raises(DamagedRecording, match=r"nb\.jsonl, line 3: its seal is broken"):
        say(client)
    with pytest.raises(DamagedRecording):
        evaluate(asking(client), [replace(one, input="hello") for one in examples(3)])
    assert loopback.count == 1


def test_a_damaged_store_is_skipped_with_a_word_and_asked_again(loopback, monkeypatch):
    url = loopback(in_turn(answer("billing"), answer("billing"), answer("delivery")))
    client = connected(monkeypatch, url)
    say(client, "one")
    say(client, "two")
    [path] = store_folder().glob("replies-*.jsonl")
    path.write_bytes(path.read_bytes()[:-40])
    client = new_process(monkeypatch)
    assert (say(client, "one"), loopback.count) == ("billing", 2)
    with pytest.warns(UserWarning, match=rf"Kept reply not used: {path.name}, line \d"):
        assert (say(client, "two"), loopback.count) == ("delivery", 3)


# ---------------------------------------------------------------- a folder that cannot be written

def test_a_read_only_store_is_said_once_and_every_answer_still_comes(loopback, monkeypatch, capsys):
    client = connected(monkeypatch, loopback(always(answer())))
    monkeypatch.setattr("helpers.provider.recordings.Recordings._append", read_only)
    assert evaluate(asking(client), examples(12)).right == 12
    said = capsys.readouterr().err
    assert said.count("cannot be kept in store (Read-only file system): a rerun will ask again") == 1
    assert "Set COURSE_STORE" in said


def test_a_store_that_cannot_be_made_is_the_same(loopback, monkeypatch, capsys, tmp_path):
    (tmp_path / "a-file").write_text("")
    store = str(tmp_path / "a-file" / "store")
    client = connected(monkeypatch, loopback(always(answer())), COURSE_STORE=store)
    assert [say(client), say(client, "again")] == ["delivery"] * 2
    assert capsys.readouterr().err.count("Replies cannot be kept in store (Not a directory)") == 1


def test_recording_into_a_read_only_folder_fails_aloud(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer())), COURSE_RECORD="nb")
    monkeypatch.setattr("helpers.provider.recordings.Recordings._append", read_only)
    with pytest.raises(OSError, match="Read-only"):
        say(client)


def read_only(*_: object):
    raise OSError(30, "Read-only file system")
