"""The service's process: it starts, is found again, ends with the one that started it, and tells nobody its key."""
from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import openai
import psutil
import pytest

from helpers.local import service
from helpers.local.service import ROOT
from tests.conftest import client_of

CHAT, MINILM = "smollm2-135m", "all-MiniLM-L6-v2"


def answers(one: service.Service) -> bool:
    return client_of(one).models.list().data[0].id == CHAT


def gone(pid: int, seconds: float = 10) -> bool:
    """Wait until a process is gone, and say whether it went."""
    end = time.monotonic() + seconds
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


# ---------------------------------------------------------------- start and stop

def test_a_service_answers_until_it_is_stopped(own_service):
    one = own_service()
    assert answers(one)
    one.stop()
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


def test_a_ctrl_c_meant_for_the_notebook_does_not_end_the_service(own_service):
    one = own_service()
    assert os.getsid(one.process.pid) != os.getsid(0)
    one.process.send_signal(signal.SIGINT)
    assert answers(one)
    assert one.alive


def test_a_service_that_does_not_start_shows_its_last_words(monkeypatch, tmp_path):
    monkeypatch.setattr(service, "ROOT", tmp_path)      # no package `helpers` there
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(RuntimeError, match="(?s)did not start.*helpers"):
        service.start()


def test_a_service_that_ends_before_it_reads_its_key_is_no_broken_pipe(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="did not start.*\n.*it said nothing"):
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


def test_a_service_is_started_once_also_by_two_threads(fresh):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: fresh(), range(2))
    assert first is second is fresh()


@pytest.mark.live
def test_after_the_engines_process_was_killed_the_next_call_starts_another(fresh):
    first = fresh()
    os.kill(first.process.pid, signal.SIGKILL)
    assert gone(first.process.pid)
    second = fresh()
    assert second.process.pid != first.process.pid
    assert answers(second)


# ---------------------------------------------------------------- the end of the parent

PARENT = """
import os, sys, threading, time
from helpers.local import service
from tests.conftest import client_of

one = service.running()
def chat():
    client_of(one).chat.completions.create(model="smollm2-135m", max_tokens=2000, temperature=1,
                                           messages=[{"role": "user", "content": "Tell me a very long story."}])
if sys.argv[1] == "killed in mid-answer":
    client_of(one).embeddings.create(model="all-MiniLM-L6-v2", input="load one engine")
    threading.Thread(target=chat, daemon=True).start()
    time.sleep(0.5)
print(one.process.pid, flush=True)
if sys.argv[1] == "error":
    raise ValueError("out of luck")
if sys.argv[1] == "at once":
    os._exit(0)
if sys.argv[1].startswith("killed"):
    time.sleep(60)
"""


@pytest.mark.live
@pytest.mark.parametrize("end", ["killed", "killed in mid-answer", "normally", "error", "at once"])
def test_the_service_ends_with_the_process_that_started_it(end):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, end], cwd=ROOT, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with parent:
        child = int(parent.stdout.readline())
        if end.startswith("killed"):
            parent.kill()
    assert gone(child)


def test_the_service_outlives_a_child_that_the_parent_started_later(own_service):
    """And the child does not hold the service's pipe open: the service still ends with its parent."""
    one = own_service()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        one.stop()
        assert bystander.poll() is None
        bystander.communicate(b"\n")


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


def test_the_key_stands_on_no_command_line_in_no_environment_and_in_no_log(own_service):
    one = own_service()
    assert answers(one)
    process = psutil.Process(one.process.pid)
    told = [*process.cmdline(), *process.environ().values(), service.log_file().read_text(), repr(one)]
    assert len(one.api_key) >= 32
    assert not [text for text in told if one.api_key in text]


def test_each_service_has_a_key_of_its_own(own_service):
    assert own_service().api_key != own_service().api_key
