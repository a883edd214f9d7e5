"""What each rung can try, and the reason why it may not."""
from __future__ import annotations

import pytest

from helpers.evaluation import evaluate
from helpers.ladder import rungs, wording
from helpers.ladder.kinds import shape
from helpers.ladder.records import OwnRecords
from helpers.ladder.rungs import Footing, Skip
from helpers.tasks import AnswerTask, Example, LabelTask, TaskError
from tests.ladder.own import served, server

TASK = LabelTask("own", {"label": {"billing": "", "delivery": "", "product": ""}}, "label")
TASK.train = [Example(f"e{i}", f"{word} {i}", label, {}, TASK) for i, (word, label) in enumerate(
    [("parcel", "delivery")] * 6 + [("invoice", "billing")] * 4 + [("size", "product")] * 2)]
TASK.test = [Example("t", "the courier is late", "delivery", {}, TASK)]


def footing(task=TASK, **more) -> Footing:
    return Footing(task, wording.forms(task)["prompt"][0], **more)


def rung(name: str, at: int = 0) -> rungs.Rung:
    return [one for one in rungs.RUNGS if one.name == name][at]


def questions() -> AnswerTask:
    task = AnswerTask("own")
    task.test = [Example("q", "When?", "at ten", {"variants": ["at ten"]}, task)]
    return task


def test_rungs_are_named_in_the_order_of_the_ladder():
    assert rungs.chosen(["rag", "prompt", "baselines"]) == ["baselines", "prompt", "rag"]
    with pytest.raises(TaskError, match=r"no rung 'vote'. There are: baselines, prompt, schema, few-shot, retrieved"):
        rungs.chosen(["vote"])


def test_fixed_examples_are_of_each_label_in_turn():
    assert [one.id for one in rungs.fixed(TASK, 5)] == ["e0", "e6", "e10", "e1", "e7"]


def test_fixed_examples_show_every_label_once_if_they_are_not_too_many():
    many = LabelTask("own", {"label": dict.fromkeys(map(str, range(77)), "")}, "label")
    ten = LabelTask("own", {"label": dict.fromkeys(map(str, range(10)), "")}, "label")
    assert [rungs._counts(task) for task in (TASK, ten, many)] == [(4, 8), (10, 16), (12, 16)]


def test_a_rung_says_why_it_cannot_apply():
    task = questions()
    for name, said in (("schema", "free words has no schema"), ("few-shot", "no rows to show"),
                       ("retrieved", "no rows to show"), ("rag", "no folder was given with --documents")):
        with pytest.raises(Skip, match=said):
            rung(name).candidates(footing(task))


def test_a_kind_has_its_own_baselines():
    def names(task) -> list[str]:
        found = []
        for one in rungs.BASELINES:
            try:
                found += [candidate.name for candidate in one.candidates(footing(task))]
            except Skip as reason:
                found.append(str(reason))
        return found
    assert names(TASK) == ["most common label", "TF-IDF + regression", "embeddings + regression",
                           "5 nearest neighbours"]
    assert names(questions()) == ["there are no rows to learn from"] * 2


def test_the_nearest_rows_answer_is_a_baseline_of_records(monkeypatch, loopback):
    served(monkeypatch, loopback)
    task = OwnRecords("own", shape("r", [{"what": "a"}]))
    rows = [("parcel late", "p"), ("invoice", "i"), ("parcel", "p")]
    task.train = [Example(f"e{i}", text, [{"what": what}], {}, task) for i, (text, what) in enumerate(rows)]
    task.test = [Example("t", "my invoice", [{"what": "i"}], {}, task)]
    found = [one.candidates(footing(task))[0] for one in rungs.BASELINES if "answer" in str(one.candidates(
        footing(task)))]
    assert [evaluate(one.build(), task.test).accuracy for one in found] == [0.0, 1.0]


def test_examples_and_passages_reach_the_model(tmp_path, monkeypatch, loopback):
    (tmp_path / "opening.md").write_text("# Opening\n\nWe open at ten on weekdays.")
    served(monkeypatch, loopback, server(lambda asked: "at ten" if "at ten" in asked["messages"][0]["content"] else
                                         f"{len(asked['messages'])} turns"))
    task = questions()
    [best, _] = rung("rag").candidates(footing(task, documents=tmp_path))
    assert evaluate(best.build(), task.test).accuracy == 1.0
    shown = [evaluate(one.build(), TASK.test).rows.reply[0] for one in
             [*rung("few-shot").candidates(footing()), *rung("retrieved").candidates(footing())]]
    assert shown == ["10 turns", "18 turns", "4 turns", "8 turns", "12 turns"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TaskError, match="There is no folder"):
        _ = footing(documents=tmp_path / "absent").index


def test_sizes_grow_with_what_is_shown():
    few, retrieved = (rung(name).candidates(footing()) for name in ("few-shot", "retrieved"))
    assert few[1].size.shared > few[0].size.shared and few[1].size.fresh == few[0].size.fresh
    assert retrieved[2].size.fresh > retrieved[0].size.fresh and retrieved[2].size.shared == retrieved[0].size.shared
