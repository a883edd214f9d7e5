"""A collection finds what the index in memory finds, holds nothing twice, and says what is wrong with a Qdrant."""
from __future__ import annotations

import json
import socket
from collections.abc import Callable

import bm25s
import numpy as np
import pytest
from qdrant_client import QdrantClient, models

from helpers import qdrant, retrieval, settings
from helpers.local import weights
from helpers.local.encoder import Encoder
from helpers.qdrant import Collection
from helpers.retrieval import MODES, Hit, Index, Passage, RetrievalError, chunk, read_folder
from helpers.tasks import DATA, load_task
from tests.test_retrieval import TEXTS, vectors_of

PASSAGES = [Passage(text, f"page-{i}.md", 0, len(text), "Otterbrook") for i, text in enumerate(TEXTS)]
RAFTS = "Deliver, delivered: a raft, a raft, a wardrobe, and a raft!"      # words that are said twice, and thrice
DONE = {"operation_id": 0, "status": "completed"}


@pytest.fixture(autouse=True)
def no_qdrant_of_ones_own(monkeypatch):
    monkeypatch.delenv("QDRANT_API_KEY", raising=False)
    qdrant._client.cache_clear()


@pytest.fixture
def encoder(monkeypatch) -> list[str]:
    """Stand-in for the encoder; returns the texts that it was asked for."""
    asked = []
    monkeypatch.setattr(retrieval, "embed", vectors_of)
    monkeypatch.setattr(qdrant, "embed", lambda texts: asked.extend(texts) or vectors_of(texts))
    return asked


@pytest.fixture
def client() -> QdrantClient:
    return QdrantClient(":memory:")


@pytest.fixture
def filled(encoder, client) -> Collection:
    collection = Collection("handbook", client)
    collection.add(PASSAGES)
    return collection


# ---------------------------------------------------------------- the same as in memory

@pytest.fixture(scope="module")
def meaning() -> Callable[[list[str]], np.ndarray]:
    """The embedding model itself, which reads a text once: what is recorded depends on who asked before."""
    encoder, known = Encoder(weights.ensure(weights.MINILM)), {}

    def embed(texts: list[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, encoder.embed(new)[0] if new else [], strict=True))
        found = np.array([known[text] for text in texts], dtype=np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)
    return embed


def by(meaning, monkeypatch) -> None:
    for module in (retrieval, qdrant):
        monkeypatch.setattr(module, "embed", meaning)


