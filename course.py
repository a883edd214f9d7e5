"""Set up, open and test the course with one command, on Windows, macOS and Linux.

    python course.py setup     build .venv, fetch the model's weights, answer one real ticket as proof
                               (setup --from FOLDER takes all of it from a folder that `bundle` filled, offline)
    python course.py lab       setup, then JupyterLab; what follows is passed on: lab --no-browser --port 9000
    python course.py doctor    check this machine, a line each, and say whether it is ready; no network, nothing changed
    python course.py test      setup, then all tests, or the parts you name: test style units notebooks
    python course.py site      the notebooks and guides as a searchable book, in build/site
    python course.py bundle FOLDER     pack all that set-up downloads, for a room without a network; --help says more
    python course.py record    setup, then ask everything the notebooks ask again, live
    python course.py record-training   setup, then train what the long experiments train: hours, and it may be cut off
    python course.py instruct  setup, then train a model to read its prompt: three hours, and it may be cut off

In an active conda environment made from environment.yml, that environment is used and no .venv is built.
Needs nothing but Python. Does not: change anything outside this folder but pip's cache and the weights' own.
"""
from __future__ import annotations  # an older Python must get as far as saying that it is too old

import argparse
import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "course-setup.sha256"
VENV_PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OLDEST, NEWEST = (3, 11), (3, 14)  # every package in requirements.lock has ready-built files for these

FIRST_NOTEBOOK = "notebooks/00_start_here.ipynb"
TWO = ("-n", "2", "--dist", "loadfile")     # on two cores half the time; a file's tests share what they start
TEST_PARTS = {
    "style":     ("ruff", "check", "."),
    "units":     ("pytest", *TWO, "tests"),
    "notebooks": ("pytest", *TWO, "--nbval", "--nbval-cell-timeout=300", "--nbval-kernel-startup-timeout=300",
                  "-p", "tests.nbval_kernel", "-p", "tests.nbval_prose", "notebooks",
                  "--ignore=notebooks/recipes"),    # they ask a server: tests/test_recipes.py starts one
}
# every warning is an error: a link that leads nowhere, a page that no table of contents has
SITE = ("sphinx", "-b", "html", "-c", "docs", "-W", "--keep-going", "--quiet")

SIZES = """Setting up the course. This happens once, and needs the network:
  packages into .venv    about 400 MB to download, 2.3 GB on disk, 2 to 10 minutes
  the model's weights    93 MB + 84 MB to download, kept in your user cache, 1 to 3 minutes"""
LINUX_SIZES = """On Linux, pip's PyTorch usually brings CUDA along: several GB more, and of no use here.
For the small CPU build, press Ctrl-C and use conda: conda env create -f environment.yml"""


class Stop(Exception):
    """The course cannot go on; the message says why and what to do next."""

    def __init__(self, message: str, code: int = 1):
        super().__init__(message)
        self.code = code


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command and return the exit code."""
    parser = argparse.ArgumentParser(prog="course.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    asked, rest = parser.parse_known_args(arguments)
    try:
        require_python(sys.version_info[:2])
        return COMMANDS[asked.command](rest)
    except Stop as stop:
        print(f"\n{stop}", file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on where it left off.", file=sys.stderr)
        return 130


# ---------------------------------------------------------------- the commands

def setup(rest: list[str]) -> int:
    """Make everything ready, from a folder that `bundle` filled if one is named."""
    if rest[:1] == ["--from"] and len(rest) == 2:
        take_from(Path(rest[1]))
    elif rest:
        raise Stop(f"setup takes nothing after it but --from FOLDER, and got {' '.join(rest)!r}. Leave that out.", 2)
    prepare()
    print("The course is ready. Open it with: python course.py lab")
    return 0


def lab(rest: list[str]) -> int:
    """Make everything ready and open the first notebook in JupyterLab."""
    # the whole course in the file browser, not the notebooks' folder alone: they link to data cards
    return run(prepare(), "-m", "jupyterlab", FIRST_NOTEBOOK, f"--ServerApp.root_dir={ROOT}", *rest)


def doctor(rest: list[str]) -> int:
    """Check this machine line by line, with or without a .venv; set nothing up."""
    return run(Path(sys.executable), "-P", "helpers/doctor.py", "--python", str(conda_python() or VENV_PYTHON), *rest)


def test(rest: list[str]) -> int:
    """Make everything ready and run the tests, every part even when an earlier one failed."""
    if unknown := [part for part in rest if part not in TEST_PARTS]:
        raise Stop(f"There is no test part {unknown[0]!r}. The parts are: {', '.join(TEST_PARTS)}.", 2)
    python = prepare()
    return summarize([run_part(python, part) for part in rest or TEST_PARTS])


def site(rest: list[str]) -> int:
    """Build the book in build/site: nothing is run, and nothing is fetched but its own packages, the first time."""
    python = conda_python() or venv_python()
    must(run(python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--only-binary=:all:",
             "-c", "requirements.lock", "-r", "docs/requirements.lock"),
         "The site's packages could not be installed; pip's message stands above. With the network, run it again.")
    must(run(python, "-m", *SITE, "-d", "build/doctrees", ".", "build/site", *rest),
         "The site could not be built; the lines above say which page and why.")
    print(f"The site is built: open {ROOT / 'build' / 'site' / 'index.html'}")
    return 0


def bundle(rest: list[str]) -> int:
    """Pack what set-up downloads, for this system or others."""
    return run(conda_python() or venv_python(), "-m", "helpers.bundle", *rest)


def record(rest: list[str]) -> int:
    """Make everything ready and record the notebooks' replies again."""
    return run(prepare(), "-m", "helpers.publishing", *rest)


