"""Recordings: what a key is made of, what the file says, how damage is noticed and nothing else is lost."""
from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import helpers
from helpers.provider.recordings import Call, DamagedRecording, Recorded, Recordings, _seal

ROOT = Path(helpers.__file__).parent.parent
SYSTEM = {"role": "system", "content": "You label messages."}
REPLY = {"choices": [{"message": {"content": "billing"}}]}


def call_about(text: str, **request: object) -> Call:
    body = {"model": "m", "messages": [SYSTEM, {"role": "user", "content": text}], "temperature": 0}
    return Call("chat/completions", "m:sha:q8", body | request)


def filled(folder: Path, *texts: str, name: str = "nb") -> Path:
    """Write a reply to a call about each text, and return the file."""
    recordings = Recordings(folder, name=name)
    for text in texts:
        recordings.add(call_about(text), Recorded(REPLY | {"about": text}, 0.5))
    return recordings.file


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def edit(path: Path, old: str, new: str, count: int = 1) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")


# ---------------------------------------------------------------- keys

@pytest.mark.parametrize("other", [
    replace(call_about("a"), provider="m:sha:q4"), replace(call_about("a"), repeat=1),
    replace(call_about("a"), endpoint="embeddings"), call_about("b"), call_about("a", temperature=0.7),
    call_about("a", model="n"), call_about("a", seed=1), call_about("a", stream=True),
    call_about("a", messages=[{"role": "user", "content": "a"}, SYSTEM])])
def test_whatever_can_change_the_answer_changes_the_key(tmp_path, other):
    filled(tmp_path, "a")
    recordings = Recordings(tmp_path)
    assert recordings.find(call_about("a")).reply["about"] == "a"
    assert recordings.find(other) is None


def test_the_order_of_names_in_a_request_does_not_change_the_key():
    request = call_about("a").request
    assert Call("e", "p", dict(reversed(request.items()))).key == Call("e", "p", request).key


# ---------------------------------------------------------------- the file

def test_a_message_and_a_setup_are_written_once_and_each_call_refers_to_them(tmp_path):
    lines = lines_of(filled(tmp_path, "a", "b", "c"))
    assert [line["content"] for line in lines if "message" in line] == ["You label messages.", "a", "b", "c"]
    assert sum("endpoint" in line for line in lines) == 1
    assert sum("call" in line for line in lines) == 3


def test_a_recording_holds_the_whole_request_latency_and_date(tmp_path):
    filled(tmp_path, "a")
    [(call, recorded)] = Recordings(tmp_path).calls()
    assert (call, recorded.seconds, len(recorded.date)) == (call_about("a"), 0.5, 10)


def test_a_reply_that_came_in_a_batch_is_known_as_such_and_nobody_knows_how_long_it_took(tmp_path):
    Recordings(tmp_path, name="nb").add(call_about("a"), Recorded(REPLY, math.nan, batched=True))
    found = Recordings(tmp_path, strict=True).find(call_about("a"))
    assert found.batched and math.isnan(found.seconds)
    assert lines_of(tmp_path / "nb.jsonl")[-1]["seconds"] is None
    filled(tmp_path, "b", name="other")
    assert not Recordings(tmp_path).find(call_about("b")).batched
    assert "batched" not in lines_of(tmp_path / "other.jsonl")[-1]


@pytest.mark.parametrize("messages", [
    [{"role": "user", "name": "Ann", "content": "hi"}],
    [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], []])
def test_unusual_messages_come_back_as_they_were(tmp_path, messages):
    call = call_about("a", messages=messages)
    Recordings(tmp_path, name="nb").add(call, Recorded(REPLY, 0.1))
    [(again, _)] = Recordings(tmp_path, strict=True).calls()
    assert again == call and Recordings(tmp_path).find(call)


def test_text_of_any_script_is_readable_in_the_file(tmp_path):
    path = filled(tmp_path, "où est 我的包裹\u2028\x85?")
    assert "où est 我的包裹" in path.read_text(encoding="utf-8")
    assert Recordings(tmp_path, strict=True).find(call_about("où est 我的包裹\u2028\x85?"))


def test_a_ledger_in_the_same_folder_is_no_recording(tmp_path):
    (tmp_path / "ledger.jsonl").write_text('{"paid": 0.1}\n')
    assert len(Recordings(tmp_path, strict=True)) == 0


# ---------------------------------------------------------------- damage

EDITS = {
    "the reply": ('"billing"', '"delivery"', "seal is broken"),
    "a message": ("You label", "You must label", "it was edited"),
    "the request": ('"temperature": 0', '"temperature": 1', "it was edited"),
    "the provider": ("m:sha:q8", "m:sha:q4", "it was edited"),
    "the latency": ('"seconds": 0.5', '"seconds": 0.1', "seal is broken"),
    "the repeat index": ('"repeat": 0', '"repeat": 1', "seal is broken"),
    "its seal": ('"seal": "', '"seal": "0', "seal is broken"),
}


@pytest.mark.parametrize(("old", "new", "said"), EDITS.values(), ids=EDITS)
def test_an_edit_is_noticed_with_file_line_and_what_to_do(tmp_path, old, new, said):
    edit(filled(tmp_path, "a", "b"), old, new)
    recordings = Recordings(tmp_path, strict=True)
    for _ in range(2):      # and is not taken for a reply that was never there
        with pytest.raises(DamagedRecording, match=rf"nb\.jsonl, line \d+: .*{said}.*[Rr]estore .* from git"):
            recordings.find(call_about("a"))
    with pytest.raises(DamagedRecording):
        list(recordings.calls())


