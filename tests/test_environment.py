"""pyproject.toml, requirements.lock and environment.yml ask for the same packages, in the same versions."""
from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rattler import MatchSpec

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK_TEXT = (ROOT / "requirements.lock").read_text(encoding="utf-8")
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
CONDA_SPECS = [line for line in CONDA["dependencies"] if isinstance(line, str)]
PIP_LINES = next(part["pip"] for part in CONDA["dependencies"] if isinstance(part, dict))
PYPI_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}      # where conda-forge has another name
NO_PACKAGES_OF_THE_COURSE = {"python"}
OF_ANOTHER_PYTHON = "training_side.py"     # of a benchmark, run with a Python that has TRL


def pinned(lines: list[str]) -> dict[str, str]:
    """Return name and version of each requirement. Example: pinned(["Torch==2.13.0"]) -> {"torch": "2.13.0"}

    Fails on a requirement that is not pinned to one version.
    """
    pins = {}
    for requirement in map(Requirement, lines):
        (only,) = requirement.specifier
        assert only.operator == "==", f"{requirement} is not pinned"
        assert "*" not in only.version, f"{requirement} is not pinned"
        pins[canonicalize_name(requirement.name)] = only.version
    return pins


def conda_pins() -> dict[str, str]:
    """Return the versions that conda's part of environment.yml names, under the names pip knows."""
    pins = {}
    for spec in CONDA_SPECS:
        name, version, *_ = *spec.split("="), ""
        if name not in NO_PACKAGES_OF_THE_COURSE:
            pins[PYPI_NAMES.get(name, name)] = version
    return pins


LOCK = pinned([line for line in LOCK_TEXT.splitlines() if not line.startswith("#")])
SITE_LOCK = pinned([line for line in (ROOT / "docs" / "requirements.lock").read_text(encoding="utf-8").splitlines()
                    if not line.startswith("#")])
RUNTIME = pinned(PROJECT["dependencies"])
CLUSTER = pinned(PROJECT["optional-dependencies"]["cluster"])
DIRECT = RUNTIME | CLUSTER | pinned(PROJECT["optional-dependencies"]["dev"])
PIP_PINS = pinned([line for line in PIP_LINES if not line.startswith("-")])


def test_the_lock_has_every_direct_dependency_in_the_same_version() -> None:
    assert {name: LOCK.get(name) for name in DIRECT} == DIRECT


def test_environment_yml_has_every_direct_dependency_once_in_the_same_version() -> None:
    assert not conda_pins().keys() & PIP_PINS.keys()
    assert conda_pins() | PIP_PINS == DIRECT


def test_torch_is_named_directly() -> None:
    assert "torch==2.13.0" in PROJECT["dependencies"]
    assert "torch==2.13.0" in LOCK_TEXT.splitlines()


def test_conda_takes_the_cpu_build_of_torch_and_the_python_it_is_told() -> None:
    assert "pytorch=2.13.0=cpu*" in CONDA_SPECS
    assert "python=3.12" in CONDA_SPECS         # some hosts of notebooks read a range as another Python
    assert "torch" not in PIP_PINS


def test_conda_uses_one_channel_and_the_courses_name() -> None:
    assert CONDA["channels"] == ["conda-forge"]
    assert CONDA["name"] == PROJECT["name"] == "before-you-fine-tune"


@pytest.mark.parametrize("spec", CONDA_SPECS)
def test_conda_can_read_each_of_its_lines(spec: str) -> None:
    assert MatchSpec(spec).name.as_package_name().source == spec.split("=")[0]


def test_the_course_itself_is_installed_last_with_the_lock_as_its_bounds() -> None:
    assert [line for line in PIP_LINES if line.startswith("-")] == ["-c requirements.lock", "-e ."]
    assert PIP_LINES[-1] == "-e ."


def test_the_sites_lock_has_its_direct_packages_and_no_version_that_is_not_the_courses() -> None:
    """A learner's set-up installs none of them, and installing them changes no version of the course's."""
    direct = pinned(PROJECT["optional-dependencies"]["site"])
    assert {name: SITE_LOCK.get(name) for name in direct} == direct
    both = SITE_LOCK.keys() & LOCK.keys()       # the course needs these on an older Python, the site on all
    assert {name: SITE_LOCK[name] for name in both} == {name: LOCK[name] for name in both}


@pytest.mark.parametrize("name", ["requirements.lock", "environment.yml", "pyproject.toml", "docs/requirements.lock"])
def test_no_file_holds_a_hash_an_address_or_a_build_for_one_machine(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.findall(r"--hash|sha256|https?://|file:|index-url|find-links|\+cpu|nvidia-", text)


@pytest.mark.parametrize(("folder", "allowed"), [("helpers", RUNTIME | CLUSTER), ("tests", DIRECT)])
def test_everything_imported_is_a_direct_dependency(folder: str, allowed: dict[str, str]) -> None:
    """A package that is only there because another needs it may be gone with that one's next version."""
    providers = packages_distributions()        # {"yaml": ["PyYAML"], ...}
    missing = {f"{module} ({path.relative_to(ROOT)})" for path, module in third_party_imports(ROOT / folder)
               if not allowed.keys() & {canonicalize_name(name) for name in providers.get(module, [])}}
    assert not missing


def third_party_imports(folder: Path) -> set[tuple[Path, str]]:
    """Return each file with each module it imports that is neither Python's nor the course's."""
    own = {"helpers", "tests", "course", *(path.stem for path in (ROOT / "tests").rglob("*.py"))}
    return {(path, module) for path in folder.rglob("*.py") if path.name != OF_ANOTHER_PYTHON
            for module in imported(path) - own - sys.stdlib_module_names}


def imported(path: Path) -> set[str]:
    """Return the top-level modules that a file imports, anywhere in it."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.add((node.module or "").split(".")[0])
    return modules
