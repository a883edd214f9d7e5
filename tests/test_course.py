"""course.py: what it is asked, what it skips, which exit code it ends with. Nothing is really installed."""
from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import course

SOURCE = Path(course.__file__)


class Runner:
    """Stands in for `course.run`: notes what is asked, and returns the exit code set for a word of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.settings: list[dict[str, str]] = []
        self.codes: dict[str, int] = {}

    def __call__(self, python: Path, *arguments: str, **settings: str) -> int:
        self.asked.append(" ".join(arguments))
        self.settings.append(settings)
        return next((code for word, code in self.codes.items() if word in arguments), 0)


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Run nothing for real."""
    runner = Runner()
    monkeypatch.setattr(course, "run", runner)
    return runner


@pytest.fixture
def ready(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """A course that is set up already; nothing runs for real."""
    monkeypatch.setattr(course, "venv_python", lambda: Path("python"))
    monkeypatch.setattr(course, "conda_python", lambda: None)
    return runner


@pytest.fixture
def folder(runner: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A course folder in which nothing is installed yet, and where .venv is no more than an empty file."""
    monkeypatch.setattr(course, "ROOT", tmp_path)
    monkeypatch.setattr(course, "VENV_PYTHON", tmp_path / "python")
    monkeypatch.setattr(course, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(course, "is_usable", Path.exists)
    monkeypatch.setattr(course, "build_venv", (tmp_path / "python").touch)
    (tmp_path / "requirements.lock").write_text("numpy==2.4.6\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return tmp_path


# ---------------------------------------------------------------- what it is asked

@pytest.mark.parametrize("arguments", [[], ["serve"], ["--port"]])
def test_an_unknown_command_ends_with_the_usage(arguments: list[str], capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        course.main(arguments)
    assert end.value.code == 2
    assert "{setup,lab,doctor,test,site,bundle,record,record-training,instruct}" in capsys.readouterr().err


def test_setup_proves_the_model_after_the_weights(ready: Runner) -> None:
    assert course.main(["setup"]) == 0
    assert ready.asked == ["-m helpers.local --fetch", "-m helpers.local --prove"]


def test_setup_from_a_folder_lets_pip_look_nowhere_else(ready: Runner, tmp_path: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    (tmp_path / "numpy-2.4.6-py3-none-any.whl").touch()
    assert course.main(["setup", "--from", str(tmp_path)]) == 0
    assert (os.environ["PIP_NO_INDEX"], os.environ["PIP_FIND_LINKS"]) == ("1", str(tmp_path))
    assert "without the network" in course.announcement()


def test_setup_from_a_folder_without_packages_names_the_one_that_is_meant(ready: Runner, tmp_path: Path,
                                                                           capsys: pytest.CaptureFixture) -> None:
    assert course.main(["setup", "--from", str(tmp_path)]) == 2
    assert "holds no packages (*.whl). Name the folder" in capsys.readouterr().err
    assert ready.asked == []


def test_the_bundle_needs_no_weights(ready: Runner) -> None:
    assert course.main(["bundle", "stick", "--platform", "windows"]) == 0
    assert ready.asked == ["-m helpers.bundle stick --platform windows"]


def test_lab_passes_on_what_follows(ready: Runner) -> None:
    assert course.main(["lab", "--no-browser", "--port", "9000"]) == 0
    assert ready.asked[-1].startswith("-m jupyterlab notebooks/00_start_here.ipynb ")
    assert f" --ServerApp.root_dir={course.ROOT} " in ready.asked[-1]
    assert ready.asked[-1].endswith(" --no-browser --port 9000")


def test_the_doctor_sets_nothing_up(ready: Runner) -> None:
    assert course.main(["doctor"]) == 0
    assert ready.asked == [f"-P helpers/doctor.py --python {course.VENV_PYTHON}"]


def test_the_site_installs_its_packages_within_the_courses_versions_and_needs_no_weights(ready: Runner) -> None:
    assert course.main(["site"]) == 0
    packages, built = ready.asked
    assert packages.endswith("-c requirements.lock -r docs/requirements.lock")
    assert built.startswith("-m sphinx ") and " -W " in built and built.endswith(" . build/site")


def test_record_passes_on_what_follows(ready: Runner) -> None:
    assert course.main(["record", "00_start_here"]) == 0
    assert ready.asked[-1] == "-m helpers.publishing 00_start_here"


def test_test_runs_all_parts_and_only_the_notebooks_on_recordings_alone(ready: Runner) -> None:
    assert course.main(["test"]) == 0
    assert [asked.split()[1] for asked in ready.asked[-3:]] == ["ruff", "pytest", "pytest"]
    assert ready.settings[-3:] == [{}, {}, {"COURSE_REPLAY": "only"}]
    assert "--nbval-cell-timeout=300" in ready.asked[-1]


def test_test_runs_the_parts_named(ready: Runner) -> None:
    assert course.main(["test", "units"]) == 0
    assert ready.asked[2:] == ["-m pytest -n 2 --dist loadfile tests"]


@pytest.mark.parametrize("command", ["test", "setup"])
def test_a_word_it_does_not_know_is_named_before_anything_runs(command: str, ready: Runner,
                                                               capsys: pytest.CaptureFixture) -> None:
    assert course.main([command, "quickly"]) == 2
    assert "'quickly'" in capsys.readouterr().err
    assert ready.asked == []


# ---------------------------------------------------------------- exit codes

@pytest.mark.parametrize(("failing", "command"), [("--fetch", "setup"), ("--prove", "lab"),
                                                  ("jupyterlab", "lab"), ("helpers.publishing", "record"),
                                                  ("helpers.instructions", "instruct")])
def test_the_exit_code_of_what_failed_is_its_own(failing: str, command: str, ready: Runner) -> None:
    ready.codes = {failing: 7}
    assert course.main([command]) == 7
    assert failing in ready.asked[-1], "something still ran after the failure"


def test_a_failed_part_stops_no_other_and_stands_in_the_summary(ready: Runner,
                                                                capsys: pytest.CaptureFixture) -> None:
    ready.codes = {"ruff": 3}
    assert course.main(["test"]) == 3
    assert "--nbval" in ready.asked[-1]
    summary = capsys.readouterr().out.split("--- summary")[1].split()
    assert summary[0:2] == ["style", "FAILED"]
    assert summary.count("passed") == 2


def test_ctrl_c_ends_with_a_sentence_and_130(ready: Runner, monkeypatch: pytest.MonkeyPatch,
                                             capsys: pytest.CaptureFixture) -> None:
    def interrupted() -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(course, "venv_python", interrupted)
    assert course.main(["lab"]) == 130
    assert "Stopped." in capsys.readouterr().err


# ---------------------------------------------------------------- which Python

@pytest.mark.parametrize("version", [(3, 8), (3, 10)])
def test_a_too_old_python_is_told_what_to_do(version: tuple, ready: Runner, capsys: pytest.CaptureFixture,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (*version, 0))
    assert course.main(["setup"]) == 1
    message = capsys.readouterr().err
    assert f"This is Python {version[0]}.{version[1]}, and the course needs 3.11 or newer" in message
    assert ready.asked == []


def test_a_too_new_python_builds_nothing(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 15, 0))
    with pytest.raises(course.Stop, match=r"Python 3\.15 is too new.* with Python 3\.11 to 3\.14"):
        course.build_venv()
    assert runner.asked == []


def test_an_old_python_can_read_course_py_far_enough_to_be_told() -> None:
    ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_course_py_imports_the_standard_library_alone() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    imports = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imports += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert imports
    assert {name.split(".")[0] for name in imports} <= sys.stdlib_module_names


@pytest.mark.parametrize(("prefix", "module", "used"), [
    (sys.prefix, "pytest", True),           # active, with the packages
    (sys.prefix, "no_such_module", False),  # active, made from something else
    ("elsewhere", "pytest", False),         # active, but another Python was started
    ("", "pytest", False),                  # no conda at all
])
def test_a_conda_environment_is_used_if_it_is_the_active_one_and_the_courses(
        prefix: str, module: str, used: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    find = course.importlib.util.find_spec
    monkeypatch.setattr(course.importlib.util, "find_spec", lambda _: find(module))
    monkeypatch.setenv("CONDA_PREFIX", prefix)
    assert course.conda_python() == (Path(sys.executable) if used else None)


# ---------------------------------------------------------------- building .venv once

def test_sizes_are_said_before_anything_is_installed(folder: Path, monkeypatch: pytest.MonkeyPatch,
                                                     capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(course, "install_packages", lambda: print("INSTALLING"))
    course.venv_python()
    said = capsys.readouterr().out.split("INSTALLING")[0]
    assert "GB on disk" in said
    assert "93 MB + 84 MB" in said


def test_the_lock_is_installed_before_the_course_itself(folder: Path, runner: Runner) -> None:
    course.venv_python()
    packages, itself = runner.asked
    assert packages.endswith("-r requirements.lock")
    assert itself.endswith("--no-deps --no-build-isolation --editable .")


def test_a_second_run_installs_nothing(folder: Path, runner: Runner) -> None:
    course.venv_python()
    runner.asked.clear()
    course.venv_python()
    assert runner.asked == []


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_file_installs_again_into_the_same_venv(name: str, folder: Path, runner: Runner,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    course.venv_python()
    runner.asked.clear()
    monkeypatch.setattr(course, "build_venv", lambda: pytest.fail("built again"))
    (folder / name).write_text("changed\n")
    course.venv_python()
    assert len(runner.asked) == 2


def test_a_moved_folder_sets_up_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    course.venv_python()
    shutil.copytree(folder, folder / "moved")
    monkeypatch.setattr(course, "ROOT", folder / "moved")
    assert not course.is_up_to_date()


def test_a_python_that_is_gone_sets_up_again(folder: Path) -> None:
    course.venv_python()
    assert course.is_up_to_date()
    course.VENV_PYTHON.unlink()
    assert not course.is_up_to_date()


def test_a_failed_installation_leaves_no_stamp(folder: Path, runner: Runner) -> None:
    runner.codes = {"requirements.lock": 1}
    with pytest.raises(course.Stop, match=r"could not be installed.*run the same command again"):
        course.venv_python()
    assert not course.is_up_to_date()


@pytest.mark.parametrize("program", ["#!/bin/sh\nexit 1\n", None])
def test_a_python_that_does_not_start_is_not_usable(program: str | None, tmp_path: Path) -> None:
    python = tmp_path / "python"
    if program:
        python.write_text(program)
        python.chmod(0o755)
    assert not course.is_usable(python)
    assert course.is_usable(Path(sys.executable))


# ---------------------------------------------------------------- running other programs

def python(code: str, **settings: str) -> int:
    """Run a line of Python as course.py runs its programs."""
    return course.run(Path(sys.executable), "-c", code, **settings)


def test_a_program_runs_in_the_courses_folder_with_extra_settings() -> None:
    check = "import os, sys; sys.exit([os.getcwd(), os.environ['COURSE_REPLAY']] != {!r})"
    assert python(check.format([str(course.ROOT), "only"]), COURSE_REPLAY="only") == 0
    assert "COURSE_REPLAY" not in os.environ


def test_a_programs_exit_code_comes_back() -> None:
    assert python("raise SystemExit(3)") == 3


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to be ended by")
def test_a_program_ended_by_a_signal_has_the_exit_code_a_shell_gives() -> None:
    assert python("import os; os.kill(os.getpid(), 15)") == 143


def test_no_program_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[subprocess.Popen] = []

    def told_to_end(child: subprocess.Popen) -> int:
        children.append(child)
        raise SystemExit(143)

    monkeypatch.setattr(course, "wait_for", told_to_end)
    with pytest.raises(SystemExit):
        python("import time; time.sleep(60)")
    assert children[0].returncode is not None


class Interrupted:
    """A program that hears Ctrl-C with us, and ends a moment later with an exit code of its own."""

    def __init__(self, code: int):
        self.answers = [KeyboardInterrupt(), code]

    def wait(self) -> int:
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            return answer
        raise answer


def test_ctrl_c_waits_for_the_program_and_stops_if_that_failed() -> None:
    assert course.wait_for(Interrupted(0)) == 0     # JupyterLab, when it is told to shut down
    with pytest.raises(KeyboardInterrupt):
        course.wait_for(Interrupted(2))             # pytest, broken off
