"""The house keeps its order: imports point one way, modules are nouns, functions stay short and say what they do."""
from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

import pytest

from helpers.settings import ROOT

HELPERS = ROOT / "helpers"
# from the ground up; a module may import those that stand before it, and within its own group
ORDER = ["validate", "settings", "progress", "local", "executor", "cluster", "provider", "rows", "records", "invoices",
         "voice", "answers", "tasks", "prompts", "intervals", "significance", "judging", "documents", "evaluation",
         "gates", "drift", "exports", "retrieval", "qdrant", "finetuning", "baselines", "cost", "checklists",
         "transfer", "ladder", "figures", "instructions", "experiments", "labs", "exercises", "doctor", "bundle",
         "publishing"]
MODULES = sorted(HELPERS.rglob("*.py"))
FUNCTIONS = [(path, node) for path in MODULES for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
             if isinstance(node, ast.FunctionDef)]


def group_of(module: str) -> str | None:
    """Example: group_of("helpers.local.engine") -> "local" """
    parts = module.split(".")
    return parts[1] if parts[0] == "helpers" and len(parts) > 1 else None


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", [path for path in MODULES if path != HELPERS / "__init__.py"],
                         ids=lambda path: str(path.relative_to(HELPERS)))
def test_imports_point_one_way(path):
    own = path.relative_to(HELPERS).parts[0].removesuffix(".py")
    upward = {name for name in imports_of(path)
              if (group := group_of(name)) and group != own and ORDER.index(group) > ORDER.index(own)}
    assert not upward, f"{own} may not import {upward}: it stands below them"


def test_every_module_has_its_place():
    assert {path.relative_to(HELPERS).parts[0].removesuffix(".py") for path in MODULES} - {"__init__"} <= set(ORDER)


def test_no_module_is_a_drawer_for_odds_and_ends():
    assert not {path.stem for path in MODULES} & {"utils", "util", "common", "misc", "helpers", "helper_functions"}


def test_every_module_says_what_it_does():
    silent = [path.name for path in MODULES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
              and path.read_text(encoding="utf-8").strip()]
    assert silent == []


def test_public_functions_of_modules_are_documented():
    undocumented = [f"{path.stem}.{node.name}" for path in MODULES for node in ast.parse(path.read_text("utf-8")).body
                    if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
                    and not ast.get_docstring(node)]
    assert undocumented == []


def test_functions_stay_short():
    lengths = sorted(node.end_lineno - node.lineno + 1 for _, node in FUNCTIONS)
    assert median(lengths) <= 12
    assert lengths[int(0.9 * len(lengths))] <= 30


def test_every_source_file_has_its_tests():
    """tests/ mirrors helpers/: a package may be tested as a whole by a file of its name."""
    missing = [str(path.relative_to(HELPERS)) for path in MODULES if path.stem not in ("__init__", "__main__")
               and not (ROOT / "tests" / path.relative_to(HELPERS).parent / f"test_{path.stem}.py").exists()]
    assert missing == []
