"""Recipes: each stands alone, was run from top to bottom, and does on a live service what it says."""
from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from math import comb, sqrt

import nbformat
import pytest
from nbformat import NotebookNode
from openai import OpenAI
from scipy.stats import binomtest

from helpers import intervals
from helpers.local import service
from helpers.publishing import notebooks, prose
from tests import notebook_checks, talking
from tests.conftest import set_only, with_weights

FOLDER = notebooks.NOTEBOOKS / "recipes"
RECIPES = sorted(FOLDER.glob("*.ipynb"))
MAY_IMPORT = {"openai", *sys.stdlib_module_names}
ABOUT = {"regression_on_embeddings": {"sklearn"}}       # the one library that a recipe is about
LONGEST_CELL = 12       # lines
each_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# ---------------------------------------------------------------- as they are committed

@each_recipe
def test_it_imports_the_client_and_what_it_is_about_and_nothing_of_the_course(path):
    tree = ast.parse("\n".join(cell.source for cell in code_cells(nbformat.read(path, 4))))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported = {module.partition(".")[0] for module in imported}
    assert "openai" in imported
    assert imported <= MAY_IMPORT | ABOUT.get(path.stem, set())


@each_recipe
def test_it_is_short_and_each_cell_of_code_is_led_in(path):
    cells = nbformat.read(path, 4).cells
    assert 6 <= len(cells) <= 14
    assert cells[0].source.startswith("# ") and cells[-1].cell_type == "markdown"
    for before, cell in pairwise(cells):
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source
            assert before.cell_type == "markdown" and before.source.endswith(":"), before.source


@each_recipe
def test_it_says_when_to_use_it_and_where_it_was_measured(path):
    first, last = (nbformat.read(path, 4).cells[i].source for i in (0, -1))
    assert "**Use it**" in first and "**Not**" in first and "Needs" in first
    assert "**Use when**" in last and "**Not when**" in last
    assert re.search(r"\*\*Measured in\*\* \| \[notebook \d\db?\]\(\.\./", last)


@each_recipe
def test_it_was_run_once_and_its_outputs_are_for_readers(path):
    notebook = nbformat.read(path, 4)
    assert notebook_checks.run_complaints(notebook) == []
    assert notebook_checks.output_complaints(notebook) == []
    assert code_cells(notebook)[-1].outputs, "the last cell shows what the recipe is for, and shows nothing"


@each_recipe
def test_its_prose_holds_no_number_and_no_dead_link(path):
    notebook = nbformat.read(path, 4)
    assert prose.unbound(notebook) == [] and prose.expressions(notebook) == []
    assert notebook_checks.stale_links(notebook, FOLDER) == []
    assert notebook_checks.accidental_formulas(notebook) == []


def test_the_readme_lists_every_recipe_under_its_title():
    rows = dict(re.findall(r"^\| \[(.+?)\]\((.+?)\.ipynb\)", (FOLDER / "README.md").read_text(encoding="utf-8"), re.M))
    titles = {nbformat.read(path, 4).cells[0].source.splitlines()[0][2:].partition(":")[0]: path.stem
              for path in RECIPES}
    assert rows == titles


# ---------------------------------------------------------------- what can be copied is right

@pytest.mark.parametrize(("won", "lost"), [(0, 0), (4, 0), (6, 0), (8, 2), (2, 8), (11, 11), (17, 1)])
def test_the_paired_test_is_the_exact_one(won, lost):
    mcnemar = notebook_checks.function_in(FOLDER / "paired_comparison.ipynb", "mcnemar", comb=comb)
    assert mcnemar(won, lost) == pytest.approx(intervals.mcnemar(won, lost))


@pytest.mark.parametrize(("right", "total"), [(0, 5), (5, 5), (11, 20), (66, 300)])
def test_the_interval_is_wilsons(right, total):
    wilson = notebook_checks.function_in(FOLDER / "paired_comparison.ipynb", "wilson", sqrt=sqrt)
    assert wilson(right, total) == pytest.approx(intervals.wilson(right, total), abs=1e-4)     # 1.96 is rounded


def marks(won: int, lost: int, kept: int = 5) -> tuple[dict[str, bool], dict[str, bool]]:
    """Marks before and after a change with so many rows won, lost, and kept right."""
    pairs = [(False, True)] * won + [(True, False)] * lost + [(True, True)] * kept
    return tuple({f"row {i}": pair[side] for i, pair in enumerate(pairs)} for side in (0, 1))


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (9, 0), (0, 4), (0, 5), (3, 11), (4, 11), (11, 3)])
def test_the_gate_stops_what_chance_would_rarely_lose(won, lost):
    no_worse = notebook_checks.function_in(FOLDER / "regression_gate.ipynb", "no_worse", comb=comb)
    chance = binomtest(won, won + lost, alternative="less").pvalue if won + lost else 1.0
    if chance < 0.05:
        with pytest.raises(AssertionError, match=rf"{lost} lost, by chance {chance:.3f}\n   lost: row {won}\n"):
            no_worse(*marks(won, lost))
    else:
        assert no_worse(*marks(won, lost)).endswith(f"{lost} lost, by chance {chance:.3f}")


@pytest.mark.parametrize(("words", "where"), [
    ("one", "Shop: The shop closes at one."), ("THREE", "Tower: It has three bells."), ("hone", None), ("(one)", None)])
