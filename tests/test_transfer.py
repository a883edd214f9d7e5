"""The dozen experiments run on any model, are estimated before, kept as they go, and not done twice."""
from __future__ import annotations

import ast

import nbformat
import pytest

from helpers import transfer
from helpers.publishing.notebooks import NOTEBOOKS
from helpers.tasks import load_task
from tests.talking import MODEL, always, answer, connected


@pytest.fixture
def two_words() -> list[transfer.Experiment]:
    """Two experiments that need no embeddings, on three tickets each."""
    return [one for one in transfer.experiments(3) if one.name in ("label list", "step by step")]


def test_there_are_a_dozen_with_names_of_their_own():
    names = [one.name for one in transfer.experiments(2)]
    assert len(names) == len(set(names)) == 12
    assert all(len(one.examples) == 2 for one in transfer.experiments(2))


def test_each_is_asked_counted_and_kept(two_words, loopback, monkeypatch, capsys):
    right = two_words[0].examples[0].expected["category"]
    connected(monkeypatch, loopback(always(answer(f"It wants it.\nCategory: {right}", prompt=300, completion=9))))
    transfer.carry_out(two_words)
    kept = transfer.results().set_index("experiment")
    assert list(kept.index) == ["label list", "step by step"] and set(kept.model) == {MODEL}
    assert kept.right["label list"] == 0 and kept.right["step by step"] >= 1
    assert kept.marks["step by step"][0] == "1" and len(kept.marks["label list"]) == 3
    assert kept["tokens in"]["label list"] == 300
    assert "step by step: " in capsys.readouterr().out


def test_what_was_done_is_missing_no_more_and_a_new_run_replaces_the_old(two_words, loopback, monkeypatch):
    connected(monkeypatch, loopback(always(answer("delivery"))))
    assert transfer.missing(two_words) == two_words
    transfer.carry_out(two_words)
    assert transfer.missing(two_words) == []
    assert [one.name for one in transfer.missing(transfer.experiments(4))][:2] == ["bare question", "label list"]
    transfer.carry_out(two_words[:1])
    assert len(transfer.results()) == 2


def test_the_same_question_is_not_sent_twice(two_words, loopback, monkeypatch):
    connected(monkeypatch, loopback(always(answer("delivery"))))
    transfer.carry_out(two_words)
    sent = loopback.count
    transfer.carry_out(two_words)
    assert loopback.count == sent == 6


def test_the_estimate_names_calls_tokens_and_dollars_and_sends_nothing(two_words, loopback, monkeypatch):
    connected(monkeypatch, loopback(always(answer("delivery"))), COURSE_PRICE="1,10")
    said = transfer.estimate(two_words)
    assert said.startswith("6 calls, about ") and "at most $0.06" in said
    assert loopback.count == 0


def test_a_model_on_this_machine_is_free(two_words, loopback, monkeypatch):
    connected(monkeypatch, loopback(always(answer("delivery"))))
    assert transfer.estimate(two_words).endswith("free.")


def test_without_a_yes_nothing_is_run(two_words, loopback, monkeypatch, capsys):
    connected(monkeypatch, loopback(always(answer("delivery"))))
    monkeypatch.setattr(transfer, "experiments", lambda rows: two_words)
    monkeypatch.setattr("builtins.input", lambda _: "no")
    monkeypatch.setattr("sys.argv", ["transfer"])
    with pytest.raises(SystemExit, match="Nothing more was asked"):
        transfer.main()
    assert loopback.count == 1 and transfer.results().empty
    assert "One question took" in capsys.readouterr().out


def test_with_a_yes_it_runs_and_a_second_time_only_shows(two_words, loopback, monkeypatch, capsys):
    connected(monkeypatch, loopback(always(answer("delivery"))))
    monkeypatch.setattr(transfer, "experiments", lambda rows: two_words)
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    monkeypatch.setattr("sys.argv", ["transfer", "--rows", "3"])
    transfer.main()
    assert "label list" in capsys.readouterr().out.rpartition("experiment")[2]
    sent = loopback.count
    transfer.main()
    assert loopback.count == sent and "One question" not in capsys.readouterr().out


def test_no_rows_are_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["transfer", "--rows", "0"])
    with pytest.raises(SystemExit):
        transfer.main()
    assert "at least one row" in capsys.readouterr().err


def test_nothing_measured_is_an_empty_table():
    assert transfer.results().empty and "experiment" in transfer.results()


def test_its_prompts_are_those_of_notebook_01():
    shown = strings_of("01_better_prompting", load_task("tickets"))
    mine = transfer.system_prompts(load_task("tickets"))
    assert mine["label list"] == f"{shown['LISTED']} {shown['ONLY']}"
    assert mine["descriptions"] == f"{shown['MEANT']}\n{shown['ONLY']}"
    assert mine["rules"] == f"{shown['RULED']}\n{shown['ONLY']}"
    assert mine["step by step"] == shown["STEPS"] and mine["JSON schema"] == shown["AS_JSON"]
    assert mine["bare question"] == shown["BARE"]


def strings_of(notebook: str, task) -> dict[str, str]:
    """Return the texts in capitals that a notebook defines."""
    cells = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", 4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    names: dict = {"categories": task.fields["category"]}
    for statement in (one for source in sources for one in ast.parse(source).body):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id.isupper() and target.id != "FORMULATIONS":
            exec(compile(ast.Module([statement], []), notebook, "exec"), names)
    return names


@pytest.mark.live
def test_all_of_them_run_on_the_embedded_model():
    planned = transfer.experiments(1)
    transfer.carry_out(planned)
    kept = transfer.results()
    assert list(kept.experiment) == [one.name for one in planned]
    assert (kept.failed == 0).all() and (kept.dollars == 0).all()
