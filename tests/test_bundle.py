"""A bundle: what another system needs is chosen by its markers, and a folder that lacks something is noticed."""
from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from helpers import bundle
from helpers.bundle import Wheel, environment
from helpers.settings import ROOT

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
LINUX = environment("linux", "3.12")


def wheel(name: str, version: str = "1.0", *needs: str) -> Wheel:
    return Wheel(name, version, [Requirement(need) for need in needs])


def write_wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    """Write a package file that says what it needs."""
    folder.mkdir(parents=True, exist_ok=True)
    about = "".join(f"Requires-Dist: {need}\n" for need in needs)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}-{version}.dist-info/METADATA",
                         f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{about}")


# ---------------------------------------------------------------- which pins

@pytest.mark.parametrize(("system", "has", "lacks"), [
    ("linux", "pexpect", "colorama"), ("windows", "colorama", "pexpect"), ("macos", "appnope", "pywinpty")])
def test_the_lock_is_read_as_the_other_system_would(system, has, lacks):
    names = {pin.split("==")[0] for pin in bundle.locked(LOCK, environment(system, "3.12"))}
    assert has in names and lacks not in names and {"torch", "pip", "setuptools"} <= names


def test_and_as_the_other_python_would():
    assert "overrides==7.7.0" in bundle.locked(LOCK, environment("linux", "3.11"))
    assert "overrides==7.7.0" not in bundle.locked(LOCK, LINUX)


# ---------------------------------------------------------------- what is missing

def test_a_folder_whose_wheels_need_one_another_is_complete():
    assert bundle.missing([wheel("a", "1.0", "B>=2"), wheel("b", "2.1")], LINUX) == []


@pytest.mark.parametrize(("wheels", "lacks"), [
    ([wheel("a", "1.0", "b>=2")], ["b>=2"]),
    ([wheel("a", "1.0", "b>=2"), wheel("b", "1.9")], ["b>=2"]),
    ([wheel("a", "1.0", "b; sys_platform == 'win32'")], []),
    ([wheel("torch", "2.13.0", "nvidia-x==13.0; platform_system == 'Linux'")], ["nvidia-x==13.0"]),
    ([wheel("a", "1.0", "b; extra == 'more'")], []),
    ([wheel("a", "1.0", "b[more]"), wheel("b", "1.0", "c; extra == 'more'")], ["c"]),
    ([wheel("a", "1.0", "b[x]"), wheel("b", "1.0", "c[y]; extra == 'x'"), wheel("c", "1.0", "d; extra == 'y'")], ["d"]),
    ([wheel("a", "1.0", "torch==2.13.0"), wheel("torch", "2.13.0+cpu")], []),
])
def test_what_a_wheel_needs_and_is_not_there_is_named(wheels, lacks):
    assert bundle.missing(wheels, LINUX) == lacks


# ---------------------------------------------------------------- gathering

@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stands in for pip: writes a wheel for each pin; torch needs one more."""
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess:
        asked.append(command)
        for pin in [word for word in command if "==" in word and "-m" not in word]:
            name, version = pin.split("==")
            needs = ["libcu==13.0; platform_system == 'Linux'"] if name == "torch" else []
            write_wheel(Path(command[command.index("--dest") + 1]), name.replace("-", "_"), version, *needs)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(bundle.subprocess, "run", run)
    return asked


def test_what_the_wheels_need_in_turn_is_fetched_for_the_system_that_needs_it(pip, tmp_path):
    linux = bundle.gather(tmp_path / "linux-3.12", "linux", "3.12", [])
    mac = bundle.gather(tmp_path / "macos-3.12", "macos", "3.12", ["--find-links", "mine"])
    assert "libcu-13.0-py3-none-any.whl" in {path.name for path in linux}
    assert "libcu-13.0-py3-none-any.whl" not in {path.name for path in mac}
    assert len(pip) == 3 and "--find-links" in pip[2] and "macosx_14_0_arm64" in pip[2]
    assert {"--no-deps", "--only-binary=:all:", *bundle.CARRIERS} <= set(pip[0])


def test_a_download_that_fails_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(bundle.subprocess, "run", lambda command: subprocess.CompletedProcess(command, 1))
    with pytest.raises(bundle.Incomplete, match=r"linux-3\.12: pip's message .* run it again"):
        bundle.gather(tmp_path / "linux-3.12", "linux", "3.12", [])


def test_the_read_me_names_a_folder_that_is_there(pip, monkeypatch, tmp_path):
    monkeypatch.setattr(bundle, "pack_course", Path.touch)
    folder = tmp_path / "stick"
    monkeypatch.setattr(sys, "argv", ["bundle", str(folder), "--platform", "windows", "--python", "3.12", "3.13"])
    bundle.main()
    text = (folder / "READ-ME.txt").read_text(encoding="utf-8")
    assert "setup --from windows-3.12" in text and "Python 3.12 or 3.13" in text
    assert {path.name for path in folder.iterdir()} == {"windows-3.12", "windows-3.13", "course.zip", "READ-ME.txt"}