def test_words_are_looked_for_whole(words, where):
    passages = {"Tower": "No telephone.\nIt has three\nbells.", "Shop": "Stone by stone! The shop closes at one."}
    stands = notebook_checks.function_in(FOLDER / "grounded_answer.ipynb", "stands", re=re, PASSAGES=passages)
    assert stands(words) == where


@pytest.mark.parametrize("reply", [None, "cover", '{"name": "cover"}', '{"label": "cov'])
def test_a_server_that_passes_over_the_schema_is_named_as_the_cause(reply, loopback):
    client = OpenAI(base_url=loopback(talking.always(talking.answer(reply))), api_key="key")
    label = notebook_checks.function_in(FOLDER / "labels_by_schema.ipynb", "label", json=json, client=client, MODEL="m",
                                        FORM={}, LABELS={"cover": "hiding an old one"})
    with pytest.raises(ValueError, match="does this server keep to response_format"):
        label("a rose over it")


# ---------------------------------------------------------------- on the embedded service

@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Run a recipe on one embedded service, and return what it prints. What it trains is gone with the tests."""
    own = with_weights(tmp_path_factory.mktemp("recipes") / "cache")
    with pytest.MonkeyPatch.context() as monkeypatch:
        set_only(monkeypatch, COURSE_CACHE=own, COURSE_STORE=tmp_path_factory.mktemp("store"))
        started = service.start()
    server = {"OPENAI_BASE_URL": started.base_url, "OPENAI_API_KEY": started.api_key, "MODEL": "course-135m"}

    @cache
    def run(name: str) -> str:
        notebook, _ = notebooks.run(FOLDER / f"{name}.ipynb", **server)
        return "".join(prose.text_of(output) for cell in notebook.cells for output in cell.get("outputs", []))

    yield run
    started.stop()


def numbers(pattern: str, text: str) -> list[int]:
    """Return the groups of the only place in the text that looks so."""
    found = re.findall(pattern, text)
    assert len(found) == 1, f"{pattern!r} fits {found}"
    return [int(number) for number in (found[0] if isinstance(found[0], tuple) else found)]


@pytest.mark.live
def test_every_answer_is_one_of_the_labels(shown):
    labels, total, right = numbers(r"(\d+) of (\d+) are labels, (\d+) are the right one", shown("labels_by_schema"))
    assert labels == total == 12
    assert right > 12 / 5, "no better than guessing"


@pytest.mark.live
def test_the_nearest_examples_bring_labels_that_the_prompt_does_not_name(shown):
    text = shown("nearest_examples")
    assert numbers(r"0 examples: +(\d+) of 20 name a team", text) == [0]
    known, right = numbers(r"3 examples: +(\d+) of 20 name a team, +(\d+) the right one", text)
    assert known >= 16 and right > 20 / 4


@pytest.mark.live
def test_what_is_answered_stands_in_the_sentence_shown_and_some_questions_are_declined(shown):
    text = shown("grounded_answer")
    answered = re.findall(r"-> (.+?)(?: \(should be .+\))?\n   \w+: (.+)", text)
    assert answered and all(words.lower() in sentence.lower() for words, sentence in answered)
    assert len(answered) + len(re.findall(r"-> None", text)) == 10
    assert re.search(r"What does a night at the inn cost\? -> None", text)
    assert numbers(r"(\d+) of 10 as they should be", text)[0] >= 5


@pytest.mark.live
def test_scores_and_changed_rows_of_a_comparison_agree(shown):
    text = shown("paired_comparison")
    before, after = numbers(r"named +(\d+) of 20 right .+\ndescribed +(\d+) of 20 right", text)
    won, lost, same = numbers(r"(\d+) won, (\d+) lost, (\d+) as before", text)
    assert after - before == won - lost and won + lost + same == 20
    assert f"p = {intervals.mcnemar(won, lost):.3f}" in text
    assert (text.count("\nwon "), text.count("\nlost")) == (won, lost)


@pytest.mark.live
def test_a_model_is_tuned_and_has_learned_the_form(shown):
    text = shown("fine_tune_job")
    assert numbers(r"\ncourse-135m: (\d) of 6 are a stamp", text) == [0]
    assert re.search(r"^ft:course-135m:\S+$", text, re.M)
    assert numbers(r"\nft:course-135m:\S+: (\d) of 6 are a stamp", text)[0] >= 5


@pytest.mark.live
def test_a_regression_beats_the_answer_that_is_always_the_same(shown):
    text = shown("regression_on_embeddings")
    always, found, asked = (numbers(rf"{name} +(\d+) of 20 right", text)[0]
                            for name in ("always one room", "regression", "language model"))
    assert always == 5 and found >= 10 and asked > 5


@pytest.mark.live
def test_the_gate_stops_exactly_what_chance_would_rarely_lose(shown):
    text = shown("regression_gate")
    said = re.findall(r"(?:tags|ad first): (merge|stop)\. (\d+) won, (\d+) lost, by chance ([\d.]+)", text)
    assert [verdict for verdict, *_ in said] == ["merge" if float(chance) >= 0.05 else "stop" for *_, chance in said]
    (*_, tags_lost, _), (_, won, lost, _) = said
    assert int(lost) > int(won) + int(tags_lost), "moving the instruction is the change that does harm"
