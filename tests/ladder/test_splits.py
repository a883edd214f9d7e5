"""What is tested on is not what was learned from."""
from __future__ import annotations

import pytest

from helpers.ladder import kinds, splits
from helpers.ladder.sheet import Columns, read
from helpers.rows import SHARES
from helpers.tasks import TaskError, load_task
from tests.ladder.own import labelled, table, texts


def dealt(path, group: str = ""):
    task, examples = kinds.task_of(read(path, Columns(group=group)))
    splits.deal(task, examples, bool(group))
    return task


def ids(task) -> dict[str, list[str]]:
    return {split: [one.id for one in getattr(task, split)] for split in SHARES}


def test_rows_are_dealt_as_load_task_deals_them(tmp_path):
    path = labelled(tmp_path)
    assert ids(dealt(path)) == ids(load_task(path))


def test_a_split_column_decides_and_the_order_is_mixed(tmp_path):
    rows = [(text, label, ("train", "validation", "test")[i % 3]) for i, (text, label) in enumerate(texts(60))]
    path = table(tmp_path / "own.csv", ("text", "label", "split"), rows)
    mine, theirs = ids(dealt(path)), ids(load_task(path))
    assert {split: sorted(names) for split, names in mine.items()} == \
        {split: sorted(names) for split, names in theirs.items()}
    assert mine != theirs and mine == ids(dealt(path))


def test_no_group_is_on_two_sides(tmp_path):
    rows = [(text, label, f"c{i % 20}") for i, (text, label) in enumerate(texts(200))]
    task = dealt(table(tmp_path / "own.csv", ("text", "label", "customer"), rows), "customer")
    groups = [{one.tags["group"] for one in getattr(task, split)} for split in SHARES]
    assert [len(part) for part in groups] == [12, 3, 5] and len(set.union(*groups)) == 20
    with pytest.raises(TaskError, match=r"200 rows in 1 group\(s\) cannot be split"):
        dealt(table(tmp_path / "own.csv", ("text", "label", "customer"), [(*row[:2], "c") for row in rows]), "customer")


def test_fewer_rows_to_learn_from_than_labels_are_refused(tmp_path):
    rows = [(text, f"label {i % 20}", "train" if i % 3 == 0 else "test") for i, (text, _) in enumerate(texts(48))]
    with pytest.raises(TaskError, match=r"too small to split: 16 rows to learn from.*10 rows for each label"):
        dealt(table(tmp_path / "own.csv", ("text", "label", "split"), rows))


def test_repeats_and_leaks_are_left_out_and_the_test_stays_whole(tmp_path):
    rows = [(text, label, "train" if i < 40 else "test") for i, (text, label) in enumerate(texts(60))]
    held_out, learned = rows[40], rows[0]
    rows += [(held_out[0].upper() + "!", "billing", "train"),        # the same text: learned by heart
             (learned[0], learned[1], "train"), (rows[41][0], rows[41][1], "test")]
    task = dealt(table(tmp_path / "own.csv", ("text", "label", "split"), rows))
    found = splits.part(task)
    assert (found.repeats, found.leaks, len(task.train), len(task.test)) == (2, 1, 40, 20)
    assert [note[:15] for note in found.notes()][:2] == ["2 rows left out", "1 row left out "]


def test_one_text_with_two_labels_stays_for_a_person_to_decide(tmp_path):
    rows = [(text, label, "train" if i < 40 else "test") for i, (text, label) in enumerate(texts(60))]
    task = dealt(table(tmp_path / "own.csv", ("text", "label", "split"), [*rows, (rows[50][0], "other", "test"),
                                                                           ("some other text", "other", "train")]))
    assert splits.part(task).repeats == 0 and len(task.test) == 21


def test_test_rows_with_a_near_twin_are_counted(tmp_path):
    long = "my parcel with the blue lamp did not arrive on monday and nobody answered the phone at the shop number "
    rows = [(text, label, "train" if i < 40 else "test") for i, (text, label) in enumerate(texts(60))]
    rows += [(long + "1", "delivery", "train"), (long + "2", "delivery", "test")]
    task = dealt(table(tmp_path / "own.csv", ("text", "label", "split"), rows))
    assert "1 test row nearly the same as a training row, and kept" in splits.part(task).notes()[0]


def test_a_sample_is_the_same_every_time_and_in_order():
    assert splits.sample(range(1000), 50) == splits.sample(range(1000), 50) == sorted(splits.sample(range(1000), 50))
    assert splits.sample([3, 1], 5) == [3, 1]