def record_training(rest: list[str]) -> int:
    """Make everything ready and do the long experiments that are missing."""
    return run(prepare(), "-m", "helpers.experiments", *rest)


def instruct(rest: list[str]) -> int:
    """Make everything ready and train the course's own model, or go on with it."""
    return run(prepare(), "-m", "helpers.instructions", "train", *rest)


COMMANDS = {"setup": setup, "lab": lab, "doctor": doctor, "test": test, "site": site, "bundle": bundle,
            "record": record, "record-training": record_training, "instruct": instruct}


# ---------------------------------------------------------------- testing

def run_part(python: Path, part: str) -> tuple[str, int, float]:
    """Run one part of the tests; return its name, exit code and seconds.

    Example: run_part(python, "style") -> ("style", 0, 1.8)
    """
    # From recordings alone: a notebook that needs the live model would not be the one that readers see.
    settings = {"COURSE_REPLAY": "only"} if part == "notebooks" else {}
    print(f"\n--- {part}: {' '.join(TEST_PARTS[part])}", flush=True)
    started = time.monotonic()
    code = run(python, "-m", *TEST_PARTS[part], **settings)
    return part, code, time.monotonic() - started


def summarize(results: list[tuple[str, int, float]]) -> int:
    """Print a line for each part and return the worst exit code."""
    print("\n--- summary")
    for part, code, seconds in results:
        print(f"{part:<10} {'FAILED' if code else 'passed'} {seconds:6.0f} s")
    return max(code for _, code, _ in results)


# ---------------------------------------------------------------- setting up

def prepare() -> Path:
    """Make packages and weights ready, prove it on one ticket, and return the Python that runs the course."""
    python = conda_python() or venv_python()
    must(run(python, "-m", "helpers.local", "--fetch"),
         "The weights are not ready; the line above says why. What is done is kept: run the command again.")
    must(run(python, "-m", "helpers.local", "--prove"),
         "The embedded model did not answer; the lines above say why. Then run the same command again.")
    return python


def take_from(folder: Path) -> None:
    """Have pip look in this folder and nowhere else, for packages and weights alike."""
    if not any(folder.glob("*.whl")):
        raise Stop(f"{folder} holds no packages (*.whl). Name the folder for your system and your Python, such as "
                   f"{folder / 'windows-3.12'}.", 2)
    os.environ["PIP_NO_INDEX"], os.environ["PIP_FIND_LINKS"] = "1", str(folder.resolve())


def require_python(version: tuple[int, int]) -> None:
    """Raise Stop when the running Python is too old for the course."""
    if version < OLDEST:
        raise Stop(f"This is Python {dotted(version)}, and the course needs {dotted(OLDEST)} or newer: "
                   f"install one and start the course with it, as in `python{dotted(OLDEST)} course.py lab`.")


def conda_python() -> Path | None:
    """Return the running Python if it is the active conda environment's and has the course's packages."""
    active = os.environ.get("CONDA_PREFIX")
    is_ours = active and Path(active).resolve() == Path(sys.prefix).resolve()
    return Path(sys.executable) if is_ours and importlib.util.find_spec("xllamacpp") else None


