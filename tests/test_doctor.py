"""The doctor: each thing that can be wrong becomes a line with its cause and the way out, and nothing makes it hang."""
from __future__ import annotations

import ast
import collections
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import course
import helpers.provider
from helpers import doctor
from helpers.doctor import FAILED, NOT_TRIED, OK, SLOW, TIGHT, Check, Finding
from helpers.local import room, training, weights

HERE = Path(sys.executable)
BY_NAME = {check.name: check for check in doctor.CHECKS}
posix = pytest.mark.skipif(os.name == "nt", reason="the stand-ins for Python are shell scripts")


def examined(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> tuple[list[str], int]:
    """Go round these checks alone, and return the lines and the exit code."""
    monkeypatch.setattr(doctor, "CHECKS", checks)
    said: list[str] = []
    return said, doctor.examine(HERE, said.append)


def check(name: str, state: str, *needs: str) -> Check:
    return Check(name, lambda: Finding(state, "measured", "" if state == OK else "do this"), needs=needs)


# ---------------------------------------------------------------- lines, verdict, exit code

def test_all_well_is_ready_and_ends_with_0(monkeypatch):
    lines, code = examined(monkeypatch, check("disk", OK), check("chat", OK))
    assert lines[0] == "disk         OK         measured"
    assert lines[-1].startswith("Ready: everything the course needs works here. (")
    assert code == 0


def test_one_failure_is_not_ready_ends_with_1_and_says_what_to_do(monkeypatch):
    lines, code = examined(monkeypatch, check("disk", FAILED), check("chat", OK))
    assert lines[0].splitlines()[1].strip() == "do this"
    assert lines[-1].startswith("Not ready: fix the 1 line above marked FAILED. (")
    assert code == 1


@pytest.mark.parametrize("state", [SLOW, TIGHT])
def test_a_slow_machine_is_ready_and_told_so(state, monkeypatch):
    lines, code = examined(monkeypatch, check("chat", state))
    assert lines[-1].startswith("Ready: all works, and 1 line above says where this machine is short. (")
    assert code == 0


def test_what_needs_a_failed_check_is_not_tried_and_not_counted(monkeypatch):
    lines, _ = examined(monkeypatch, check("weights", FAILED), check("chat", OK, "weights"), check("x", OK, "chat"))
    assert lines[1].split(maxsplit=1)[1] == f"{NOT_TRIED}  needs weights"
    assert lines[2].split(maxsplit=1)[1] == f"{NOT_TRIED}  needs chat"
    assert "fix the 1 line " in lines[-1]


def test_every_check_stands_after_those_it_needs_and_has_a_limit_if_it_loads_anything():
    names = [one.name for one in doctor.CHECKS]
    assert all(names.index(needed) < names.index(one.name) for one in doctor.CHECKS for needed in one.needs)
    assert [one.name for one in doctor.CHECKS if not one.seconds] == ["Python", "disk", "loopback"]
    assert sum(one.seconds for one in doctor.CHECKS) < 1_000


# ---------------------------------------------------------------- where set-up has not been

def test_without_a_venv_it_says_to_run_setup(tmp_path):
    ran = subprocess.run([sys.executable, "-P", doctor.__file__, "--python", str(tmp_path / "none")],
                         capture_output=True, text=True, timeout=60)
    assert "packages     FAILED     no .venv yet" in ran.stdout
    assert "Run `python course.py setup` first." in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("Not ready: fix the 1 line above marked FAILED.")
    assert (ran.returncode, ran.stderr) == (1, "")


def test_it_imports_the_standard_library_alone_before_a_check_runs():
    body = ast.parse(Path(doctor.__file__).read_text(encoding="utf-8")).body
    top = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {name for node in top for name in ([node.module] if isinstance(node, ast.ImportFrom)
                                               else [alias.name for alias in node.names])}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_it_and_course_py_want_the_same_pythons():
    assert (doctor.OLDEST, doctor.NEWEST) == (course.OLDEST, course.NEWEST)


@pytest.mark.parametrize("version", [(3, 10, 4), (3, 15, 0)])
def test_a_python_that_will_not_do_is_named(version, monkeypatch):
    monkeypatch.setattr(sys, "version_info", version)
    finding = doctor.python_version()
    assert finding.state == FAILED and finding.measured == ".".join(map(str, version))
    assert "3.11 to 3.14" in finding.advice


def test_a_missing_package_is_named(monkeypatch):
    real = doctor._installed
    monkeypatch.setattr(doctor, "_installed", lambda name: None if name == "torch" else real(name))
    finding = doctor.packages()
    assert finding.state == FAILED and "Missing: torch==" in finding.advice and "setup" in finding.advice
    monkeypatch.setattr(doctor, "_installed", real)
    assert doctor.packages().state == OK


# ---------------------------------------------------------------- too little of something

@pytest.mark.parametrize(("free", "set_up", "state"), [
    (80e9, True, OK), (1e9, True, OK), (0.1e9, True, FAILED), (1e9, False, FAILED), (6e9, False, OK)])
def test_disk(free, set_up, state, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    if set_up:
        (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    finding = doctor.disk()
    assert finding.state == state
    assert bool(finding.advice) == (state == FAILED)


@pytest.mark.parametrize(("free", "state", "word"), [
    (16e9, OK, ""), (1.5e9, TIGHT, "training"), (2e8, FAILED, "browser")])
def test_memory(free, state, word, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    finding = doctor.memory()
    assert finding.state == state and word in finding.advice


def test_no_room_to_train_is_tight_and_says_how_much(monkeypatch):
    def none(_: Path) -> None:
        raise room.NoRoom("Tuning needs 2,850 MB of memory and 400 MB are free.", "insufficient_memory")

    monkeypatch.setattr(weights, "chat_model_path", lambda: Path("model.gguf"))
    monkeypatch.setattr(room, "need", none)
    finding = doctor.training()
    assert finding.state == TIGHT and "2,850 MB" in finding.advice


# ---------------------------------------------------------------- loopback

def test_loopback_works_here():
    assert doctor.loopback().state == OK


@pytest.mark.parametrize("part", ["create_server", "create_connection"])
def test_a_blocked_port_names_the_usual_culprits(part, monkeypatch):
    def blocked(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, part, blocked)
    finding = doctor.loopback()
    assert finding == Finding(FAILED, "127.0.0.1: Permission denied", finding.advice)
    assert "firewall" in finding.advice


# ---------------------------------------------------------------- weights

def weights_files(content: bytes = b"weights") -> list[weights.Model]:
    """Put two small files where the weights would be."""
    models = [weights.CHAT_MODELS[weights.DEFAULT_CHAT_MODEL], weights.MINILM]
    for model in models:
        model.path.parent.mkdir(parents=True, exist_ok=True)
        model.path.write_bytes(content)
    return models


def test_missing_weights_are_named_and_not_fetched(monkeypatch):
    monkeypatch.setattr(weights, "ensure", lambda _: pytest.fail("fetched"))
    finding = doctor.weights_whole()
    assert finding.state == FAILED
    assert finding.measured == f"{weights.DEFAULT_CHAT_MODEL}, {weights.MINILM.name} missing"
    assert "course.py setup" in finding.advice


def test_a_damaged_file_is_named_with_where_it_lies():
    chat, _ = weights_files()
    assert doctor.weights_whole().state == OK
    chat.path.write_bytes(b"weighty")
    finding = doctor.weights_whole()
    assert finding.state == FAILED and finding.measured == f"{chat.path.name}: wrong hash"
    assert str(chat.path) in finding.advice


# ---------------------------------------------------------------- kernel, replay, chat, training

def stub_kernel(monkeypatch: pytest.MonkeyPatch, prefix: str, seconds: float) -> None:
    """Let a notebook's cell print this prefix after so many seconds."""
    ticks = iter([0.0, seconds])
    monkeypatch.setattr(doctor, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))

    def client(notebook: SimpleNamespace, **_: object) -> SimpleNamespace:
        def execute(cwd: str) -> None:
            notebook.cells[0].outputs = [SimpleNamespace(text=prefix + "\n")]
        return SimpleNamespace(execute=execute)

    monkeypatch.setattr("nbclient.NotebookClient", client)


@pytest.mark.parametrize(("prefix", "seconds", "state"), [
    (sys.prefix, 3, OK), (sys.prefix, 45, SLOW), ("/opt/another-python", 3, FAILED)])
def test_kernel(prefix, seconds, state, monkeypatch):
    stub_kernel(monkeypatch, prefix, seconds)
    finding = doctor.kernel()
    assert finding.state == state
    assert ("kernelspec remove" in finding.advice) == (state == FAILED)


def test_a_recorded_reply_is_replayed_without_weights_or_network(monkeypatch):
    monkeypatch.setenv("COURSE_REPLAY", "only")
    helpers.provider.shelves.cache_clear()
    finding = doctor.replay()
    assert finding.state in (OK, SLOW) and finding.measured.startswith("1 of ")


def slow_client(seconds: float) -> SimpleNamespace:
    """A client whose replies of 40 tokens seem to take so long."""
    clock = collections.Counter()

    def create(**_: object) -> SimpleNamespace:
        clock["now"] += seconds
        return SimpleNamespace(usage=SimpleNamespace(completion_tokens=40))

    return SimpleNamespace(clock=clock, chat=SimpleNamespace(completions=SimpleNamespace(create=create)))


@pytest.mark.parametrize(("seconds", "state"), [(0.4, OK), (8, SLOW)])
def test_a_slow_model_is_measured(seconds, state, monkeypatch):
    client = slow_client(seconds)
    monkeypatch.setattr(helpers.provider, "client_for", lambda _: client)
    monkeypatch.setattr(doctor, "time", SimpleNamespace(perf_counter=lambda: client.clock["now"]))
    finding = doctor.chat()
    assert finding.state == state
    assert finding.measured.startswith(f"{40 / seconds:.0f} tokens/s")


@pytest.mark.parametrize(("speed", "state"), [(400, OK), (5, SLOW)])
def test_slow_training_is_measured(speed, state, monkeypatch):
    def train(path, lessons, recipe, folder, progress, stop_after):
        progress(1, 40, training.Losses(losses=[2.0], tokens=speed, seconds=1.0))

    monkeypatch.setattr(weights, "chat_model_path", lambda: Path("model.gguf"))
    monkeypatch.setattr(room, "need", lambda _: None)
    monkeypatch.setattr(training, "train", train)
    finding = doctor.training()
    assert finding.state == state
    assert finding.measured.startswith(f"{speed} tokens/s")


@pytest.mark.live
@pytest.mark.parametrize("name", ["packages", "memory", "weights", "chat", "training"])
def test_each_check_of_the_real_thing_ends_well(name):
    finding = doctor.in_own_process(HERE, replace(BY_NAME[name], seconds=1_200))    # however busy this machine is
    assert finding.state in (OK, SLOW, TIGHT), finding


# ---------------------------------------------------------------- crashes, errors, hangs

def stand_in(folder: Path, script: str) -> Path:
    """Write a shell script that is run in Python's place."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@posix
@pytest.mark.parametrize(("script", "measured", "advice"), [
    ("exec sleep 60", "no end after 1 s", "Close other programs"),
    ("kill -ILL $$", "it crashed", "machine code"),
    ("echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1", "No module named 'torch'", "course.py setup"),
    ("echo 'OSError: [Errno 28] No space left' >&2; exit 1", "No space left", "report the line"),
    ("exit 0", "it said nothing", "report the line"),
    ("sleep 60 & exit 1", "it said nothing", ""),     # a grandchild holds nothing up
])
def test_what_goes_wrong_in_a_check_becomes_a_line(script, measured, advice, tmp_path):
    limit = 1 if script.startswith("exec sleep") else 30
    finding = doctor.in_own_process(stand_in(tmp_path, script), Check("chat", doctor.chat, seconds=limit))
    assert finding.state == FAILED and measured in finding.measured and advice in finding.advice


@posix
def test_the_last_line_of_a_check_is_its_finding(tmp_path):
    script = """echo noise; echo '{"state": "OK", "measured": "fine", "advice": ""}'"""
    assert doctor.in_own_process(stand_in(tmp_path, script), BY_NAME["chat"]) == Finding(OK, "fine")
