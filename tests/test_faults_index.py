"""The vector index killed, frozen, emptied and out of step, an embedder that is another one, and
deletions while something is indexed or answered.
"""

import math
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embedders import small_embedder
from fakes import prose
from fleet import Fleet, Made, heard, until
from mishaps import LONG_TEXT, note, summary_at_work

from ingest import embed
from ingest.vectors import SILENCE_SECONDS, Entry, VectorIndex

pytestmark = [pytest.mark.faults, pytest.mark.slow]

FACTS = b"""# The lighthouse

The lighthouse at Skarholm stands 41 metres above the sea and was first lit on 3 May 1887.

# The fire

In November 1931 the oil store burned for two nights and the lamp was dark for 17 days.
"""
QUESTION = "For how many days was the lamp dark?"


@pytest.fixture(autouse=True)
def _well_again(staffed: Fleet) -> Iterator[None]:
    yield
    staffed.one_worker()
    until(staffed.healthy, "everything is well again")


def library(lectern: Fleet, name: str) -> tuple[str, Made]:
    """A collection with one document that has been read."""
    collection = lectern.new_collection(name)
    (document,) = lectern.read(collection, facts_md=FACTS)
    return collection, document


def search(lectern: Fleet, collection: str) -> Made:
    answer = lectern.client.post(f"/v1/collections/{collection}/search", json={"query": QUESTION})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def chunks_of(lectern: Fleet, document: Made) -> dict[str, bytes]:
    query = (
        "SELECT chunks.id, vector FROM embeddings JOIN chunks ON chunks.id = chunk_id "
        "WHERE version_id = ?"
    )
    return dict(lectern.sql(query, document["version"]["id"]))


def indexed(lectern: Fleet, collection: str) -> set[str]:
    return {each for page in VectorIndex(lectern.chroma_url).pages(collection) for each in page}


@contextmanager
def without_chroma(lectern: Fleet) -> Iterator[None]:
    lectern.kill(lectern.chroma)
    try:
        yield
    finally:
        lectern.start_chroma()


@pytest.mark.faults(13)
def test_without_the_index_answers_go_by_words_and_say_so(staffed: Fleet) -> None:
    staffed.one_worker()
    collection, document = library(staffed, "No index")
    with without_chroma(staffed):
        staffed.dismiss()
        staffed.one_worker()  # one that never saw the index starts as well
        found = search(staffed, collection)
        lacking = {"degraded": True, "lacking": "index_unavailable"}
        assert found["searched"] == {"documents": 1, **lacking}
        assert found["hits"][0]["document_id"] == document["id"]
        assert {hit["similarity"] for hit in found["hits"]} == {None}
        answer = staffed.client.post(
            f"/v1/collections/{collection}/ask", json={"question": QUESTION}
        ).json()
        assert answer["searched"]["degraded"]
        assert not answer["refused"]
        assert "17 days" in answer["answer"]
        ready = staffed.client.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]["index"]["ok"]) == (200, False)
    assert not search(staffed, collection)["searched"]["degraded"]


@pytest.mark.faults(13)
def test_an_index_that_is_silent_is_not_waited_for(staffed: Fleet) -> None:
    staffed.one_worker()
    collection, _ = library(staffed, "A frozen index")
    staffed.chroma.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert search(staffed, collection)["searched"]["degraded"]
        assert time.monotonic() - began < SILENCE_SECONDS + 10
    finally:
        staffed.chroma.send_signal(signal.SIGCONT)
    until(lambda: not search(staffed, collection)["searched"]["degraded"], "the index is back")


@pytest.mark.faults(13)
def test_an_index_that_lost_everything_is_made_again_from_the_database(staffed: Fleet) -> None:
    """What has been broken (a segment that crashes the server when it is loaded) is removed by
    hand; putting it back is not.
    """
    staffed.one_worker()
    collection, document = library(staffed, "An empty index")
    staffed.kill(staffed.chroma)
    staffed.wipe("chroma")
    staffed.start_chroma()
    chunks = chunks_of(staffed, document)
    until(lambda: indexed(staffed, collection) == set(chunks), "all is back")
    found = search(staffed, collection)
    assert not found["searched"]["degraded"]
    best = found["hits"][0]
    assert best["similarity"]
    index = VectorIndex(staffed.chroma_url)
    for chunk_id, blob in chunks.items():
        (nearest, *_) = index.search(collection, embed.from_blob(blob), 1)
        assert nearest.chunk_id == chunk_id
        assert nearest.similarity == pytest.approx(1, abs=1e-3)


