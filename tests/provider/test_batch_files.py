"""Files of requests and of results: the format's limits, the state of each, and every fault of a line."""
from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from helpers.provider import batch_files
from helpers.provider.batch_files import Folder, Results, pages, written
from helpers.provider.collection import Request
from helpers.provider.recordings import Call
from tests.batch_provider import result

TRANSPORT = SimpleNamespace(target=SimpleNamespace(host="h"), adapted_request=lambda call: call.request)


def waiting(text: str) -> Request:
    return Request(Call("chat/completions", "m:1", {"model": "m", "messages": [{"role": "user", "content": text}]}),
                   TRANSPORT, 0)


def results(tmp_path, *lines: dict | str, ids: str = "ab") -> Results:
    path = tmp_path / "results-0001.jsonl"
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines))
    return Results(path, dict.fromkeys(ids).keys())


def test_pages_keep_the_limits_of_the_format(monkeypatch):
    many = [waiting(f"message {i:03}") for i in range(10)]
    size = len(written(many[0]))
    monkeypatch.setattr(batch_files, "MOST_REQUESTS", 4)
    assert [len(page) for page in pages(many)] == [4, 4, 2]
    monkeypatch.setattr(batch_files, "MOST_BYTES", 3 * size)
    assert [len(page) for page in pages(many)] == [3, 3, 3, 1]
    assert list(pages([])) == []


def test_bytes_are_counted_and_not_letters(monkeypatch):
    monkeypatch.setattr(batch_files, "MOST_BYTES", len(written(waiting("é" * 100))) + 50)
    assert [len(page) for page in pages([waiting("é" * 100), waiting("x")])] == [1, 1]


def test_a_part_is_written_found_again_and_forgotten_with_its_file(tmp_path):
    part = Folder(tmp_path).write([waiting("a"), waiting("b")], 0.5)
    assert (part.requests, part.results, part.count, part.most) == ("requests-0001.jsonl", "results-0001.jsonl", 2, 0.5)
    again = Folder(tmp_path)
    assert again.parts == [part] and list(again.sent(part)) == [waiting("a").call.key, waiting("b").call.key]
    assert again.sent(part)[waiting("a").call.key] == {"model", "messages"}
    (tmp_path / part.requests).unlink()
    assert Folder(tmp_path).parts == []


def test_a_new_file_takes_no_number_that_stands_there(tmp_path):
    (tmp_path / "results-0007.jsonl").touch()
    assert Folder(tmp_path).write([waiting("a")], 0.0).requests == "requests-0008.jsonl"


def test_results_are_known_by_id_in_any_order(tmp_path):
    found = results(tmp_path, result("b"), "", result("a"))
    assert list(found.lines) == ["b", "a"] and found.missing == [] and len(list(found.bodies())) == 2
    assert found.complaint(SimpleNamespace(requests="q", results="r", count=2)) == ""


@pytest.mark.parametrize("line", ["{oops", "[]", "3", "{}", '{"custom_id": "a", "response": [1]}',
                                  '{"custom_id": "a", "response": {"status_code": "many"}}'])
def test_a_line_that_is_no_result_is_known_by_its_number(tmp_path, line):
    found = results(tmp_path, result("b"), line)
    assert (found.missing, found.torn) == (["a"], [2])


def test_unknown_doubled_and_missing_ids(tmp_path):
    other = result("a", body={"choices": ["other"]})
    found = results(tmp_path, result("a"), other, result("x"), result("['a']"), ids="abc")
    assert (found.unknown, found.doubled, found.missing) == (["x", "['a']"], ["a"], ["a", "b", "c"])


def test_results_without_a_file_are_none():
    assert Results(None, {"a"}).missing == ["a"]
