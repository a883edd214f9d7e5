"""Requests that wait: put off in place of being sent, and met again when their answer has come."""
from __future__ import annotations

from types import SimpleNamespace

import pytest

from helpers.provider.collection import BatchError, Collection, Failure, PutOff, current_row
from helpers.provider.recordings import Call, Recorded

NOBODY = SimpleNamespace()


def call(text: str, **options: object) -> Call:
    return Call("chat/completions", "m:1", {"model": "m", "messages": [{"role": "user", "content": text}]} | options)


def asked(collection: Collection, number: int, *calls: Call) -> list[Recorded | Failure]:
    """Make these requests in turn, as a row's method does; return what came of those that had an answer."""
    came = []
    with collection.row(number):
        for one in calls:
            outcome = current_row().outcome(one)
            if outcome is None:
                current_row().wait(one, NOBODY)
            came.append(outcome)
    return came


def test_outside_of_a_row_nothing_waits():
    collection = Collection()
    assert current_row() is None
    with collection.row(0) as put_off, pytest.raises(PutOff):
        assert current_row().outcome(call("a")) is None
        current_row().wait(call("a"), NOBODY)
    assert current_row() is None and put_off == [call("a").key]


def test_what_waits_is_taken_in_the_order_of_its_rows_and_the_same_request_once():
    collection = Collection()
    for number, text in ((3, "same"), (2, "b"), (1, "same")):
        with pytest.raises(PutOff):
            asked(collection, number, call(text))
    taken = collection.take()
    assert [(one.call, one.row) for one in taken.values()] == [(call("same"), 1), (call("b"), 2)]
    assert collection.take() == {}


def test_a_request_that_has_an_answer_or_a_failure_waits_no_more():
    collection, recorded, failure = Collection(), Recorded({}, 0.0), Failure(400)
    collection.answered[call("a").key], collection.failed[call("b").key] = recorded, failure
    assert asked(collection, 0, call("a"), call("b")) == [recorded, failure]


def test_to_wait_is_no_exception():
    assert not issubclass(PutOff, Exception)


def test_a_request_may_wait_again_and_one_after_it_too():
    collection = Collection()
    for _ in range(2):      # the budget did not hold it the first time
        with pytest.raises(PutOff):
            asked(collection, 0, call("a"))
    collection.answered[call("a").key] = Recorded({}, 0.0)
    with pytest.raises(PutOff):
        asked(collection, 0, call("a"), call("b"))


def test_a_method_that_asks_something_else_each_time_is_stopped():
    collection = Collection()
    with pytest.raises(PutOff):
        asked(collection, 0, call("a"))
    with pytest.raises(BatchError, match=r"something else each time.*random\.Random\(example\.id\)"):
        asked(collection, 0, call("b"))


def test_a_stream_is_refused():
    with pytest.raises(BatchError, match=r"carries no streams.*Leave out stream=True"):
        asked(Collection(), 0, call("a", stream=True))
