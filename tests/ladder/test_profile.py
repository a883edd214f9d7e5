"""What in the data would make a score mean less is said before it is measured."""
from __future__ import annotations

import pytest

from helpers.ladder.profile import checks, profile, shortened
from helpers.tasks import Example, LabelTask


def task_of(rows: list[tuple[str, str]], test: int = 60) -> LabelTask:
    task = LabelTask("own", {"label": dict.fromkeys(sorted({label for _, label in rows}), "")}, "label")
    made = [Example(f"row{i}", text, label, {}, task) for i, (text, label) in enumerate(rows)]
    task.train, task.test = made[test:], made[:test]
    return task


PLAIN = [(f"the parcel of {word} is late and not here", "ab"[i % 2]) for i, word in enumerate(
    [a + b for a in "bcdfghklmnprst" for b in ("al", "en", "or", "um", "ix", "yp", "ack", "oss")])]


def test_facts_are_counted():
    found = profile(task_of(PLAIN), ["line 1"], ["note"], 3)
    assert found["rows"] == {"train": 52, "validation": 0, "test": 60} and found["labels"]["a"] == [26, 0, 30]
    assert found["notes"] == ["3 rows left out: no text, or no answer.", "note"] and found["checks"] == ["line 1"]
    assert (found["kind"], found["headline"], found["groups"]) == ("labels", "label", 0)


@pytest.mark.parametrize(("rows", "said"), [
    ([*PLAIN, *[(f"x{i}", "b") for i in range(99)]], "'b' has 73% of the rows: that share is right without looking"),
    ([*PLAIN, ("rare", "c")], "1 label with fewer than 5 training rows, of which little can be learned: c."),
    ([(f"где моя посылка {i}", "ab"[i % 2]) for i in range(80)], "in Cyrillic letters, and the embedded models"),
    ([(f"wo ist mein Paket {i}, ich habe es nicht und die Zeit ist um", "ab"[i % 2]) for i in range(80)],
     "mostly in German, and the embedded models learned from English"),
    ([(f"{i} + {i} = ?", "ab"[i % 2]) for i in range(80)], None), (PLAIN, None),
])
def test_what_a_reader_should_know_is_one_sentence(rows, said):
    found = profile(task_of(rows))["notes"]
    assert any(said in note for note in found) if said else found == []


def test_few_test_rows_are_said_with_what_they_can_show():
    assert "20 test rows only: a score of 80% would be known no better than 58% to 92%." in profile(
        task_of(PLAIN, 20))["notes"]


def test_the_checks_are_those_of_a_training_file():
    rows = [*PLAIN[:30], PLAIN[3], (PLAIN[4][0], "b"), ("my key is sk-" + 2 * "aB3dE6gH9jK2mN5pQ8", "a")]
    task = task_of(rows, 10)
    found = "\n".join(checks(task, [*task.test, *task.train]))
    assert "line 31  [duplicate]  The example is the same as line 4" in found
    assert "line 32  [contradiction]  The input is that of line 5" in found and "[secret]" in found
    assert "sk-abc" not in found


def test_more_faults_than_fit_are_counted():
    task = task_of([PLAIN[0]] * 40, 10)
    assert checks(task, [*task.test, *task.train])[-1].startswith("... and ")


def test_long_texts_are_cut_for_every_method_and_it_is_said():
    task = task_of([("x" * 7_000, "a"), *PLAIN], 10)
    assert shortened(task, embedded=True).startswith("1 text longer than 6,000 characters, cut there")
    assert len(task.test[0].input) == 6_000 and task.test[0].task is task
    assert shortened(task, embedded=True) == "" == shortened(task_of(PLAIN), embedded=False)
