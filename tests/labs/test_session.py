"""Labelling a session of rows: what is drawn, kept, taken back, lost to a crash (nothing), and agreed on."""
from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from helpers.labs.session import Item, Session, planned
from helpers.settings import ROOT

TEXTS = [f"row {n}" for n in range(80)]
LABELS = ["in", "out"]


def session(**more) -> Session:
    return Session(more.pop("texts", TEXTS), LABELS, **more)


def labelled(one: Session, say=lambda item: "in", most: int = 999) -> Session:
    while one.item is not None and most:
        one.label(say(one.item))
        most -= 1
    return one


def test_fifty_rows_are_drawn_and_ten_of_them_come_again_later():
    plan = planned(TEXTS, 50, 10, seed=0)
    first, again = [one.text for one in plan if not one.again], [one.text for one in plan if one.again]
    assert (len(first), len(set(first)), len(again), len(set(again))) == (50, 50, 10, 10)
    assert all(plan.index(Item(text)) < 33 <= plan.index(Item(text, again=True)) for text in again)
    assert plan == planned(TEXTS, 50, 10, seed=0) != planned(TEXTS, 50, 10, seed=1)


@pytest.mark.parametrize(("rows", "first", "again"), [(1, 1, 0), (3, 3, 2), (12, 12, 8)])
def test_few_rows_will_do(rows, first, again):
    plan = planned(TEXTS[:rows] * 2, 50, 10, seed=0)
    assert (sum(not one.again for one in plan), sum(one.again for one in plan)) == (first, again)


def test_a_row_that_stands_there_twice_is_labelled_once():
    assert labelled(session(texts=["a", "a", "b"])).table().text.is_unique


def test_what_is_labelled_is_there_when_one_comes_back():
    labelled(session(), most=7)
    again = session()
    assert again.done == 7 and again.item == again.plan[7] and len(again.table()) == 7
    assert session(name="other").done == 0


def test_each_label_is_on_disk_at_once_whatever_happens_to_the_process():
    code = ("import os; from helpers.labs.session import Session\n"
            "one = Session([f'row {n}' for n in range(80)], ['in', 'out'])\n"
            "for _ in range(5): one.label('out')\n"
            "os.kill(os.getpid(), 9)")
    done = subprocess.run([sys.executable, "-c", code], cwd=os.path.dirname(os.path.dirname(sys.modules[
        "helpers"].__file__)), env=os.environ | {"COURSE_REPLAY": "auto"}, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    assert session().done == 5 and set(session().table().label) == {"out"}


def test_a_line_that_was_cut_off_costs_that_line_only():
    one = labelled(session(), most=3)
    with one.file.open("a", encoding="utf-8") as file:
        file.write('{"text": "row')
    back = session()
    assert back.done == 3
    back.label("out")
    assert session().done == 4 and session().table().label.to_list() == ["in"] * 3 + ["out"]


def test_the_last_label_can_be_taken_back_and_that_too_is_kept():
    one = labelled(session(), most=2)
    assert one.back() == one.plan[1] == one.item
    assert session().done == 1
    one.label("out")
    assert session().table().label.to_list() == ["in", "out"]
    assert [one.back(), one.back(), one.back()] == [one.plan[1], one.plan[0], None]


def test_agreement_is_of_the_rows_that_came_twice():
    one = session()
    assert one.agreement() is None
    wavering = {item.text for item in one.plan if item.again}
    wavering = dict.fromkeys(sorted(wavering)[:2], "out")
    labelled(one, lambda item: wavering.get(item.text, "in") if item.again else "in" if hash_of(item) else "out")
    found = one.agreement()
    assert found.total == 10 and str(found).startswith(f"with yourself: {found.same} of 10 the same")


def hash_of(item: Item) -> int:
    return int(item.text.split()[1]) % 2


def test_perfect_agreement_is_one_and_one_label_tells_nothing():
    both = labelled(session(), lambda item: LABELS[hash_of(item)]).agreement()
    assert (both.same, both.total, both.kappa) == (10, 10, 1.0)
    alone = labelled(session(name="one")).agreement()
    assert "10 of 10 the same (100%, 95% interval 72% to 100%), kappa not defined" in str(alone)


def test_labels_that_somebody_gave_are_compared_row_by_row():
    one = labelled(session(), most=10)
    known = {item.text: "in" if n < 8 else "out" for n, item in enumerate(one.plan[:10])}
    assert str(one.agreement_with(known)).startswith("with the file: 8 of 10 the same (80%")
    assert one.agreement_with({}) is None


def test_in_a_replay_nothing_is_read_and_nothing_written(monkeypatch):
    labelled(session(), most=3)
    monkeypatch.setenv("COURSE_REPLAY", "only")
    one = session()
    before = one.file.read_text(encoding="utf-8")
    labelled(one, most=2)
    assert one.done == 2 and one.file.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(("texts", "labels", "name", "why"), [
    ([], LABELS, "a", "no rows to label"), (TEXTS, ["in"], "a", "too few labels"),
    (TEXTS, LABELS, "../a", r"'\.\./a' is to be the name of a file")])
def test_what_cannot_be_labelled_is_named(texts, labels, name, why):
    with pytest.raises(ValueError, match=why):
        Session(texts, labels, name)


def test_a_label_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"no label 'up'\. There are: in, out"):
        session().label("up")


def test_a_line_holds_what_a_person_can_read():
    one = labelled(session(texts=["größer", "b"]), most=1)
    [line] = one.file.read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {"text": one.plan[0].text, "again": False, "label": "in"}
    assert ROOT not in one.file.parents
