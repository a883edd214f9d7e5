"""Keep passages in Qdrant: more of them than memory holds, or for several programs at once.

    index = Collection("handbook")
    index.add(passages)
    for hit in index.search("how long have I got to send it back?", k=3):
        print(hit.score, hit.source, hit)

COURSE_QDRANT says where, and the code stays: the address of a server or a cluster, whose key is QDRANT_API_KEY, or a
folder, which Qdrant's client keeps without a server. Unset, it is a folder in the course's store. A folder is for
trying out: every search by words reads every passage.

It finds what `Index` finds, with one request: Qdrant counts BM25 over the stems of retrieval.py, by the numbers it has
at that moment, and fuses by the same rule. What may differ:

- equal scores come in another order;
- a word that a question says twice counts twice among the 500 best only, and a name_like_this is searched by its parts;
- each shard of a cluster counts the words of its own passages;
- beyond some ten thousand passages a server finds near vectors by a graph, which misses a few.

Tried: the client without a server; once, on the handbook, Qdrant's engine by itself (Edge 0.9). Not tried: a server.
Does not: forget passages whose page has changed. Delete them as notebook 03b does, and add the page anew.
"""
from __future__ import annotations

import atexit
import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from helpers.progress import Progress
from helpers.provider import TEXTS_A_REQUEST, embed, embedding_model
from helpers.retrieval import DEPTH, FUSION, Hit, Passage, RetrievalError, refuse_empty, refuse_query, stems_of
from helpers.settings import setting, store_folder

K1, B = 1.5, 0.75       # of BM25, as bm25s has them; Qdrant's own K1 is 1.2
DEEP = 500              # how many passages are added up when a question says a word again
OLDEST = (1, 20)        # the first Qdrant that ranks by words
SECONDS = 60            # that a request may take
SERVER = re.compile(r"^https?://|:\d+/?$")
IDS = uuid.UUID("6f0e4c58-5d3b-4c59-9f4e-0b1b6f3f7d11")     # from which those of passages are made
KEPT = [field.name for field in fields(Passage)]


