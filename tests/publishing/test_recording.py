"""A notebook's recording is written anew without risk to the old one."""
from __future__ import annotations

import os
import signal
import subprocess
import sys

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from helpers.provider.recordings import Call, Recorded, Recordings
from helpers.publishing import recording
from helpers.publishing.recording import nothing_lost


def add(folder, *texts, reply="billing"):
    """Record one reply to each text into nb.jsonl."""
    recordings = Recordings(folder, name="nb", files="")
    for text in texts:
        recordings.add(call(text), Recorded({"choices": [reply]}, 0.1))


def call(text):
    return Call("chat/completions", "m:1", {"messages": [{"role": "user", "content": text}]})


def replies(folder):
    """Return what nb.jsonl answers, every line of it trusted."""
    recordings = Recordings(folder, strict=True, files="nb.jsonl")
    return {one.request["messages"][0]["content"]: kept.reply["choices"][0] for one, kept in recordings.calls()}


def test_a_recording_that_ends_well_holds_what_it_asked_and_nothing_else(tmp_path):
    add(tmp_path, "old")
    with nothing_lost(tmp_path / "nb.jsonl"):
        (tmp_path / "nb.jsonl").unlink()        # as the recorder begins
        add(tmp_path, "new")
    assert replies(tmp_path) == {"new": "billing"}
    assert [path.name for path in tmp_path.glob("nb*")] == ["nb.jsonl"]


@pytest.mark.parametrize("ending", [RuntimeError, KeyboardInterrupt])
def test_a_recording_that_is_cut_off_keeps_the_old_replies_and_those_that_came(tmp_path, ending):
    add(tmp_path, "old", "asked again")
    with pytest.raises(ending), nothing_lost(tmp_path / "nb.jsonl"):
        (tmp_path / "nb.jsonl").unlink()
        add(tmp_path, "asked again", reply="delivery")
        raise ending
    assert replies(tmp_path) == {"old": "billing", "asked again": "delivery"}
    assert [path.name for path in tmp_path.glob("nb*")] == ["nb.jsonl"]


def test_cut_off_before_the_first_reply_everything_is_there(tmp_path):
    add(tmp_path, "old")
    with pytest.raises(RuntimeError), nothing_lost(tmp_path / "nb.jsonl"):
        (tmp_path / "nb.jsonl").unlink()
        raise RuntimeError
    assert replies(tmp_path) == {"old": "billing"}


def test_a_first_recording_that_is_cut_off_keeps_what_came(tmp_path):
    with pytest.raises(RuntimeError), nothing_lost(tmp_path / "nb.jsonl"):
        add(tmp_path, "new")
        raise RuntimeError
    assert replies(tmp_path) == {"new": "billing"}


def test_after_a_kill_the_next_recording_finds_both_and_no_half_line(tmp_path):
    add(tmp_path, "old")
    script = ("import sys, time; from pathlib import Path; from helpers.publishing.recording import nothing_lost\n"
              "file = Path(sys.argv[1])\n"
              "with nothing_lost(file):\n"
              "    file.unlink(); print('begun', flush=True); time.sleep(600)")
    with subprocess.Popen([sys.executable, "-c", script, tmp_path / "nb.jsonl"], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"begun\n"
        add(tmp_path, "new")
        with (tmp_path / "nb.jsonl").open("a") as file:
            file.write('{"call": "c-77')
        os.kill(process.pid, signal.SIGKILL)
    assert "old" not in (tmp_path / "nb.jsonl").read_text()
    with nothing_lost(tmp_path / "nb.jsonl"):
        assert replies(tmp_path) == {"old": "billing", "new": "billing"}


def test_a_failing_cell_costs_the_notebook_none_of_its_recorded_replies(tmp_path, monkeypatch):
    add(tmp_path, "old")
    monkeypatch.setattr(recording, "RECORDINGS", tmp_path)
    cells = [new_code_cell(f"import pathlib; pathlib.Path({str(tmp_path / 'nb.jsonl')!r}).unlink()"),
             new_code_cell("1 / 0")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "nb.ipynb")
    with pytest.raises(CellExecutionError):
        recording.record(tmp_path / "nb.ipynb", replay="auto")
    assert replies(tmp_path) == {"old": "billing"}


def test_what_changed_is_said(tmp_path, monkeypatch, capsys):
    add(tmp_path, "kept", "changed", "gone")
    monkeypatch.setattr(recording, "RECORDINGS", tmp_path)

    def run(path, **settings):
        assert settings == {"COURSE_REPLAY": "off", "COURSE_RECORD": "nb"}
        (tmp_path / "nb.jsonl").unlink()
        add(tmp_path, "kept", "new")
        add(tmp_path, "changed", reply="delivery")
    monkeypatch.setattr(recording.notebooks, "run", run)
    recording.record(tmp_path / "nb.ipynb", replay="off")
    first, *changed = capsys.readouterr().out.splitlines()
    assert first == "nb: 3 replies recorded; 1 changed, 1 new, 1 gone"
    assert changed == [f"  {call('changed').key}: ['billing']", "    is now ['delivery']"]