@pytest.mark.faults(14)
def test_what_the_index_lost_is_put_back_and_what_it_must_not_know_goes(staffed: Fleet) -> None:
    staffed.one_worker()
    collection, document = library(staffed, "An index out of step")
    index, chunks = VectorIndex(staffed.chroma_url), chunks_of(staffed, document)
    lost, stray = next(iter(chunks)), np.ones(384, np.float32) / np.sqrt(384)
    index.remove(collection, [lost])
    strays = [Entry(f"chunk_stray{n}", "ver_none", "doc_none", 1, stray) for n in range(3)]
    index.add(collection, strays)
    assert indexed(staffed, collection) == set(chunks) - {lost} | {s.chunk_id for s in strays}
    until(lambda: indexed(staffed, collection) == set(chunks), "it is in step again")


@pytest.mark.faults(13)
def test_jobs_wait_for_the_vector_index_to_come_back(staffed: Fleet) -> None:
    staffed.one_worker()
    collection = staffed.new_collection("Without an index")
    with without_chroma(staffed):
        job = note(staffed, collection)
        until(lambda: any(step["retries"] for step in staffed.steps(job)), "it is put off")
    assert staffed.ended(job)["status"] == "succeeded"


@pytest.mark.faults(16)
def test_vectors_of_two_embedders_are_never_mixed(staffed: Fleet, tmp_path: Path) -> None:
    """Its own embedder away, a collection is searched by words until it has been reindexed."""
    staffed.dismiss()
    folder = small_embedder(tmp_path / "small")
    staffed.start_worker(embedder=str(folder))
    collection, document = library(staffed, "Two embedders")
    assert search(staffed, collection)["hits"][0]["similarity"]
    staffed.dismiss()
    shutil.move(folder, tmp_path / "away")
    staffed.one_worker()
    found = search(staffed, collection)["searched"]
    assert found == {"documents": 1, "degraded": True, "lacking": "embedder_missing"}
    job = staffed.ended(note(staffed, collection))
    assert (job["status"], job["error"]["code"]) == ("failed", "embedder_mismatch")
    ready = staffed.client.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]["embedder"]["ok"]) == (200, False)
    begun = staffed.client.post(f"/v1/collections/{collection}/reindex", json={}).json()["job"]
    assert staffed.ended(begun["id"])["status"] == "succeeded"
    hit = search(staffed, collection)["hits"][0]
    assert hit["document_id"] == document["id"]
    assert hit["similarity"]
    assert staffed.ended(note(staffed, collection))["status"] == "succeeded"


@pytest.mark.faults(2, 16)
def test_a_worker_is_killed_while_a_collection_is_embedded_anew(
    staffed: Fleet, tmp_path: Path
) -> None:
    staffed.one_worker()
    collection, document = library(staffed, "Embedded anew")
    staffed.read(collection, long_txt=prose(40).encode())
    count = VectorIndex(staffed.chroma_url).count(collection)
    staffed.dismiss()
    set_now = str(small_embedder(tmp_path / "small"))
    worker = staffed.start_worker(embedder=set_now)
    path = f"/v1/collections/{collection}"
    assert staffed.get(path)["index"]["current"] is False
    job = staffed.client.post(f"{path}/reindex", json={}).json()["job"]["id"]
    made = "SELECT count(*) FROM embeddings JOIN generations ON id = generation_id "
    until(lambda: staffed.sql(f"{made} WHERE job_id = ?", job) > [(0,)], "some are made")
    assert search(staffed, collection)["hits"][0]["similarity"]  # by its own embedder
    staffed.kill(worker)
    (earlier,) = staffed.sql(f"{made} WHERE job_id = ?", job)
    assert earlier[0] < count
    late = staffed.upload(collection, late_md=b"# Late\n\nThe pier was painted green.\n").json()
    worker = staffed.start_worker(embedder=set_now)
    assert search(staffed, collection)["hits"][0]["document_id"] == document["id"]
    ended = staffed.ended(job)
    assert (ended["status"], ended["result"]["after"]["dimensions"]) == ("succeeded", 64)
    assert staffed.ended(late["jobs"][0]["id"])["status"] == "succeeded"
    index = staffed.get(path)["index"]
    assert (index["current"], index["dimensions"], index["reindex"]) == (True, 64, None)
    ask = {"query": "Which colour was the pier painted?"}
    found = staffed.client.post(f"{path}/search", json=ask).json()
    assert not found["searched"]["degraded"]
    assert {hit["document_name"] for hit in found["hits"] if hit["similarity"]} >= {"late.md"}
    own = "SELECT id FROM generations WHERE collection_id = ?"
    until(lambda: len(staffed.sql(own, collection)) == 1, "the old generation is gone")
    ((generation,),) = staffed.sql(own, collection)
    entries, chunks = indexed(staffed, generation), "SELECT chunk_id FROM embeddings WHERE {}"
    of = chunks.format("generation_id = ? AND indexed")
    assert entries == {chunk for (chunk,) in staffed.sql(of, generation)}
    assert len(entries) == count + 1
    assert not indexed(staffed, collection)
    staffed.dismiss()  # the next tests' worker is one of the bundled embedder