@pytest.fixture(scope="module")
def both(meaning) -> tuple[Index, Collection]:
    """The handbook's 60 pages, in memory and in Qdrant."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        by(meaning, monkeypatch)
        pages = read_folder(DATA / "handbook" / "pages")
        collection = Collection("handbook", QdrantClient(":memory:"))
        for page in pages:
            collection.add(chunk(page.text, words=80, overlap=20, source=page.source, title=page.title))
        return Index.of(pages), collection


@pytest.mark.live
@pytest.mark.parametrize(("mode", "in_order"), [("keyword", 240), ("dense", 240), ("hybrid", 220)])
def test_every_question_on_the_handbook_finds_the_same_passages_up_to_ties(both, meaning, monkeypatch, mode, in_order):
    by(meaning, monkeypatch)
    index, collection = both
    task, alike = load_task("handbook"), 0
    assert len(collection) == len(index) == 301
    for example in task.validation + task.test:
        ours, theirs = (one.search(example.input, 3, mode) for one in both)
        alike += list(map(place, ours)) == list(map(place, theirs))
        score = {place(hit): hit.score for hit in index.search(example.input, len(index), mode)}
        assert [hit.score for hit in theirs] == pytest.approx([hit.score for hit in ours], abs=1e-5)
        assert [score[place(hit)] for hit in theirs] == pytest.approx([hit.score for hit in ours], abs=1e-5)
    assert alike >= in_order        # the others differ in the order of equal sums of ranks


def place(hit: Hit) -> tuple[str, int]:
    return hit.source, hit.start


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("query", ["who delivers a wardrobe?", RAFTS, "is the at by", "nothing of that"])
def test_hits_are_those_of_the_index_text_and_all(filled, query, mode):
    index = Index()
    index.add(PASSAGES)
    ours, theirs = index.search(query, 9, mode), filled.search(query, 9, mode)
    assert sorted(map(str, theirs)) == sorted(map(str, ours))
    assert [hit.score for hit in theirs] == pytest.approx([hit.score for hit in ours], abs=1e-5)
    assert {(hit.text, hit.source, hit.start, hit.end) for hit in theirs} == \
        {(hit.text, hit.source, hit.start, hit.end) for hit in ours}


def test_bm25_has_the_numbers_of_bm25s():
    assert (bm25s.BM25().k1, bm25s.BM25().b) == (qdrant.K1, qdrant.B)


@pytest.mark.parametrize(("query", "mode", "said"), [
    ("", "hybrid", "query is empty"), (" \n", "dense", "query is empty"), ("x", "sparse", "no mode 'sparse'")])
def test_a_query_that_asks_nothing_is_refused(filled, query, mode, said):
    with pytest.raises(RetrievalError, match=said):
        filled.search(query, mode=mode)


def test_an_empty_collection_finds_nothing_and_opening_it_writes_nothing(encoder, client):
    one, other = Collection("handbook", client), Collection("handbook", client)
    assert one.search("wardrobe") == [] and len(one) == 0 and not client.collection_exists("handbook")
    other.add(TEXTS)
    assert len(one.search("wardrobe")) == 3 and one.search("wardrobe", k=0) == []


# ---------------------------------------------------------------- adding

def test_what_is_added_twice_is_there_once_and_embedded_once(filled, encoder):
    assert encoder == list(map(str, PASSAGES))
    filled.add([*PASSAGES, "One more.", "One more."])
    filled.add(["One more."])
    assert len(filled) == len(PASSAGES) + 1 and encoder == [*map(str, PASSAGES), "One more."]


def test_an_empty_passage_is_refused_and_nothing_is_added(filled):
    with pytest.raises(RetrievalError, match=r"passage of 'text .*' is empty"):
        filled.add(["fine", "  "])
    assert len(filled) == len(PASSAGES)


def test_an_interrupted_add_keeps_what_it_has_and_goes_on(encoder, client, monkeypatch):
    monkeypatch.setattr(qdrant, "TEXTS_A_REQUEST", 2)
    working = qdrant.embed

    def interrupted(texts):
        if encoder:
            raise KeyboardInterrupt
        return working(texts)
    collection = Collection("handbook", client)
    with monkeypatch.context() as halfway, pytest.raises(KeyboardInterrupt):
        halfway.setattr(qdrant, "embed", interrupted)
        collection.add(TEXTS)
    assert len(collection) == 2
    collection.add(TEXTS)
    assert len(collection) == 4 and encoder == TEXTS


def test_a_collection_that_was_only_half_made_is_made_whole(encoder, client, monkeypatch):
    collection = Collection("handbook", client)
    with monkeypatch.context() as interrupted, pytest.raises(KeyboardInterrupt):
        interrupted.setattr(client, "create_payload_index", raises(KeyboardInterrupt()))
        collection.add(TEXTS)
    assert client.collection_exists("handbook") and collection.search("wardrobe", mode="keyword") == []
    collection.add(TEXTS)
    assert len(collection.search("wardrobe", mode="keyword")) == 2


def raises(error: BaseException) -> Callable:
    def fail(*_: object) -> None:
        raise error
    return fail


# ---------------------------------------------------------------- a collection that does not fit

def test_another_embedding_model_is_refused_and_nothing_is_lost(filled, client, monkeypatch):
    monkeypatch.setattr(qdrant, "embedding_model", lambda: "other-model")
    with pytest.raises(RetrievalError, match=r"'handbook' at the given client was built with all-MiniLM.* and "
                                             r"other-model is in use.*do not compare.*COURSE_EMBEDDINGS"):
        Collection("handbook", client)
    monkeypatch.undo()
    assert client.count("handbook").count == len(PASSAGES)


def test_vectors_of_another_length_are_refused_and_nothing_is_lost(filled, monkeypatch):
    monkeypatch.setattr(qdrant, "embed", lambda texts: np.ones((len(texts), 7), dtype=np.float32))
    for ask in (lambda: filled.add(["One more."]), lambda: filled.search("wardrobe")):
        with pytest.raises(RetrievalError, match=r"has 5 numbers, and one by all-MiniLM.* 7: they do not compare"):
            ask()
    assert len(filled) == len(PASSAGES) == len(filled.search("a wardrobe", 9, "keyword")) + 2


def test_a_collection_of_another_program_is_left_alone(client):
    client.create_collection("theirs", models.VectorParams(size=768, distance=models.Distance.DOT))
    with pytest.raises(RetrievalError, match=r"'theirs'.*another program made it\. Name a collection"):
        Collection("theirs", client)


# ---------------------------------------------------------------- a folder

def test_a_folder_keeps_passages_and_opens_twice_in_one_program(encoder, tmp_path):
    Collection("handbook", tmp_path / "q").add(PASSAGES)
    again = Collection("handbook", tmp_path / "q")
    again.client.close()
    qdrant._client.cache_clear()
    assert Collection("handbook", tmp_path / "q").search("wardrobe")[0].source == "page-1.md"


def test_a_folder_that_another_program_has_open_is_named(tmp_path):
    other = QdrantClient(path=str(tmp_path))
    with pytest.raises(RetrievalError, match=r"Another program has .* open.*set COURSE_QDRANT"):
        Collection("handbook", tmp_path)
    other.close()


def test_the_setting_says_where_and_without_it_the_store_does(encoder, tmp_path, monkeypatch):
    assert Collection("handbook").place == str(settings.store_folder() / "qdrant")
    monkeypatch.setenv("COURSE_QDRANT", str(tmp_path / "mine"))
    assert Collection("handbook").place == str(tmp_path / "mine")


# ---------------------------------------------------------------- over HTTP, to a stand-in for a server

def stand_in(local: QdrantClient, before: Callable = lambda method, path: None) -> Callable:
    """Answer as a server does, out of a client's own collection. It reads requests with Qdrant's own models."""
    def answer(method, path, headers, body):
        asked, path = json.loads(body or "{}"), path.split("?")[0].removeprefix("/collections/handbook")
        if refusal := before(method, path):
            return refusal
        if path == "/":
            return 200, {}, {"title": "qdrant", "version": "1.20.0"}
        return 200, {}, {"result": RESULTS[method, path](local, asked), "status": "ok", "time": 0.0}
    return answer


def _made(local, asked):
    wanted = models.CreateCollection(**asked)
    return local.create_collection("handbook", wanted.vectors, metadata=wanted.metadata)


def _indexed(local, asked):
    wanted = models.CreateFieldIndex(**asked)
    local.create_payload_index("handbook", wanted.field_name, wanted.field_schema)
    return DONE


def _found(local, asked):
    wanted = models.QueryRequest(**asked)
    return local.query_points("handbook", query=wanted.query, using=wanted.using, prefetch=wanted.prefetch,
                              limit=wanted.limit, with_payload=wanted.with_payload,
                              score_threshold=wanted.score_threshold).model_dump(mode="json")


def _retrieved(local, asked):
    points = local.retrieve("handbook", models.PointRequest(**asked).ids, with_payload=False)
    return [point.model_dump(mode="json") for point in points]


def _upserted(local, asked):
    local.upsert("handbook", models.PointsList(**asked).points)
    return DONE


RESULTS = {
    ("GET", "/exists"): lambda local, asked: {"exists": local.collection_exists("handbook")},
    ("GET", ""): lambda local, asked: local.get_collection("handbook").model_dump(mode="json"),
    ("PUT", ""): _made, ("PUT", "/index"): _indexed, ("PUT", "/points"): _upserted, ("POST", "/points"): _retrieved,
    ("POST", "/points/query"): _found,
    ("POST", "/points/count"): lambda local, asked: {"count": local.count("handbook").count},
}


def test_requests_are_such_as_a_server_reads_and_a_search_is_one(filled, loopback):
    url = loopback(stand_in(QdrantClient(":memory:")), prefix="")
    served = Collection("handbook", url)
    served.add(PASSAGES)
    served.add(PASSAGES)
    assert len(served) == len(PASSAGES)
    for mode in MODES:
        before = loopback.count
        assert served.search(RAFTS, 4, mode) == filled.search(RAFTS, 4, mode)
        assert loopback.count == before + 1


def test_a_server_that_goes_away_keeps_what_it_has_and_the_same_call_goes_on(encoder, client, loopback, monkeypatch):
    monkeypatch.setattr(qdrant, "TEXTS_A_REQUEST", 2)
    away = [None, loopback.CUT]         # at the second writing of passages
    url = loopback(stand_in(client, lambda *asked: asked == ("PUT", "/points") and away and away.pop(0)), prefix="")
    collection = Collection("handbook", url)
    with pytest.raises(RetrievalError, match=rf"No Qdrant answers at {url}: .*2 of the 4 passages are in; the same"):
        collection.add(PASSAGES)
    assert len(collection) == 2
    collection.add(PASSAGES)
    assert len(collection) == 4


def test_a_server_that_is_not_there_is_named():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(RetrievalError, match=rf"No Qdrant answers at {place}: .*refused.*COURSE_QDRANT"):
        Collection("handbook", place)


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_the_key_comes_from_the_environment_and_is_never_shown(loopback, monkeypatch):
    monkeypatch.setenv("QDRANT_API_KEY", "s3cret-key")
    refuse = (401, {}, b"Must provide an API key or an Authorization bearer token")
    url = loopback(stand_in(QdrantClient(":memory:"), lambda method, path: path == "/exists" and refuse), prefix="")
    with pytest.raises(RetrievalError, match=r"refused a request: 401 'Must provide.*Set QDRANT_API_KEY") as caught:
        Collection("handbook", url)
    assert "s3cret" not in str(caught.value)
    assert {request.headers["api-key"] for request in loopback.requests} == {"s3cret-key"}


@pytest.mark.parametrize(("version", "said"), [("1.15.4", r"is 1\.15\.4, and ranks by words from 1\.20 on\. Update"),
                                               (None, "404 '<h1>.*Is that the address of a Qdrant")])
def test_an_old_server_and_what_is_none_are_named(loopback, version, said):
    answer = (200, {}, {"title": "qdrant", "version": version}) if version else (404, {}, b"<h1>Not found</h1>")
    with pytest.raises(RetrievalError, match=said):
        Collection("handbook", loopback(lambda *_: answer, prefix=""))
