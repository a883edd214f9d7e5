"""Batches on disk: what they refuse, how they are answered, cancelled, and go on after a kill."""
from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable

import pytest

from helpers.local import batches, files
from helpers.local.refusals import ApiError

CHAT = "/v1/chat/completions"


def line(name: str, **changes: object) -> dict:
    return {"custom_id": name, "method": "POST", "url": CHAT,
            "body": {"model": "m", "messages": [{"role": "user", "content": name}]}} | changes


def uploaded(*lines: dict | str, purpose: str = "batch") -> str:
    text = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines)
    return files.add(io.BytesIO(text.encode()), "requests.jsonl", purpose).card["id"]


def created(*lines: dict | str) -> batches.Batch:
    return batches.create(uploaded(*lines), CHAT)


def echo(path: str, body: dict) -> tuple[int, dict]:
    return 200, {"choices": [{"message": {"content": body["messages"][0]["content"].upper()}}]}


def results(batch: batches.Batch, name: str = "output") -> dict[str, dict]:
    """What the file of answers, or of errors, says: custom id -> response."""
    lines = files.find(batch.card[f"{name}_file_id"]).content.read_text().splitlines()
    return {row["custom_id"]: row["response"] for row in map(json.loads, lines)}


def counts(batch: batches.Batch) -> tuple[int, int, int]:
    return tuple(batch.card["request_counts"][name] for name in ("total", "completed", "failed"))


# ---------------------------------------------------------------- answering

def test_every_request_is_answered_and_refusals_have_a_file_of_their_own():
    def answer(path: str, body: dict) -> tuple[int, dict]:
        assert path == CHAT
        return (400, {"error": {"message": "too long"}}) if body["messages"][0]["content"] == "b" else echo(path, body)

    batch = created(line("a"), line("b"), line("c"))
    assert (batch.status, counts(batch)) == ("validating", (3, 0, 0))
    batches.work(batch, answer)
    assert (batch.status, counts(batch)) == ("completed", (3, 2, 1))
    assert [results(batch)[name]["body"]["choices"][0]["message"]["content"] for name in "ac"] == ["A", "C"]
    assert results(batch, "error") == {"b": results(batch, "error")["b"]}
    assert results(batch, "error")["b"]["status_code"] == 400
    assert batch.card["completed_at"] and files.find(batch.card["output_file_id"]).card["purpose"] == "batch_output"


def test_without_refusals_there_is_no_file_of_errors():
    batch = created(line("a"))
    batches.work(batch, echo)
    assert batch.card["error_file_id"] is None


def killed_at(count: int) -> Callable:
    """An answerer whose process is gone at the request after so many."""
    asked = []

    def answer(path: str, body: dict) -> tuple[int, dict]:
        asked.append(body)
        if len(asked) > count:
            raise SystemExit        # passes what catches errors, as a kill does
        return echo(path, body)
    return answer


def test_a_batch_whose_service_was_killed_goes_on_and_asks_nothing_twice():
    batch, asked = created(*map(line, "abcd")), []
    with pytest.raises(SystemExit):
        batches.work(batch, killed_at(2))
    with (batch.folder / "output.jsonl").open("a") as file:
        file.write('{"custom_id": "c", "resp')      # cut off in mid-line
    assert (batch.status, batches.waiting()) == ("in_progress", [batch])
    batches.work(batch, lambda path, body: asked.append(body["messages"][0]["content"]) or echo(path, body))
    assert (asked, batch.status, counts(batch)) == (["c", "d"], "completed", (4, 4, 0))
    assert list(results(batch)) == list("abcd")


def test_a_request_that_ends_the_service_every_time_ends_the_batch_with_the_reason():
    batch = created(*map(line, "abc"))
    with pytest.raises(SystemExit):
        batches.work(batch, killed_at(1))
    for _ in range(batches.MOST_STARTS):
        with pytest.raises(SystemExit):
            batches.work(batch, killed_at(0))
    batches.work(batch, killed_at(0))
    assert batch.status == "failed"
    assert "ended 3 times while it answered the request after the 1 that are done" in json.dumps(batch.card["errors"])
    assert list(results(batch)) == ["a"]


