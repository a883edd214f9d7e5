"""The service's process: it starts, is found again, ends with the one that started it, and tells nobody its key."""
from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import openai
import psutil
import pytest

from helpers.local import service, weights
from helpers.local.service import ROOT
from tests.conftest import client_of

CHAT, MINILM = weights.DEFAULT_CHAT_MODEL, "all-MiniLM-L6-v2"


def answers(one: service.Service) -> bool:
    return client_of(one).models.list().data[0].id == CHAT


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone(pid: int, seconds: float = 60) -> bool:
    """Wait until a process is gone, and say whether it went."""
    end = time.monotonic() + seconds
    while runs(pid):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


# ---------------------------------------------------------------- start and stop

def test_a_service_answers_until_it_is_stopped(own_service):
    one = own_service()
    assert answers(one)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        one.stop()      # a child started later does not hold the service's pipe open
        assert bystander.poll() is None
        bystander.communicate(b"\n")
    assert not one.alive
    with pytest.raises(openai.APIConnectionError):
        answers(one)


def test_a_service_starts_without_weights_and_without_network(own_service):
    assert answers(own_service(COURSE_WEIGHTS="nowhere.gguf")) is False     # named after the file, not loaded


def test_two_services_at_once_do_not_open_each_others_door(own_service):
    first, second = own_service(), own_service()
    assert answers(first) and answers(second)
    with pytest.raises(openai.AuthenticationError):
        client_of(first).with_options(api_key=second.api_key).models.list()
    first.stop()
    assert answers(second)


@pytest.mark.live
def test_a_ctrl_c_meant_for_the_notebook_does_not_reach_the_service(live_service):
    assert os.getpgid(live_service.process.pid) != os.getpgid(0)


@pytest.mark.parametrize(("script", "words"), [("read key; echo out of memory >&2", "out of memory"),
                                               ("exit 1", "it said nothing")])
def test_a_service_that_does_not_start_shows_its_last_words(monkeypatch, tmp_path, script, words):
    (tmp_path / "python").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "python").chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(RuntimeError, match=rf"did not start:\n.*{words}"):
        service.start()


def test_a_read_only_cache_folder_does_not_keep_a_service_from_starting(own_service, monkeypatch):
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    monkeypatch.setattr(service.Path, "mkdir", denied)
    assert answers(own_service())


# ---------------------------------------------------------------- one for each process

@pytest.fixture
def fresh(monkeypatch) -> Iterator[Callable[[], service.Service]]:
    """Return `running`, as if this process had started no service yet; end what it starts."""
    monkeypatch.setattr(service, "_running", None)
    yield service.running
    if service._running:
        service._running.stop()


def test_a_service_is_started_once_and_again_when_its_process_was_killed(fresh):
    with ThreadPoolExecutor(2) as pool:
        first, same = pool.map(lambda _: fresh(), range(2))
    assert first is same is fresh()
    first.process.kill()
    first.process.wait(timeout=10)
    second = fresh()
    assert second is not first
    assert answers(second)


# ---------------------------------------------------------------- the end of the parent

PARENT = """
import os, sys, time
from helpers.local import service, weights

one = service.running()
if sys.argv[1] == "killed in mid-answer":
    from openai import OpenAI
    client = OpenAI(base_url=one.base_url, api_key=one.api_key)
    story = client.chat.completions.create(model=weights.DEFAULT_CHAT_MODEL, max_tokens=2000, stream=True,
                                           messages=[{"role": "user", "content": "Tell me a very long story."}])
    next(story)
print(one.process.pid, flush=True)
if sys.argv[1] == "at once":
    os._exit(0)
if sys.argv[1] == "killed in mid-answer":
    time.sleep(60)
"""


@pytest.mark.live
@pytest.mark.parametrize("end", ["killed in mid-answer", "normally", "at once"])
def test_the_service_ends_with_the_process_that_started_it(end):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, end], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    with parent:
        child = int(parent.stdout.readline())
        if end == "killed in mid-answer":
            assert psutil.pid_exists(child)
            parent.kill()
    assert gone(child)


# ---------------------------------------------------------------- what others on this machine can see

@pytest.mark.live
def test_every_port_is_open_on_loopback_only(live_service, live_client):
    live_client.embeddings.create(model=MINILM, input="load the engines")
    live_client.chat.completions.create(model=CHAT, max_tokens=1, messages=[{"role": "user", "content": "Hi"}])
    listening = [port.laddr for port in psutil.Process(live_service.process.pid).net_connections()
                 if port.status == psutil.CONN_LISTEN]
    assert len(listening) >= 2      # ours and the engine's own
    assert {address.ip for address in listening} == {"127.0.0.1"}


@pytest.mark.live
def test_the_engines_own_ports_answer_nobody(live_service, live_client):
    live_client.chat.completions.create(model=CHAT, max_tokens=1, messages=[{"role": "user", "content": "Hi"}])
    ports = {port.laddr.port for port in psutil.Process(live_service.process.pid).net_connections()
             if port.status == psutil.CONN_LISTEN} - {int(live_service.base_url.split(":")[2].removesuffix("/v1"))}
    for port in ports:
        stranger = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=live_service.api_key, max_retries=0)
        with pytest.raises(openai.AuthenticationError):
            stranger.chat.completions.create(model=CHAT, messages=[{"role": "user", "content": "Hi"}])


@pytest.mark.live
def test_the_key_stands_on_no_command_line_in_no_environment_and_in_no_log(live_service):
    process = psutil.Process(live_service.process.pid)
    told = [*process.cmdline(), *process.environ().values(), service.log_file().read_text(), repr(live_service)]
    assert len(live_service.api_key) >= 32
    assert not [text for text in told if live_service.api_key in text]
