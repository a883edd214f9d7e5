"""Say in a minute or two whether a machine can run the course: a line a check, what was measured, and the way out.

    python course.py doctor

    Python       OK         3.12.4
    disk         OK         71 GB free
    ...
    Ready: everything the course needs works here. (31 s)

What loads the course's packages runs in a process of its own with a time limit, so that a crash or a hang becomes a
line. For the same reason nothing but Python's own library is imported above the checks: the doctor must speak where
set-up has not been, or has broken off. Needs no network, and ends with 0 if the machine is ready, else with 1.
Does not: mend anything, or ask a hosted model.
"""
from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 14)       # as course.py has them

OK, SLOW, TIGHT, FAILED, NOT_TRIED = "OK", "slow", "tight", "FAILED", "not tried"
SETUP = "Run `python course.py setup`: what is done stays done."

GB = 1e9
DISK_FOR_SETUP = 5 * GB         # packages, weights, and both once more while they are unpacked
DISK_FOR_LESSONS = 0.5 * GB     # adapters, checkpoints, a reader's own replies
MEMORY_FOR_CHAT = 1.0 * GB      # what tests/benchmarks/learners.py found, and a little more
SLOW_KERNEL = 20                # seconds until a notebook's first cell has run
SLOW_REPLAY = 15                # seconds until the recordings are read
SLOW_CHAT = 15                  # tokens a second; two cores of a server write about 100
SLOW_TRAINING = 60              # tokens a second; two cores of a server learn about 400, without bfloat16 about 150


@dataclass(frozen=True)
class Finding:
    """What a check found: its state, what was measured, and what to do if it is not OK."""

    state: str
    measured: str
    advice: str = ""


@dataclass(frozen=True)
class Check:
    """A check by name. `seconds` is its limit; without one it runs here, and needs no package of the course."""

    name: str
    look: Callable[[], Finding]
    seconds: int = 0
    needs: tuple[str, ...] = ()     # checks that must not have failed


# ---------------------------------------------------------------- what needs nothing but Python

def python_version() -> Finding:
    """Is this Python one that every package has a ready-built file for?"""
    version = sys.version_info[:2]
    measured = ".".join(map(str, sys.version_info[:3]))
    if OLDEST <= version <= NEWEST:
        return Finding(OK, measured)
    return Finding(FAILED, measured, "The course needs Python 3.11 to 3.14: install one, and start course.py with it.")


def disk() -> Finding:
    """Is there room: for the packages before set-up, for a reader's own trainings after it?"""
    free = shutil.disk_usage(ROOT).free
    needed = DISK_FOR_LESSONS if (ROOT / ".venv").exists() or os.environ.get("CONDA_PREFIX") else DISK_FOR_SETUP
    measured = f"{free / GB:.1f} GB free"
    if free >= needed:
        return Finding(OK, measured)
    return Finding(FAILED, measured, f"The course needs {needed / GB:.1f} GB here. Free some, or move this folder to "
                                     "another disk and set it up there.")


def loopback() -> Finding:
    """Can a program here listen on 127.0.0.1, and another reach it? The embedded model and Jupyter talk that way."""
    started = time.perf_counter()
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with socket.create_connection(listener.getsockname(), timeout=5) as caller:
                listener.settimeout(5)
                answerer, _ = listener.accept()
                with answerer:
                    answerer.sendall(b"?")
                caller.recv(1)
            port = listener.getsockname()[1]
    except OSError as error:
        return Finding(FAILED, f"127.0.0.1: {error.strerror or error}", "A firewall, a VPN or security software keeps "
                       "programs from talking on this machine itself. Allow Python to, or switch that off for the day.")
    return Finding(OK, f"127.0.0.1:{port} answered in {1000 * (time.perf_counter() - started):.0f} ms")