def venv_python() -> Path:
    """Return the Python of .venv, built and filled first unless the stamp says that nothing has changed."""
    if not is_up_to_date():
        print(announcement(), flush=True)
        if not is_usable(VENV_PYTHON):
            build_venv()
        install_packages()
        STAMP.write_text(fingerprint(), encoding="ascii")
    return VENV_PYTHON


def announcement() -> str:
    """Return what is said before anything is installed."""
    if os.environ.get("PIP_NO_INDEX"):
        return f"Setting up the course from {os.environ.get('PIP_FIND_LINKS')}, without the network: a few minutes."
    return f"{SIZES}\n{LINUX_SIZES}" if sys.platform == "linux" else SIZES


def is_up_to_date() -> bool:
    """Say whether .venv holds what requirements.lock and pyproject.toml ask for now."""
    return VENV_PYTHON.exists() and STAMP.exists() and STAMP.read_text(encoding="ascii") == fingerprint()


def fingerprint() -> str:
    """Return a hash of what .venv was made from: the pinned packages, and this folder's path."""
    digest = hashlib.sha256(str(ROOT).encode())
    for name in ("requirements.lock", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_usable(python: Path) -> bool:
    """Say whether this Python starts, is new enough and has pip; one from a broken-off build may not."""
    probe = f"import sys, pip; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})"
    return python.exists() and subprocess.run([str(python), "-c", probe], capture_output=True).returncode == 0


def build_venv() -> None:
    """Make an empty .venv with the running Python, in place of one that does not work."""
    version = sys.version_info[:2]
    if version > NEWEST:
        raise Stop(f"Python {dotted(version)} is too new: not every package of the course has a ready-built "
                   f"file for it yet. Start the course with Python {dotted(OLDEST)} to {dotted(NEWEST)}.")
    must(run(Path(sys.executable), "-m", "venv", "--clear", str(VENV)),
         "Python could not build .venv; its own message stands above. On Debian and Ubuntu, "
         "`sudo apt install python3-venv` mends it. Then run the same command again.")


def install_packages() -> None:
    """Install the pinned packages, none of them compiled here, then the course itself as it lies here."""
    pip = ("-m", "pip", "install", "--disable-pip-version-check")
    must(run(VENV_PYTHON, *pip, "--only-binary=:all:", "-r", "requirements.lock"),
         "The packages could not be installed; pip's message stands above. With the network and 5 GB of free "
         "disk, run the same command again: what is downloaded is kept. If pip found \"no matching "
         "distribution\", PyTorch has none for this machine: it takes 64-bit Windows or Linux, or macOS 14 "
         "or newer on Apple silicon.")
    must(run(VENV_PYTHON, *pip, "--quiet", "--no-deps", "--no-build-isolation", "--editable", "."),
         "The course's own package could not be installed; pip's message stands above.")


def dotted(version: tuple[int, int]) -> str:
    """Example: dotted((3, 11)) -> "3.11" """
    return ".".join(map(str, version))


# ---------------------------------------------------------------- running other programs

def must(code: int, message: str) -> None:
    """Raise Stop with the message and the exit code, unless the code is 0."""
    if code:
        raise Stop(message, code)


def run(python: Path, *arguments: str, **settings: str) -> int:
    """Run Python with these arguments and extra environment variables; return the exit code.

    Example: run(python, "-m", "pytest", "tests", COURSE_REPLAY="only") -> 0
    """
    child = subprocess.Popen([str(python), *arguments], cwd=ROOT, env={**os.environ, **settings})
    try:
        code = wait_for(child)
    finally:
        if child.poll() is None:  # this program was told to end: leave nothing running behind
            child.terminate()
            child.wait()
    return code if code >= 0 else 128 - code  # ended by a signal: the number a shell would give


def wait_for(child: subprocess.Popen) -> int:
    """Wait for a program to end, through Ctrl-C too: it hears that as well, and JupyterLab asks back.

    Raises KeyboardInterrupt afterwards if it ended with an error because of it.
    """
    interrupted = False
    while True:
        try:
            code = child.wait()
            break
        except KeyboardInterrupt:
            interrupted = True
    if interrupted and code:
        raise KeyboardInterrupt
    return code


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` above is reached
    sys.exit(main())