def test_a_swap_of_two_replies_is_noticed(tmp_path):
    path = filled(tmp_path, "a", "b")
    first, second = (line for line in lines_of(path) if "call" in line)
    edit(path, json.dumps(first["reply"]), json.dumps(second["reply"]))
    with pytest.raises(DamagedRecording):
        Recordings(tmp_path, strict=True).find(call_about("a"))


def test_a_reply_put_under_the_id_of_another_request_is_noticed(tmp_path):
    """With a seal that fits, as somebody would make it who knows how."""
    path = filled(tmp_path, "a", "b")
    first, second = (line for line in lines_of(path) if "call" in line)
    forged = second | {"call": first["call"]}
    path.write_text(path.read_text() + json.dumps(forged | {"seal": _seal(forged)}) + "\n")
    with pytest.raises(DamagedRecording, match="its id does not belong to its request"):
        Recordings(tmp_path, strict=True).find(call_about("a"))


def test_what_nobody_asks_for_is_not_looked_at(tmp_path):
    edit(filled(tmp_path, "a", "b"), '"about": "a"', '"about": "z"')
    recordings = Recordings(tmp_path, strict=True)
    assert recordings.find(call_about("b")).reply["about"] == "b"
    with pytest.raises(DamagedRecording, match=r"nb\.jsonl, line \d+: its seal is broken"):
        recordings.find(call_about("a"))


NO_RECORDING = {"half a line": '{"call": "c-1", "set', "a number": "5", "a list": "[]", "a text": '"x"',
                "null": "null", "nothing in it": "{}", "no such parts": '{"call": "c-1", "seal": "x"}',
                "zeros": "\0\0\0\0"}


@pytest.mark.parametrize("junk", NO_RECORDING.values(), ids=NO_RECORDING)
def test_a_damaged_line_stops_a_committed_recording_and_is_skipped_with_a_word_in_the_store(tmp_path, junk):
    path = filled(tmp_path, "a", "b")
    path.write_text(junk + "\n" + path.read_text())
    with pytest.raises(DamagedRecording, match=r"nb\.jsonl, line 1: "):
        Recordings(tmp_path, strict=True)
    with pytest.warns(UserWarning, match=r"Kept reply not used: nb\.jsonl, line 1: .*asked again"):
        store = Recordings(tmp_path)
    assert len(store) == 2


def test_a_damaged_message_costs_the_store_only_the_calls_that_say_it(tmp_path):
    edit(filled(tmp_path, "a", "b"), '"content": "a"', '"content": "z"')
    store = Recordings(tmp_path)
    with pytest.warns(UserWarning, match=r"nb\.jsonl, line 2: its text does not belong to its id.*asked again"):
        assert store.find(call_about("a")) is None
    assert store.find(call_about("b"))
    store.add(call_about("a"), Recorded(REPLY, 0.5))
    assert store.find(call_about("a")).reply == REPLY


def test_a_last_line_torn_by_kill_9_costs_that_reply_alone(tmp_path):
    path = filled(tmp_path, "a", "b")
    path.write_bytes(path.read_bytes()[:-30])
    store = Recordings(tmp_path)
    with pytest.warns(UserWarning, match=r"Kept reply not used: nb\.jsonl, line 6: "):
        assert store.find(call_about("a")) and store.find(call_about("b")) is None


def test_a_line_gone_is_missed_by_the_calls_that_refer_to_it(tmp_path):
    path = filled(tmp_path, "a", "b")
    path.write_text("".join(line for line in path.read_text().splitlines(True) if '"content": "a"' not in line))
    with pytest.raises(DamagedRecording, match=r"nb\.jsonl, line 3: m-[0-9a-f]{16} is missing"):
        Recordings(tmp_path, strict=True).find(call_about("a"))
    assert Recordings(tmp_path, strict=True).find(call_about("b"))


def test_bytes_that_are_no_text_cost_that_reply_alone(tmp_path):
    path = filled(tmp_path, "a", "b")
    path.write_bytes(path.read_bytes().replace(b'"about": "b"', b'"about": "\xff"'))
    with pytest.warns(UserWarning, match=r"nb\.jsonl, line 6: 'utf-8' codec can't decode"):
        assert Recordings(tmp_path).find(call_about("b")) is None


# ---------------------------------------------------------------- writing

def test_a_folder_that_cannot_be_written_raises_and_the_recording_is_not_half_there(tmp_path, monkeypatch):
    recordings = Recordings(tmp_path, name="nb")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", read_only)
        with pytest.raises(OSError, match="Read-only"):
            recordings.add(call_about("a"), Recorded(REPLY, 0.1))
    recordings.add(call_about("a"), Recorded(REPLY, 0.1))
    assert Recordings(tmp_path, strict=True).find(call_about("a"))


def read_only(*_: object, **__: object):
    raise OSError(30, "Read-only file system")


WRITER = """
import sys
from pathlib import Path
from types import ModuleType
for name in ("helpers", "helpers.provider"):        # the packages without what they import, which takes seconds
    sys.modules[name] = ModuleType(name)
    sys.modules[name].__path__ = [name.replace(".", "/")]
from helpers.provider.recordings import Call, Recorded, Recordings
store = Recordings(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for i in range(200):
    text = f"{sys.argv[2]} {i} " + "x" * 9000
    call = Call("chat/completions", "p", {"messages": [{"role": "user", "content": text}]})
    store.add(call, Recorded({"choices": [i]}, 0.1))
"""


def test_two_processes_write_one_store_at_once_and_every_reply_is_whole(tmp_path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], text=True, cwd=ROOT,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE) for name in ("one", "two")]
    assert [writer.stdout.readline() for writer in writers] == ["ready\n", "ready\n"]
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.communicate() and writer.returncode for writer in writers] == [0, 0]
    assert len(Recordings(tmp_path, strict=True)) == 400
    assert len(list(tmp_path.glob("*.jsonl"))) == 2
