"""The index finds what was put in, by words, by meaning and by both, and comes back from disk as it went."""
from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from helpers import retrieval
from helpers.retrieval import Document, Index, Passage, RetrievalError, best, fuse, similar
from helpers.settings import ROOT
from helpers.tasks import Example
from tests import notebook_checks

TEXTS = ["A green slip is valid for 21 days.", "The Raft delivers wardrobes.", "Wash the blanket at 30 degrees.",
         "Wardrobes are delivered upstairs by two people."]
WORDS = ("green", "raft", "wash", "wardrobe", "deliver")


def vectors_of(texts: list[str]) -> np.ndarray:
    """Stand-in for the encoder: which of five words a text holds, and a bit of everything."""
    rows = np.array([[float(word in text.lower()) for word in WORDS] for text in texts], dtype=np.float32) + 0.01
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def encoder(monkeypatch):
    monkeypatch.setattr(retrieval, "embed", vectors_of)


@pytest.fixture
def index() -> Index:
    index = Index()
    index.add(TEXTS)
    return index


# ---------------------------------------------------------------- building

PAGES = [Document("slip.md", "Green slip", "A slip is valid.\n\nIt costs nothing at all."),
         Document("raft.md", "Raft", "Late.")]


def test_an_index_of_pages_holds_their_passages_with_their_titles():
    index = Index.of(PAGES, words=4, overlap=0)
    assert list(map(str, index.passages)) == ["Green slip\nA slip is valid.", "Green slip\nIt costs nothing at",
                                              "Green slip\nall.", "Raft\nLate."]
    assert [passage.title for passage in Index.of(PAGES, titled=False).passages] == ["", ""]


def test_what_notebook_03_shows_is_what_is_imported_after_it():
    notebook = ROOT / "notebooks" / "03_rag.ipynb"
    shown = notebook_checks.function_in(notebook, "build", Index=Index, chunk=retrieval.chunk)
    assert shown(PAGES, 4, 1).passages == Index.of(PAGES, 4, 1).passages
    assert shown(PAGES).passages == Index.of(PAGES).passages


# ---------------------------------------------------------------- examples to show

SHOTS = [Example(f"e{i}", text, "yes") for i, text in enumerate(TEXTS)]
ASKED = Example("e9", "When is my wardrobe delivered?", None)


def test_the_most_similar_examples_are_found_and_the_most_similar_stands_last():
    assert [shot.id for shot in similar(SHOTS, 2)(ASKED)] == ["e1", "e3"]


def test_what_notebook_02_shows_finds_the_same_examples():
    notebook = ROOT / "notebooks" / "02_few_shot.ipynb"
    shown = notebook_checks.function_in(notebook, "similar", embed=vectors_of, np=np)
    assert [shown(SHOTS, k)(ASKED) for k in (1, 3)] == [similar(SHOTS, k)(ASKED) for k in (1, 3)]


# ---------------------------------------------------------------- searching

@pytest.mark.parametrize("mode", ["hybrid", "keyword", "dense"])
def test_the_best_passage_comes_first(index, mode):
    hits = index.search("who delivers a wardrobe?", k=2, mode=mode)
    assert {hit.source for hit in hits} == {"text 1", "text 3"} and hits[0].score >= hits[1].score
    assert str(hits[0]) in TEXTS


def test_words_are_found_in_other_endings_and_stop_words_do_not_count(index):
    assert [hit.source for hit in index.search("washing a blankets", mode="keyword")] == ["text 2"]
    assert index.search("is the at by", mode="keyword") == []


def test_fewer_passages_than_asked_for_are_all_there_is(index):
    assert len(index.search("green wash", k=99, mode="dense")) == len(TEXTS)
    assert Index().search("anything") == []


def test_an_index_of_nothing_but_small_words_finds_nothing_by_words():
    index = Index()
    index.add(["it is", "the"])
    assert index.search("it is", mode="keyword") == [] == index.search("wardrobe", mode="keyword")


def test_a_single_digit_tells_two_products_apart():
    index = Index()
    index.add(["Thistle blanket 5 kg", "Thistle blanket 8 kg"])
    assert index.search("thistle 8", k=1, mode="keyword")[0].source == "text 1"


def test_questions_side_by_side_find_what_they_find_alone(index):
    retrieval._stem.cache_clear()
    words = [f"{word}{ending}" for word in ("communed", "deliver", "hopping", "wash", "return") for ending in
             ("", "s", "ing", "ed", "fulness", "ation", "ational", "iveness", "alism")]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(retrieval._stem, words * 40))
    retrieval._stem.cache_clear()
    assert together == [retrieval._stem(word) for word in words * 40]


def test_passages_keep_their_place():
    index = Index()
    index.add([Passage("Ten days.", "returns.md", 12, 21, "Returns")])
    [hit] = index.search("returns")
    assert (hit.source, hit.start, hit.end, str(hit)) == ("returns.md", 12, 21, "Returns\nTen days.")