def packages() -> Finding:
    """Does this Python have every package that pyproject.toml names, in its version?"""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    wrong = [pin for pin in asked if _installed(pin.split("==")[0]) != pin.split("==")[1]]
    if not wrong:
        return Finding(OK, f"{len(asked)} of {len(asked)}")
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return Finding(FAILED, f"{len(asked) - len(wrong)} of {len(asked)}", f"Missing: {wrong[0]}{more}. {SETUP}")


def _installed(name: str) -> str | None:
    """Return a package's version without the build's name. Example: _installed("torch") -> "2.13.0" """
    try:
        return metadata.version(name).split("+")[0]
    except metadata.PackageNotFoundError:
        return None


# ---------------------------------------------------------------- what needs the course's packages

def memory() -> Finding:
    """Is there memory for the model that answers, and for one that is trained?"""
    import psutil

    from helpers.local import room, weights
    chat = weights.CHAT_MODELS[weights.DEFAULT_CHAT_MODEL].path
    training = room.UNPACKED * (chat.stat().st_size if chat.exists() else 145e6) + room.ACTIVATIONS
    free = psutil.virtual_memory().available
    measured = f"{free / GB:.1f} GB available"
    if free < MEMORY_FOR_CHAT:
        return Finding(FAILED, measured, f"The embedded model needs up to {MEMORY_FOR_CHAT / GB:.1f} GB. Close other "
                                         "programs, a browser first.")
    if free < training:
        return Finding(TIGHT, measured, f"Enough to ask the model; a training of your own needs {training / GB:.1f} "
                                        "GB. Close other programs before you train.")
    return Finding(OK, measured)


def weights_whole() -> Finding:
    """Are the models' files here, and still what was made of the verified downloads?"""
    from helpers.local import weights
    models = [weights.CHAT_MODELS[weights.DEFAULT_CHAT_MODEL], weights.MINILM]
    missing = [model.name for model in models if not model.path.exists()]
    if missing:
        return Finding(FAILED, f"{', '.join(missing)} missing", SETUP)
    damaged = [model for model in models if not weights.is_intact(model)]
    if damaged:
        return Finding(FAILED, f"{damaged[0].path.name}: wrong hash",
                       f"The file is damaged. Delete {damaged[0].path}, then run `python course.py setup`.")
    size = sum(model.path.stat().st_size for model in models)
    return Finding(OK, f"{len(models)} files, {size / 1e6:.0f} MB, SHA-256 as noted when they were made")


def kernel() -> Finding:
    """Does a notebook's cell run, and in the Python that has the course's packages?"""
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook
    started = time.perf_counter()
    notebook = new_notebook(cells=[new_code_cell("import sys, helpers; print(sys.prefix)")])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute(cwd=str(ROOT / "notebooks"))
    prefix, seconds = Path(notebook.cells[0].outputs[0].text.strip()), time.perf_counter() - started
    if prefix.resolve() != Path(sys.prefix).resolve():
        return Finding(FAILED, f"it runs in {prefix}", "Another Python has registered itself as Jupyter's `python3`. "
                       "Remove that with `jupyter kernelspec remove python3`, then look again.")
    return _judged(seconds <= SLOW_KERNEL, f"first cell after {seconds:.1f} s",
                   "Notebooks open slowly here; the second one opens faster.")


def chat() -> Finding:
    """Does the embedded model answer through the course's own client, and how fast?"""
    from helpers.provider import client_for, embedded
    target = embedded()
    client = client_for(target)

    def ask(text: str) -> tuple[int, float]:
        started = time.perf_counter()
        reply = client.chat.completions.create(model=target.model, max_tokens=40, temperature=0,
                                               messages=[{"role": "user", "content": text}])
        return reply.usage.completion_tokens, time.perf_counter() - started

    _, first = ask("My parcel has not arrived. What should I do?")
    tokens, seconds = ask("Tell me a story about a lighthouse and the people who live in it.")
    speed = tokens / seconds
    return _judged(speed >= SLOW_CHAT, f"{speed:.0f} tokens/s, first reply after {first:.1f} s",
                   "Recorded replies are as fast as ever; what you ask anew takes its time. Close other programs, "
                   "plug the machine in.")


