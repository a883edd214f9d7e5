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

from helpers.local.service import ROOT, loopback_socket

CHAT = "smollm2-135m"


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
def test_any_client_works_with_the_two_lines_until_ctrl_c(start, monkeypatch):
    process = start("--alias", "gpt-4o-mini")
    variables = exported(process)
    assert list(variables) == ["OPENAI_BASE_URL", "OPENAI_API_KEY"]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    reply = OpenAI().chat.completions.create(model="gpt-4o-mini", max_tokens=3,
                                             messages=[{"role": "user", "content": "Hi"}])
    assert (reply.model, reply.usage.completion_tokens) == (CHAT, 3)
    assert variables["OPENAI_API_KEY"] not in " ".join(psutil.Process(process.pid).cmdline())
    process.send_signal(signal.SIGINT)
    rest, said = process.communicate(timeout=10)
    assert (rest, process.returncode) == ("", 0)
    assert "Traceback" not in said
    assert variables["OPENAI_API_KEY"] not in said


@pytest.mark.live
def test_a_port_may_be_chosen(start):
    with loopback_socket() as listener:
        port = listener.getsockname()[1]
    assert exported(start("--port", str(port)))["OPENAI_BASE_URL"] == f"http://127.0.0.1:{port}/v1"


def refusal(process: subprocess.Popen) -> str:
    """Return what it says when it cannot serve: on stderr only, one sentence, no traceback."""
    printed, said = process.communicate(timeout=30)
    assert (printed, process.returncode) == ("", 1)
    assert "Traceback" not in said
    return said


@pytest.mark.live
def test_a_port_in_use_is_named(start):
    with loopback_socket() as listener:
        port = listener.getsockname()[1]
        assert f"Port {port} cannot be used" in refusal(start("--port", str(port)))


@pytest.mark.live
def test_a_port_that_cannot_be_is_named(start):
    assert "Port 70000 cannot be used" in refusal(start("--port", "70000"))


def test_weights_that_cannot_be_had_are_said_before_any_promise(start, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path / "absent.gguf"))
    assert "absent.gguf': there is no such file. Give the path" in refusal(start())


@pytest.mark.live
def test_a_real_ticket_is_answered_as_proof(start):
    process = start("--prove")
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert re.search(rf"A customer writes:  .+\n\n{CHAT} answers:  .{{10,}}", printed, re.DOTALL)


def test_proof_with_a_damaged_file_is_refused_in_a_sentence(start, monkeypatch, tmp_path):
    (tmp_path / "mine.gguf").write_bytes(b"GGUF\3\0\0\0 and then nothing that makes sense")
    monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path / "mine.gguf"))
    assert "cannot load mine.gguf: the file is damaged" in refusal(start("--prove"))