@pytest.mark.faults(20)
@pytest.mark.parametrize("what", ["document", "collection"])
def test_what_is_deleted_while_it_is_indexed_leaves_nothing(staffed: Fleet, what: str) -> None:
    staffed.one_worker()
    collection = staffed.new_collection(f"Deleted {what}")
    answer = staffed.upload(collection, long_txt=LONG_TEXT).json()
    (document,), (job,) = answer["documents"], answer["jobs"]
    index = VectorIndex(staffed.chroma_url)
    until(lambda: index.count(collection), "the first vectors are there")
    path = {"document": f"documents/{document['id']}", "collection": f"collections/{collection}"}
    deletion = staffed.client.delete(f"/v1/{path[what]}").json()["job"]["id"]
    assert staffed.ended(deletion)["status"] == "succeeded"
    assert staffed.client.get(f"/v1/jobs/{job['id']}").json()["code"] == "job_not_found"
    time.sleep(2)  # for whoever was still at it
    assert index.count(collection) == 0
    version = document["version"]["id"]
    for table, column in (("chunks", "version_id"), ("pages", "version_id"), ("versions", "id")):
        query = f"SELECT count(*) FROM {table} WHERE {column} = ?"
        assert staffed.sql(query, version) == [(0,)]


@pytest.mark.faults(20)
def test_nothing_deleted_is_cited_by_an_answer_on_its_way(staffed: Fleet) -> None:
    staffed.one_worker()
    collection, document = library(staffed, "Deleted while answering")
    asked = {"question": QUESTION, "stream": True}
    told: list[Made] = []
    with staffed.client.stream("POST", f"/v1/collections/{collection}/ask", json=asked) as answer:
        story = heard(answer)
        for event in story:
            told.append(event)
            if event["event"] == "token":
                break
        deletion = staffed.client.delete(f"/v1/documents/{document['id']}").json()["job"]
        told += story
    assert [event["event"] for event in told if event["event"] in {"done", "error"}] == ["error"]
    cited = [event["id"] for event in told if event["event"] == "citation"]
    deleted_ms = math.ceil(1e3 * deletion["created_at"])
    assert all(int(place.partition("-")[0]) <= deleted_ms for place in cited)
    assert staffed.ended(deletion["id"])["status"] == "succeeded"
    question = told[0]["data"]["id"]
    assert staffed.client.get(f"/v1/jobs/{question}").status_code == 404


@pytest.mark.faults(20)
def test_what_is_made_of_a_deleted_document_goes_with_it(staffed: Fleet) -> None:
    staffed.one_worker()
    job = summary_at_work(staffed)
    document = staffed.job(job)["document_id"]
    deletion: Any = staffed.client.delete(f"/v1/documents/{document}").json()["job"]["id"]
    assert staffed.ended(deletion)["status"] == "succeeded"
    assert staffed.client.get(f"/v1/jobs/{job}").status_code == 404
    query = "SELECT count(*) FROM checkpoints WHERE document_id = ?"
    assert staffed.sql(query, document) == [(0,)]