def training() -> Finding:
    """Does a second of real training work, and how fast is it?"""
    from helpers.local import room, training, weights
    path = weights.chat_model_path()
    try:
        room.need(path)
    except room.NoRoom as error:
        return Finding(TIGHT, "not enough room", str(error))
    seen = training.Losses()

    def note(step: int, steps: int, so_far: training.Losses) -> None:
        seen.tokens, seen.seconds, seen.losses = so_far.tokens, so_far.seconds, so_far.losses

    recipe = training.Recipe(rank=8, batch_tokens=256, epochs=40)
    with tempfile.TemporaryDirectory() as folder:
        training.train(path, [[[lesson] for lesson in _lessons()]] * recipe.epochs, recipe, Path(folder), note,
                       stop_after=1)
    speed = seen.tokens / seen.seconds
    measured = f"{speed:.0f} tokens/s on {training.device_here()}, {len(seen.losses)} steps in {seen.seconds:.1f} s"
    return _judged(speed >= SLOW_TRAINING, measured,
                   "Trainings are recorded and replay; one of your own is a matter of hours here.")


def _lessons() -> list:
    """Return a few labelled tickets as conversations to learn."""
    from helpers.local.conversations import conversation
    lines = (ROOT / "data" / "tickets" / "train.jsonl").read_text(encoding="utf-8").splitlines()[:24]
    rows = map(json.loads, lines)
    return [conversation({"messages": [{"role": "user", "content": row["input"]},
                                       {"role": "assistant", "content": str(row["expected"])}]}) for row in rows]


def replay() -> Finding:
    """Is a recorded reply given back as it was, with nothing asked?"""
    from helpers.local import weights
    from helpers.provider import connect, shelves
    started = time.perf_counter()
    client, model = connect(weights.DEFAULT_CHAT_MODEL)
    call, recorded = next((call, recorded) for call, recorded in shelves().committed.calls()
                          if call.endpoint == "chat/completions" and call.request["model"] == model
                          and isinstance(recorded.reply, dict) and "choices" in recorded.reply)
    answer = client.chat.completions.create(**call.request).choices[0].message.content
    seconds = time.perf_counter() - started
    if answer != recorded.reply["choices"][0]["message"]["content"]:
        return Finding(FAILED, "another reply than recorded", "Restore data/recordings from git: "
                                                              "`git checkout data/recordings`.")
    return _judged(seconds <= SLOW_REPLAY, f"1 of {len(shelves().committed):,} replies, read in {seconds:.1f} s",
                   "Each notebook takes so long before its first reply; after that they come at once.")


def _judged(fast_enough: bool, measured: str, advice: str) -> Finding:
    return Finding(OK, measured) if fast_enough else Finding(SLOW, measured, advice)


# ---------------------------------------------------------------- going round

CHECKS = (
    Check("Python", python_version),
    Check("disk", disk),
    Check("loopback", loopback),
    Check("packages", packages, 60),
    Check("memory", memory, 60, ("packages",)),
    Check("weights", weights_whole, 120, ("packages",)),
    Check("kernel", kernel, 120, ("packages", "loopback")),
    Check("replay", replay, 120, ("packages",)),
    Check("chat", chat, 180, ("packages", "loopback", "memory", "weights")),
    Check("training", training, 240, ("packages", "memory", "weights")),
)
MARGIN, WIDTH = " " * 24, 100
SETTINGS = {"replay": {"COURSE_REPLAY": "only"}, "chat": {"COURSE_REPLAY": "off"}}


def examine(python: Path, say: Callable[[str], None] = print) -> int:
    """Go through the checks with the course's Python, say a line for each and a verdict; return the exit code."""
    started, found = time.monotonic(), {}
    for check in CHECKS:
        failed = [name for name in check.needs if found[name].state in (FAILED, NOT_TRIED)]
        if failed:
            finding = Finding(NOT_TRIED, f"needs {failed[0]}")
        else:
            finding = in_own_process(python, check) if check.seconds else check.look()
        found[check.name] = finding
        say(line(check.name, finding))
    say(verdict(list(found.values()), time.monotonic() - started))
    return int(any(finding.state == FAILED for finding in found.values()))


