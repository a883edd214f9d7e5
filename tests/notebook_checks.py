"""What every committed notebook must satisfy, as functions that return complaints."""
from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from helpers.publishing.prose import claims, occurs, text_of, unbound

LONGEST_OUTPUT = 40     # lines
NOISE = re.compile(r"Traceback|Warning|\d+%\|[█▏ ]|/home/|/root/|/Users/|/tmp/|C:\\\\|site-packages|0x[0-9a-f]{6,}")


def shown_by(cells: Iterable[NotebookNode]) -> str:
    """Return all text that cells put out, white space made one."""
    return " ".join(" ".join(text_of(output) for cell in cells for output in cell.get("outputs", [])).split())


def prose_complaints(notebook: NotebookNode, values: dict[str, str]) -> list[str]:
    """Return every number in prose that is not what the notebook computed, not shown, or bound to nothing."""
    found = [f"cell {cell}: {number} says neither where it comes from nor that it is given"
             for cell, number in unbound(notebook)]
    for claim in claims(notebook):
        if claim.text != values[claim.expression]:
            found.append(f"cell {claim.cell}: {claim.text} should be {values[claim.expression]} ({claim.expression})")
        elif not occurs(claim.text, claim.section_text):
            found.append(f"cell {claim.cell}: {claim.text} stands in no output of its section ({claim.expression})")
    return found


def run_complaints(notebook: NotebookNode) -> list[str]:
    """Return what shows that the notebook was not run once, from top to bottom, to the end."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in code]
    found = [] if counts == list(range(1, len(code) + 1)) else [f"execution counts are {counts}"]
    if not any(cell.outputs for cell in code):
        found.append("no cell has an output: there is nothing to compare")
    return found


def output_complaints(notebook: NotebookNode) -> list[str]:
    """Return outputs that are not for readers: errors, warnings, paths, bars, anything over 40 lines."""
    found = []
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            text = text_of(output)
            if output.output_type == "error" or output.get("name") == "stderr":
                found.append(f"cell {index}: an error or a stderr stream")
            if noise := NOISE.search(text):
                found.append(f"cell {index}: {noise[0]!r} in an output")
            if len(text.splitlines()) > LONGEST_OUTPUT and "text/html" not in output.get("data", {}):
                found.append(f"cell {index}: {len(text.splitlines())} lines of output")
    return found


def stale_links(notebook: NotebookNode, folder: Path) -> list[str]:
    """Return links to files that are not there."""
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    targets = [target.split("#")[0] for target in re.findall(r"\]\((?!https?:)([^)]+)\)", prose)]
    return [target for target in targets if target and not (folder / target).exists()]


def hanging_leads(notebook: NotebookNode) -> list[str]:
    """Return sentences that lead to a cell of code, by a colon, and are followed by other prose."""
    return [f"cell {index}: {lead.source[-60:]!r}" for index, (lead, follower)
            in enumerate(itertools.pairwise(notebook.cells)) if lead.cell_type == follower.cell_type == "markdown"
            and lead.source.rstrip().endswith(":")]


def accidental_formulas(notebook: NotebookNode) -> list[str]:
    """Return paragraphs with two dollar signs: a page takes what stands between them for a formula."""
    found = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            prose = re.sub(r"```[\s\S]*?```|`[^`\n]*`", "", cell.source)
            found += [f"cell {index}: {paragraph[:60]!r}" for paragraph in re.split(r"\n\s*\n", prose)
                      if paragraph.count("$") > 1]
    return found


def function_in(path: Path, name: str, **names: object) -> Callable:
    """Return a function as a notebook defines it; `names` are those it uses. Raises StopIteration if there is none."""
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    statements = (statement for source in cells for statement in ast.parse(source).body)
    found = next(one for one in statements if isinstance(one, ast.FunctionDef) and one.name == name)
    exec(compile(ast.Module([found], []), path.name, "exec"), names)
    return names[name]