class Collection:
    """Passages, their stems and their vectors in one collection of Qdrant, made when the first passages are added."""

    def __init__(self, name: str, at: str | Path | QdrantClient = "") -> None:
        """Open a collection. `at` is an address, a folder or a ready client, instead of what COURSE_QDRANT says.

        Writes nothing. Raises RetrievalError if Qdrant does not answer or the collection is of other embeddings.
        """
        ready = isinstance(at, QdrantClient)
        self.name, self.place = name, "the given client" if ready else _place(at)
        self.client = at if ready else _client(self.place)
        self.size: int | None = None        # how many numbers a vector has, once there is one
        with self._plainly():
            _refuse_old(self.client.info().version, self.place)
        self._filled()

    def __len__(self) -> int:
        with self._plainly():
            return self.client.count(self.name).count if self.client.collection_exists(self.name) else 0

    def add(self, texts: Sequence[str | Passage]) -> None:
        """Add texts or passages, but none twice. Empty ones are refused: RetrievalError.

        An interrupted call keeps what it has added, and the same call again goes on from there.
        """
        passages = [text if isinstance(text, Passage) else _named(text) for text in texts]
        refuse_empty(passages)
        with Progress("adding", len(passages)) as bar:
            for start in range(0, len(passages), TEXTS_A_REQUEST):
                page = passages[start:start + TEXTS_A_REQUEST]
                try:
                    self._add({_id(passage): passage for passage in page})
                except RetrievalError as error:
                    raise RetrievalError(f"{error} {start} of the {len(passages)} passages are in; the same call again "
                                         "goes on from there.") from error
                for _ in page:
                    bar.step()

    def _add(self, passages: dict[str, Passage]) -> None:
        new = self._new(passages)
        if not new:
            return
        texts = [str(passages[i]) for i in new]
        vectors = self._vectors(texts)
        points = [models.PointStruct(id=i, vector=vector, payload=asdict(passages[i]) | {"stems": " ".join(stems)})
                  for i, vector, stems in zip(new, vectors, stems_of(texts), strict=True)]
        with self._plainly():
            self._make(len(vectors[0]))
            self.client.upsert(self.name, points)

    def _new(self, passages: dict[str, Passage]) -> list[str]:
        """Return the ids that are not in the collection: what is there need not be embedded again."""
        if not self._filled():
            return list(passages)
        with self._plainly():
            there = {point.id for point in self.client.retrieve(self.name, list(passages), with_payload=False)}
        return [i for i in passages if i not in there]

    # ------------------------------------------------------------ searching

    def search(self, query: str, k: int = 3, mode: str = "hybrid") -> list[Hit]:
        """Return the k passages that fit best, the best first; fewer if there are fewer.

        `mode` is "keyword" (BM25), "dense" (cosine of vectors) or "hybrid" (both rankings, fused). Raises
        RetrievalError for an empty query or an unknown mode.
        """
        refuse_query(query, mode)
        if k < 1 or not self._filled():
            return []
        asked = _fused(_by_words(query), self._by_meaning(query)) if mode == "hybrid" else \
            _by_words(query) if mode == "keyword" else self._by_meaning(query)
        with self._plainly():
            points = self.client.query_points(self.name, **asked, limit=k, with_payload=KEPT).points
        scale = K1 + 1 if mode == "keyword" else 1      # Qdrant multiplies BM25 by it, bm25s does not
        return [Hit.of(Passage(**point.payload), point.score / scale) for point in points]

    def _by_meaning(self, query: str) -> dict:
        [vector] = self._vectors([query])
        return {"query": vector, "score_threshold": 0.0}        # what means the opposite is no hit

    def _vectors(self, texts: list[str]) -> list[list[float]]:
        vectors = embed(texts)
        if self.size not in (None, vectors.shape[1]):
            raise RetrievalError(f"A vector in {self._where} has {self.size} numbers, and one by {embedding_model()} "
                                 f"{vectors.shape[1]}: they do not compare. Name another collection, or set "
                                 "COURSE_EMBEDDINGS to the model that this one was built with.")
        return vectors.tolist()

    # ------------------------------------------------------------ the collection

    @property
    def _where(self) -> str:
        return f"the collection {self.name!r} at {self.place}"

    def _filled(self) -> bool:
        """Say whether anything is in the collection; asks Qdrant until it is, for others fill it too."""
        if self.size is None:
            with self._plainly():
                about = self.client.get_collection(self.name) if self.client.collection_exists(self.name) else None
            if about:
                self._refuse_another(about.config.metadata or {})
                self.size = about.config.params.vectors.size if about.points_count else None
        return self.size is not None

    def _refuse_another(self, metadata: dict) -> None:
        built_with, used = metadata.get("embeddings"), embedding_model()
        if built_with is None:
            raise RetrievalError(f"It is not said what makes the vectors in {self._where}: another program made it. "
                                 "Name a collection that is not there yet.")
        if built_with != used:
            raise RetrievalError(f"What is in {self._where} was built with {built_with}, and {used} is in use: their "
                                 "vectors do not compare. Name another collection, or set COURSE_EMBEDDINGS.")

    def _make(self, size: int) -> None:
        """Make the collection and its index of words; an interrupted call is made good by the next."""
        if self.size is not None:
            return
        if not self.client.collection_exists(self.name):
            self.client.create_collection(self.name, models.VectorParams(size=size, distance=models.Distance.COSINE),
                                          metadata={"embeddings": embedding_model()})
        self.client.create_payload_index(self.name, "stems", models.TextIndexParams(type="text", scoring=True))

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Turn what the client raises into a RetrievalError that says what would do."""
        try:
            yield
        except ResponseHandlingException as error:
            raise RetrievalError(f"No Qdrant answers at {self.place}: {error.source}. Start one there, or set "
                                 "COURSE_QDRANT to where one runs.") from error
        except UnexpectedResponse as error:
            said = error.content.decode(errors="replace")[:300]
            do = "Set QDRANT_API_KEY to a key that may do it." if error.status_code in (401, 403) else \
                "Is that the address of a Qdrant?"
            raise RetrievalError(f"{self.place} refused a request: {error.status_code} {said!r}. {do}") from error


def _by_words(query: str) -> dict:
    """Return a search by BM25 in which a word counts as often as the query says it, as it does in bm25s.

    For Qdrant a word counts once. So those that are said twice are asked for once more, and the scores added up.
    """
    [stems] = stems_of([query])
    said = Counter(stems)
    searches = [_bm25([stem for stem in said if said[stem] > again]) for again in range(max(said.values(), default=1))]
    if len(searches) == 1:
        return searches[0]
    scores = [f"$score[{i}]" for i in range(len(searches))]
    total = models.FormulaQuery(formula=models.SumExpression(sum=scores), defaults=dict.fromkeys(scores, 0.0))
    return {"prefetch": [models.Prefetch(**search, limit=DEEP) for search in searches], "query": total}


def _bm25(stems: list[str]) -> dict:
    numbers = models.TextQueryScoring(bm25=models.Bm25Params(k=K1, b=B))
    text = models.TextQueryInput(query=" ".join(stems), scoring=numbers)
    return {"query": models.TextQuery(text=text), "using": "stems"}


def _fused(*searches: dict) -> dict:
    """Return the fusion of searches by the rule of retrieval.fuse; Qdrant's ranks begin at 0, so its constant is 61."""
    return {"prefetch": [models.Prefetch(**search, limit=DEPTH) for search in searches],
            "query": models.RrfQuery(rrf=models.Rrf(k=FUSION + 1))}


def _id(passage: Passage) -> str:
    """Return an id that is the same for the same passage, so that it is in once however often it is added."""
    return str(uuid.uuid5(IDS, json.dumps(asdict(passage))))


def _named(text: str) -> Passage:
    """Return a text as a passage. It is named by what it says: its number would be another in the next call."""
    return Passage(text, f"text {uuid.uuid5(IDS, text).hex[:8]}", 0, len(text))


def _place(at: str | Path) -> str:
    return str(at or setting("COURSE_QDRANT") or store_folder() / "qdrant")


@cache      # a folder opens once; a cell may run again
def _client(place: str) -> QdrantClient:
    if SERVER.search(place):
        return QdrantClient(url=place if "://" in place else f"http://{place}", timeout=SECONDS,
                            api_key=setting("QDRANT_API_KEY") or None, check_compatibility=False)
    try:
        client = QdrantClient(path=place)
    except RuntimeError:
        raise RetrievalError(f"Another program has {place} open, and a folder is for one at a time. End it (a notebook "
                             "holds on until its kernel stops), or start a server and set COURSE_QDRANT.") from None
    atexit.register(client.close)       # by itself it closes too late, and complains
    return client


def _refuse_old(version: str, place: str) -> None:
    if tuple(map(int, version.split(".")[:2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise RetrievalError(f"Qdrant at {place} is {version}, and ranks by words from {oldest} on. Update the server.")