def test_what_is_added_later_is_found_too(index):
    index.search("green", mode="keyword")
    index.add(["Green tea is washed down."])
    assert {hit.source for hit in index.search("green", mode="keyword")} == {"text 0", "text 4"}
    assert index.vectors.shape == (5, 5) and len(index) == 5


@pytest.mark.parametrize(("query", "mode", "said"), [
    ("", "hybrid", "query is empty"), (" \n", "dense", "query is empty"), ("x", "sparse", "no mode 'sparse'")])
def test_a_query_that_asks_nothing_is_refused(index, query, mode, said):
    with pytest.raises(RetrievalError, match=said):
        index.search(query, mode=mode)


def test_an_empty_passage_is_refused_and_nothing_is_added(index):
    with pytest.raises(RetrievalError, match="passage of 'text 5' is empty"):
        index.add(["fine", "  "])
    assert len(index) == len(TEXTS)


def test_an_interrupted_add_adds_nothing(index, monkeypatch):
    def interrupted(texts):
        raise KeyboardInterrupt
    monkeypatch.setattr(retrieval, "embed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        index.add(["one more"])
    assert len(index) == len(index.vectors) == len(TEXTS)


# ---------------------------------------------------------------- scores

def test_best_is_ordered_leaves_out_zeros_and_breaks_ties_by_place():
    assert best(np.array([0.1, 0.9, 0.0, 0.9]), 3) == [1, 3, 0]
    assert best(np.array([0.0, 0.0]), 2) == [] == best(np.array([]), 2) == best(np.array([1.0]), 0)
    scores = np.random.default_rng(0).random(1000)
    assert best(scores, 7) == sorted(range(1000), key=lambda i: -scores[i])[:7]
    assert best(np.ones(1000), 3) == [0, 1, 2]


def test_fusion_adds_reciprocal_ranks():
    fused = fuse([np.array([3.0, 2.0, 0.0]), np.array([0.0, 5.0, 4.0])])
    assert fused == pytest.approx([1 / 61, 1 / 62 + 1 / 61, 1 / 62])


# ---------------------------------------------------------------- on disk

def test_an_index_comes_back_as_it_went(index, tmp_path):
    index.save(tmp_path / "index")
    again = Index.load(tmp_path / "index")
    assert again.passages == index.passages and np.array_equal(again.vectors, index.vectors)
    assert again.search("wardrobe") == index.search("wardrobe")
    again.add(["And one more wardrobe."])
    again.save(tmp_path / "index")
    assert len(Index.load(tmp_path / "index")) == 5 and not list(tmp_path.glob("index.*"))


def test_a_folder_with_something_else_in_it_is_left_alone(index, tmp_path):
    (tmp_path / "thesis.md").write_text("years of work")
    with pytest.raises(RetrievalError, match="is no index"):
        index.save(tmp_path)
    index.save(tmp_path / "index")
    (tmp_path / "index" / "mine.md").write_text("a note")
    (tmp_path / "index.old").mkdir()
    with pytest.raises(RetrievalError, match="is no index"):
        index.save(tmp_path / "index")
    assert (tmp_path / "thesis.md").exists() and (tmp_path / "index" / "mine.md").exists()
    assert (tmp_path / "index.old").exists()


def test_a_build_that_broke_off_is_not_taken_for_an_index(index, tmp_path, monkeypatch):
    monkeypatch.setattr(retrieval.np, "save", lambda path, rows: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        index.save(tmp_path / "index")
    with pytest.raises(RetrievalError, match="There is no index"):
        Index.load(tmp_path / "index")


def test_a_save_that_breaks_off_leaves_the_index_that_was_there(index, tmp_path, monkeypatch):
    index.save(tmp_path / "index")
    replace, moves = os.replace, []

    def second_fails(source, target):
        moves.append(target)
        if len(moves) == 2:
            raise OSError(13, "in use")
        replace(source, target)
    monkeypatch.setattr(retrieval.os, "replace", second_fails)
    with pytest.raises(OSError, match="in use"):
        index.save(tmp_path / "index")
    assert len(Index.load(tmp_path / "index")) == len(TEXTS)


def test_a_damaged_index_and_one_of_other_embeddings_are_refused(index, tmp_path, monkeypatch):
    index.save(tmp_path / "index")
    about = json.loads((tmp_path / "index" / "index.json").read_text())
    (tmp_path / "index" / "index.json").write_text(json.dumps(about | {"embeddings": "other-model"}))
    with pytest.raises(RetrievalError, match=r"built with other-model, and all-MiniLM.*do not compare"):
        Index.load(tmp_path / "index")
    (tmp_path / "index" / "index.json").write_text(json.dumps(about))
    with (tmp_path / "index" / "passages.jsonl").open("a") as file:
        file.write("{}")
    with pytest.raises(RetrievalError, match="damaged"):
        Index.load(tmp_path / "index")
    (tmp_path / "index" / "vectors.npy").unlink()
    with pytest.raises(RetrievalError, match="damaged"):
        Index.load(tmp_path / "index")
