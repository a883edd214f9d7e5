"""Documents are read or named, and cut into passages that can be found again in them."""
from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from helpers.documents import DocumentError, chunk, read_folder
from helpers.tasks import DATA

PAGE = "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(DATA.glob("*/card.md")))


# ---------------------------------------------------------------- cutting

@pytest.mark.parametrize(("words", "overlap"), [(1, 0), (7, 3), (40, 0), (120, 20), (10_000, 0)])
def test_passages_lie_where_they_say_and_lose_no_word(words, overlap):
    passages = chunk(PAGE, words=words, overlap=overlap, source="cards")
    assert all(PAGE[one.start:one.end] == one.text and one.source == "cards" for one in passages)
    assert max(len(one.text.split()) for one in passages) <= words
    covered = set().union(*(range(one.start, one.end) for one in passages))
    assert not re.search(r"\S", "".join(c for i, c in enumerate(PAGE) if i not in covered))


@pytest.mark.parametrize(("words", "overlap"), [(40, 30), (40, 20), (10, 9)])
def test_no_passage_lies_wholly_in_the_one_before(words, overlap):
    passages = chunk(PAGE, words=words, overlap=overlap)
    assert all(later.end > one.end for one, later in pairwise(passages))


def test_passages_overlap_as_far_as_asked_and_no_farther():
    passages = chunk(PAGE, words=60, overlap=15)
    shared = [len(PAGE[later.start:one.end].split()) for one, later in pairwise(passages)]
    assert max(shared) <= 15 and sum(n > 0 for n in shared) > len(shared) / 2
    assert all(later.start > one.start for one, later in pairwise(passages))


@pytest.mark.parametrize(("words", "text", "parts"), [
    (3, "One two. Three four. Five six", ["One two.", "Three four.", "Five six"]),
    (3, "One two. Three four. Five", ["One two.", "Three four. Five"]),
    (4, "One two three\n\nfour five six seven", ["One two three", "four five six seven"]),
    (3, "One two\nthree. Four", ["One two", "three. Four"]),
    (4, "one two three four five", ["one two three four", "five"]),
    (3, "", []), (3, " \n ", []), (3, "one", ["one"])])
def test_a_cut_falls_at_the_greatest_pause(words, text, parts):
    assert [one.text for one in chunk(text, words=words, overlap=0)] == parts


@pytest.mark.parametrize(("words", "overlap"), [(0, 0), (5, 5), (5, -1)])
def test_sizes_that_make_no_sense_are_refused(words, overlap):
    with pytest.raises(ValueError, match="a passage needs a word"):
        chunk("text", words=words, overlap=overlap)


def test_a_title_is_searched_with_the_passage_and_is_no_part_of_its_place():
    [one] = chunk("Ten days.", title="Returns")
    assert (str(one), one.text, one.start, one.end) == ("Returns\nTen days.", "Ten days.", 0, 9)


# ---------------------------------------------------------------- reading

@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "more").mkdir()
    (tmp_path / "a.md").write_text("# Returns\n\nTen days.", encoding="utf-8")
    (tmp_path / "more" / "b.html").write_text("<style>p {}</style><h1>Care</h1><p>Wash <b>cold</b>.</p>")
    (tmp_path / "c.txt").write_bytes("Gr\xfc\xdfe".encode("latin-1"))
    (tmp_path / "d.txt").write_text(" \n")
    (tmp_path / "e.pdf").write_bytes(b"%PDF")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "a-checkpoint.md").write_text("# Returns\n\nFive days.")
    return tmp_path


def test_a_folder_is_read_and_what_cannot_be_is_named(folder, capsys):
    first, second = read_folder(folder)
    assert (first.source, first.title) == ("a.md", "Returns")
    assert second.source == "more/b.html" and second.text == "Care\n\nWash cold."
    said = capsys.readouterr().err
    assert "c.txt is not UTF-8" in said and "d.txt is empty" in said and said.count("left out") == 2


def test_a_huge_file_is_left_out(folder, capsys, monkeypatch):
    monkeypatch.setattr("helpers.documents.LARGEST", 18)
    with pytest.raises(DocumentError, match=r"Nothing in .* could be read: 4 files"):
        read_folder(folder)
    assert "a.md has" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere", "a.md"])
def test_a_folder_that_is_none_is_said_so(folder, name):
    with pytest.raises(DocumentError, match="There is no folder"):
        read_folder(folder / name)


def test_an_empty_folder_is_said_so(tmp_path):
    with pytest.raises(DocumentError, match=r"Nothing in .*: 0 files end in .*\.md"):
        read_folder(tmp_path)
