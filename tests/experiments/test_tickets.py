"""The plans of the experiments on tickets vary what they say they vary, and nothing else."""
from __future__ import annotations

from collections import Counter

import pytest

from helpers.experiments import points, tickets
from helpers.tasks import load_task

TASK = load_task("tickets")


def answers(training: list[dict]) -> list[str]:
    return [one["messages"][-1]["content"] for one in training]


def test_the_curve_takes_three_draws_of_six_sizes_and_asks_the_test():
    plan = tickets.learning_curve()
    assert Counter(len(point.training) for point in plan) == dict.fromkeys(tickets.COUNTS, 3)
    assert len({point.adapter_id for point in plan}) == 18
    assert all([one.id for one in point.exams[0].questions] == [one.id for one in TASK.test] for point in plan)


def test_own_tickets_are_asked_again_at_most_a_hundred_of_them():
    small, large = tickets.learning_curve()[0], tickets.learning_curve()[5]
    assert (len(small.exams[1].questions), len(large.exams[1].questions)) == (25, 100)
    taught = {one["messages"][1]["content"] for one in small.training}
    assert {one.messages[1]["content"] for one in small.exams[1].questions} == taught


def test_no_plan_trains_on_what_it_is_asked():
    for point in [*tickets.learning_curve(), *tickets.data_and_settings(), *tickets.split_category()]:
        taught = {one["messages"][1]["content"] for one in point.training}
        asked = {one.messages[1]["content"] for one in point.exams[0].questions}
        assert not taught & asked, str(point)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_so_many_labels_are_flipped(share):
    plain = tickets.subset(TASK, 200, 0)
    before, after = answers(tickets.taught(plain)), answers(tickets.flipped(TASK, plain, share))
    assert sum(a != b for a, b in zip(before, after, strict=True)) == round(200 * share)
    assert set(after) <= set(TASK.labels)


def test_balanced_and_skewed_are_what_they_say():
    even = Counter(answers(tickets.taught(tickets.balanced(TASK, 200))))
    assert max(even.values()) - min(even.values()) <= 1 and sum(even.values()) == 200
    assert Counter(answers(tickets.taught(tickets.skewed(TASK, 200))))["delivery"] == 100


def test_twelve_settings_differ_in_one_thing_each():
    plan = tickets.data_and_settings()
    assert len(plan) == 12 == len({point.adapter_id for point in plan})
    curve = next(point for point in tickets.learning_curve() if point.settings == {"n": 200, "seed": 0})
    assert plan[0].adapter_id == curve.adapter_id       # trained once for both


def test_a_month_is_answered_with_the_months_before_it():
    as_it_was, one_month, two_months = tickets.drift()
    months = tickets.later(TASK)
    assert [len(month) for month in months.values()] == [50, 50, 50]
    assert [len(point.training) for point in (as_it_was, one_month, two_months)] == [600, 650, 700]
    assert len(as_it_was.exams[0].questions) == 150
    assert {one.id for one in two_months.exams[0].questions} == {one.id for one in months["2027-01"]}
    taught = {one["messages"][1]["content"] for one in two_months.training}
    assert not taught & {one.input for one in months["2027-01"]} and taught > {one.input for one in months["2026-12"]}


def test_the_commonest_failure_is_found_with_its_tickets():
    replies = {one.id: one.expected["category"] for one in TASK.validation}
    wrong = [one for one in TASK.validation if one.expected["category"] == "returns"][:3]
    replies |= {one.id: "billing" for one in wrong} | {TASK.validation[0].id: "gibberish"}
    pair, failed = tickets.commonest_failure(TASK, replies)
    assert pair == ("returns", "billing") and [one.id for one in failed] == [one.id for one in wrong]


def test_delivery_is_divided_and_nothing_else():
    new = tickets.new_task()
    assert "delivery" not in new.labels and {"transport", "contents"} <= set(new.labels)
    for old, one in zip(TASK.test, new.test, strict=True):
        was, now = old.expected["category"], one.expected["category"]
        assert now in ("transport", "contents") if was == "delivery" else now == was
        assert one.task is new and new.score(one, now).right


def test_each_field_is_learned_by_itself_and_marked_by_itself():
    plan = {point.settings["field"]: point for point in tickets.two_conditions()}
    assert set(plan) == set(TASK.fields)
    asked = plan["priority"].exams[0].questions[0]
    assert asked.mark("urgent").valid and not asked.mark("delivery").valid
    assert asked.mark(f" {TASK.test[0].expected['priority']}\n").right


def test_general_questions_are_marked_by_their_choices():
    exam = tickets.forgetting()[0].exams[0]
    assert len(exam.questions) == 120 and tickets.forgetting()[0].training == []
    assert exam.questions[0].mark("Earth.").right and not exam.questions[0].mark("the Earth, of course").valid


@pytest.mark.parametrize("path", sorted(points.RESULTS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_every_kept_run_is_of_the_model_that_is_served(path):
    from helpers.local import weights
    assert {row["base"] for row in points.rows(path.stem)} == {weights.chat_model_fingerprint()}
