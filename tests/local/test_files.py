"""Uploaded files: kept under a name made from their content, and refused with the line that is wrong."""
from __future__ import annotations

import io
import json

import pytest

from helpers.local import files
from helpers.local.refusals import ApiError
from tests.tuning import examples


def add(content: bytes, filename: str = "train.jsonl", purpose: str = files.TRAINING) -> files.File:
    return files.add(io.BytesIO(content), filename, purpose)


def test_a_file_is_found_again_with_its_content():
    kept = add(examples())
    found = files.find(kept.card["id"])
    assert found.content.read_bytes() == examples()
    assert found.card.items() >= {"object": "file", "bytes": len(examples()), "filename": "train.jsonl",
                                  "purpose": "fine-tune", "status": "processed"}.items()


def test_the_same_upload_is_the_same_file_and_another_name_another():
    first, again, other = add(examples()), add(examples()), add(examples(), "other.jsonl")
    assert first == again != other
    assert len(files.everything()) == 2


def test_a_file_name_is_only_a_name():
    kept = add(examples(), "../../evil.jsonl")
    assert kept.card["filename"] == "../../evil.jsonl"
    assert sorted(path.name for path in kept.folder.iterdir()) == ["card.json", "content"]


def test_a_deleted_file_is_gone():
    name = add(examples()).card["id"]
    files.delete(name)
    for look in (files.find, files.delete):
        with pytest.raises(ApiError, match=rf"no file '{name}'.*files.create\(\)"):
            look(name)


@pytest.mark.parametrize("name", ["", ".", "..", "../files", "file-1/../.."])
def test_an_id_is_no_path(name):
    add(examples())
    with pytest.raises(ApiError, match="There is no file"):
        files.delete(name)
    assert len(files.everything()) == 1


BAD = {
    "no JSON": (examples() + b"{oops\n", "[Ll]ine 11"),
    "the wrong schema": (examples() + b'{"prompt": "x"}\n', "[Ll]ine 11"),
    "the last turn": (examples() + json.dumps({"messages": [{"role": "user", "content": "x"}]}).encode(), "[Ll]ine 11"),
    "too few": (examples(9), "9"),
    "nothing": (b"", ""),
    "no text": (b"\x00\xff\x00\xff", ""),
}


@pytest.mark.parametrize("name", BAD)
def test_a_training_file_with_errors_is_refused_and_not_kept(name):
    content, words = BAD[name]
    with pytest.raises(ApiError, match=rf"'train.jsonl' cannot be trained on.*{words}.*helpers.validate") as caught:
        add(content)
    assert (caught.value.status, caught.value.body["error"]["param"]) == (400, "file")
    assert files.everything() == []


def test_of_many_errors_a_few_are_shown_and_the_rest_counted():
    with pytest.raises(ApiError, match=r"\.\.\. and 7 more\. Repair"):
        add(b"{oops\n" * 10)


def test_results_are_not_checked():
    assert add(b"step,train_loss\n", "metrics.csv", files.RESULTS).card["purpose"] == "fine-tune-results"