def test_trouble_that_is_no_answer_ends_the_batch_with_the_reason():
    def answer(path: str, body: dict) -> tuple[int, dict]:
        raise OSError("no space left")
    batch = created(line("a"))
    batches.work(batch, answer)
    assert (batch.status, batch.card["errors"]["data"][0]["message"]) == (
        "failed", "The batch could not go on: OSError: no space left")


# ---------------------------------------------------------------- cancelling

def test_a_batch_is_cancelled_before_its_next_request_and_keeps_its_answers():
    batch = created(*map(line, "abc"))

    def answer(path: str, body: dict) -> tuple[int, dict]:
        batches.cancel(batch)
        return echo(path, body)

    batches.work(batch, answer)
    assert (batch.status, counts(batch), list(results(batch))) == ("cancelled", (3, 1, 0), ["a"])
    with pytest.raises(ApiError, match="has ended already: cancelled"):
        batches.cancel(batch)


def test_a_batch_that_waits_is_cancelled_without_an_answer():
    batch = created(line("a"))
    batches.cancel(batch)
    batches.work(batch, echo)
    assert (batch.status, batch.card["output_file_id"]) == ("cancelled", None)


def test_one_worker_at_a_time():
    batch = created(line("a"))
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with batch.at_work():
            taken.set()
            done.wait(10)
    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait(10)
    with pytest.raises(TimeoutError), batch.at_work():
        pass
    done.set()
    thread.join()


# ---------------------------------------------------------------- what is refused

FAULTY = {
    "no JSON": (["{oops"], 1, "invalid_json_line", "no JSON"),
    "no object": (["[1]"], 1, "invalid_json_line", "no JSON object"),
    "no id": ([line("a"), line("")], 2, "missing_required_parameter", "custom_id is missing"),
    "an id twice": ([line("a"), line("b"), line("a")], 3, "duplicate_custom_id", "'a' stood in an earlier line"),
    "a method": ([line("a", method="GET")], 1, "invalid_method", "method is 'GET'; write 'POST'"),
    "another endpoint": ([line("a", url="/v1/embeddings")], 1, "invalid_url", "in a batch for '/v1/chat/completions'"),
    "no model": ([line("a", body={"messages": []})], 1, "missing_required_parameter", "body.model is missing"),
    "two models": ([line("a"), line("b", body={"model": "n"})], 2, "mismatched_model", "a batch asks one model"),
    "a stream": ([line("a", body={"model": "m", "stream": True})], 1, "invalid_request", "carries no streams"),
    "nothing": ([], None, "empty_file", "holds no request"),
}


@pytest.mark.parametrize(("lines", "number", "code", "words"), FAULTY.values(), ids=FAULTY)
def test_a_faulty_file_fails_the_batch_and_its_line_is_named(lines, number, code, words):
    batch = created(*lines)
    [error] = batch.card["errors"]["data"]
    assert (batch.status, error["line"], error["code"]) == ("failed", number, code)
    assert words in error["message"]


def test_too_many_requests(monkeypatch):
    monkeypatch.setattr(batches, "MOST_REQUESTS", 2)
    assert "3 requests; a batch takes at most 2" in json.dumps(created(*map(line, "abc")).card["errors"])


def test_a_file_that_is_missing_too_large_or_for_something_else(monkeypatch):
    with pytest.raises(ApiError, match=r"input_file_id: There is no file 'file-1'.*files\.create"):
        batches.create("file-1", CHAT)
    with pytest.raises(ApiError, match=r"was uploaded for 'batch_output'\. Upload it with the purpose 'batch'"):
        batches.create(uploaded(line("a"), purpose="batch_output"), CHAT)
    monkeypatch.setattr(batches, "MOST_BYTES", 10)
    with pytest.raises(ApiError, match=r"a batch takes at most 0 MB\. Split the file"):
        batches.create(uploaded(line("a")), CHAT)


@pytest.mark.parametrize("name", ["batch_1", "../files"])
def test_a_batch_that_is_not_there(name):
    with pytest.raises(ApiError, match="There is no batch"):
        batches.find(name)