def line(name: str, finding: Finding) -> str:
    """Return a check as a line, with a second one that says what to do.

    Example: line("disk", Finding("OK", "71 GB free")) -> "disk         OK         71 GB free"
    """
    first = f"{name:<12} {finding.state:<10} {finding.measured}"
    advice = textwrap.fill(finding.advice, WIDTH, initial_indent=MARGIN, subsequent_indent=MARGIN,
                           break_long_words=False, break_on_hyphens=False)
    return f"{first}\n{advice}" if advice else first


def verdict(findings: list[Finding], seconds: float) -> str:
    """Return the sentence that decides.

    Example: verdict([Finding("FAILED", "0.1 GB free", "…")], 2) -> "Not ready: fix the 1 line above … FAILED. (2 s)"
    """
    failed = sum(finding.state == FAILED for finding in findings)
    limited = sum(finding.state in (SLOW, TIGHT) for finding in findings)
    if failed:
        sentence = f"Not ready: fix the {failed} line{'s' * (failed > 1)} above marked FAILED."
    elif limited:
        sentence = (f"Ready: all works, and {limited} line{'s' * (limited > 1)} above "
                    f"{'say' if limited > 1 else 'says'} where this machine is short.")
    else:
        sentence = "Ready: everything the course needs works here."
    return f"{sentence} ({seconds:.0f} s)"


def in_own_process(python: Path, check: Check) -> Finding:
    """Run one check with another Python, and turn a crash, an error or a hang into a finding."""
    if not python.exists():
        return Finding(FAILED, "no .venv yet", "Run `python course.py setup` first.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        settings = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COURSE_STORE": folder,
                    **SETTINGS.get(check.name, {})}
        with out.open("wb") as stdout, err.open("wb") as stderr:    # files: a pipe stays open with a grandchild
            # -P: else this folder's modules could be taken for other packages'
            child = subprocess.Popen([str(python), "-P", __file__, "--check", check.name], cwd=ROOT,
                                     env=os.environ | settings, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
            try:
                code = child.wait(check.seconds)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                return Finding(FAILED, f"no end after {check.seconds} s", "Close other programs and look again. If it "
                               "stays so, security software may be holding Python up.")
        said = out.read_text(encoding="utf-8", errors="replace").splitlines()
        complained = err.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if code == 0 and said and said[-1].startswith("{"):
        return Finding(**json.loads(said[-1]))
    return _broken(code, complained)


def _broken(code: int, complained: list[str]) -> Finding:
    """Return the finding on a check that ended without one.

    Example: _broken(1, ["ModuleNotFoundError: No module named 'torch'"]) -> Finding("FAILED", "No module …", "Run …")
    """
    last = complained[-1] if complained else "it said nothing"
    if code < 0 or code > 2:
        return Finding(FAILED, f"it crashed (exit code {code})", "The packages' machine code does not run here, or "
                       "memory ran out. Close other programs and look again; else report this line.")
    return Finding(FAILED, last[:120], SETUP if "No module named" in last else "The line says what the program met. "
                   "Run `python course.py setup`, look again, and report the line if it stays.")


def main() -> int:
    """Read the command line; go round, or look at one thing and print it as JSON."""
    parser = argparse.ArgumentParser(prog="python course.py doctor", description="Can this machine run the course?")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help=argparse.SUPPRESS)
    parser.add_argument("--check", choices=[check.name for check in CHECKS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.check:
        print(json.dumps(asdict(next(check for check in CHECKS if check.name == options.check).look())), flush=True)
        os._exit(0)     # the engine's threads would hold up an ordinary exit
    return examine(options.python, lambda text: print(text, flush=True))


if __name__ == "__main__":
    sys.exit(main())
