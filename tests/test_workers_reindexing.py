"""Vectors made anew by another embedder, or an index made anew, while the old ones serve."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from embedders import FolderEmbedder
from fakes import MemoryIndex, Office, new_collection, prose, read, ready_steps, store
from fastapi.testclient import TestClient
from test_workers_versions import put

from ingest import embedders, generations, library
from ingest.database import reading, writing
from ingest.embedders import Embedders
from ingest.errors import EmbedderMissing, IndexUnavailable, LecternError
from ingest.passages import Scope
from ingest.search import Findings, Means, find
from ingest.tables import EmbeddingRow, GenerationRow
from workers import jobs, submit
from workers.jobs import Job
from workers.kinds import reindexing
from workers.runtime import Runtime
from workers.settings import Settings
from workers.states import JobKind, JobStatus
from workers.upkeep import Upkeep

pytestmark = pytest.mark.usefixtures("migrated")


class World:
    """A worker whose embedder is changed from one to another."""

    def __init__(self, folder: Path) -> None:
        self.old = FolderEmbedder(folder / "first", 16)
        self.new = FolderEmbedder(folder / "second", 8)
        self.office = Office()
        self.index: MemoryIndex = self.office.index
        self.use(self.old)
        self.collection = new_collection()

    def use(self, embedder: FolderEmbedder) -> None:
        """Start again with this embedder set."""

        def load(wanted: str) -> Any:
            return next(one for one in (self.old, self.new) if one.folder == wanted)

        self.office.tools = replace(self.office.tools, embedders=Embedders(embedder, load))
        self.office.runtime = Runtime(self.office.tools, Settings())

    def search(self, word: str) -> Findings:
        tools = self.office.tools
        return find(Scope(self.collection), word, 5, Means(tools.embedders, self.index))

    def similar(self, word: str) -> set[str]:
        """Names of documents that vectors have found."""
        found = self.search(word)
        assert found.lacking is None
        return {one.document_name for one in found.passages if one.similarity is not None}

    def step(self, job: Job) -> None:
        self.office.runtime.run(ready_steps(job)[0])

    def until_half(self) -> Job:
        """A reindexing of which a step is done and others are not."""
        job = submit.reindex(self.collection)
        self.step(job)
        self.step(job)
        assert jobs.get(job.id).status is JobStatus.RUNNING
        return job

    def serving(self) -> generations.Generation:
        with reading() as session:
            found = generations.serving(session, self.collection)
        assert found is not None
        return found

    def clear(self) -> None:
        with writing() as session:
            session.query(GenerationRow).update({"changed_at": 0.0})
        keeper = Upkeep(self.index, lambda: True)  # type: ignore[arg-type]
        while keeper.clear():
            pass

    def indexed(self) -> dict[str, set[str]]:
        """By generation, the documents of its entries."""
        return {
            name: {one.document_id for one in entries.values()}
            for name, entries in self.index.entries.items()
        }

    def whole(self) -> None:
        """What must hold at the end: one generation, and SQL and index agree on it."""
        self.clear()
        serving = self.serving()
        assert set(self.index.entries) == {serving.id}
        entries = self.index.entries[serving.id]
        assert {len(one.vector) for one in entries.values()} == {serving.dimensions}
        with reading() as session:
            rows = session.query(EmbeddingRow).all()
            assert {row.generation_id for row in rows} == {serving.id}
            assert {row.chunk_id for row in rows if row.indexed} == set(entries)
            assert session.query(GenerationRow).count() == 1


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(reindexing, "STEP_CHUNKS", 5)
    monkeypatch.setattr(reindexing, "SAMPLE", 3)
    made = World(tmp_path)
    read(made.office, made.collection, prose(60), "harbour.txt")
    read(made.office, made.collection, prose(5, topic="quay"), "quay.txt")
    made.use(made.new)
    return made


def test_the_old_index_serves_until_the_new_one_takes_its_place(world: World) -> None:
    before, chunks = world.serving(), world.index.count(world.collection)
    assert before.embedder == world.old.fingerprint
    job = submit.reindex(world.collection)
    seen = []
    while not jobs.get(job.id).finished:
        world.step(job)
        assert "quay.txt" in world.similar("quay1w1")
        seen.append(world.serving().embedder)
    assert seen == [world.old.fingerprint] * (len(seen) - 1) + [world.new.fingerprint]
    assert len(seen) >= 4
    result = jobs.get(job.id).result
    assert result is not None
    assert (result["chunks"], result["known"], result["same"]) == (chunks, 0, False)
    assert (result["before"]["name"], result["after"]["dimensions"]) == ("first", 8)
    world.whole()
    assert world.new.texts == chunks + reindexing.SAMPLE


def test_nothing_to_embed_is_no_fault(world: World) -> None:
    empty = new_collection("Empty")
    job = submit.reindex(empty)
    world.office.work(job)
    ended = jobs.get(job.id)
    assert ended.status is JobStatus.SUCCEEDED
    assert ended.result is not None
    assert ended.result["generation_id"] is None


def test_what_comes_and_goes_meanwhile_is_right_afterwards(world: World) -> None:
    office = world.office
    job = world.until_half()
    read(office, world.collection, prose(4, topic="pier"), "pier.txt")
    assert "pier.txt" in world.similar("pier1w1")  # by the old ones, at once
    with reading() as session:
        harbour, quay, pier = library.documents(session, world.collection)
    office.work(submit.delete_document(harbour.id))
    assert set.union(*world.indexed().values()) == {quay.id, pier.id}
    office.work(job)
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED
    world.whole()
    assert world.indexed() == {world.serving().id: {quay.id, pier.id}}
    assert "pier.txt" in world.similar("pier1w1")


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_document_whose_reading_spans_the_switch_is_whole(world: World, steps: int) -> None:
    document = store(world.collection, prose(400, topic="pier"), "pier.txt")
    reading_job = submit.read(document.id)
    for _ in range(steps):
        world.step(reading_job)
    world.office.work(submit.reindex(world.collection))
    assert world.serving().embedder == world.new.fingerprint
    world.office.work(reading_job)
    assert jobs.get(reading_job.id).status is JobStatus.SUCCEEDED
    world.whole()
    with reading() as session:
        wanted = session.query(EmbeddingRow).filter_by(indexed=True).count()
    assert wanted == world.index.count(world.serving().id)
    assert "pier.txt" in world.similar("pier70w1")


def test_a_new_version_meanwhile_takes_the_old_ones_place_in_both(world: World) -> None:
    with reading() as session:
        harbour, _ = library.documents(session, world.collection)
    job = world.until_half()
    _, other = put(harbour, prose(60).replace("harbour3w", "jetty3w").encode())
    world.office.work(other)
    world.office.work(job)
    world.whole()
    versions = {one.version_id for one in world.index.entries[world.serving().id].values()}
    with reading() as session:
        current = {one.version.id for one in library.documents(session, world.collection)}
    assert versions == current


def test_an_embedder_that_is_gone_leaves_the_words_and_says_so(world: World) -> None:
    world.old.leave()
    found = world.search("quay1w1")
    assert found.searched == {"documents": 2, "degraded": True, "lacking": "embedder_missing"}
    assert found.passages[0].document_name == "quay.txt"
    refused = submit.read(store(world.collection, prose(2, topic="pier"), "pier.txt").id)
    world.office.work(refused)
    error = jobs.get(refused.id).error
    assert error is not None
    assert error["code"] == "embedder_mismatch"
    assert {len(one.vector) for one in world.index.entries[world.collection].values()} == {16}
    job = world.until_half()
    read(world.office, world.collection, prose(2, topic="pier"), "pier.txt")
    assert world.search("pier1w1").passages[0].document_name == "pier.txt"
    world.office.work(job)
    world.whole()
    assert "pier.txt" in world.similar("pier1w1")


def test_another_model_in_the_old_ones_folder_is_not_taken_for_it(world: World) -> None:
    (Path(world.old.folder) / "config.json").write_text("{}")
    assert world.search("quay1w1").lacking == "embedder_missing"


def test_a_collection_of_the_old_embedder_can_be_added_to(world: World) -> None:
    read(world.office, world.collection, prose(2, topic="pier"), "pier.txt")
    assert "pier.txt" in world.similar("pier1w1")
    assert {len(one.vector) for one in world.index.entries[world.collection].values()} == {16}


def test_other_embedders_are_let_go_of_when_nobody_asks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = world.office.tools.embedders
    world.search("quay1w1")
    assert not pool.rest()
    assert pool._others
    monkeypatch.setattr(embedders, "IDLE_SECONDS", -1.0)
    pool.rest()
    assert not pool._others


def test_cancelled_it_leaves_nothing_and_can_be_asked_for_again(world: World) -> None:
    job = world.until_half()
    made = set(world.index.entries) - {world.collection}
    assert len(made) == 1
    jobs.cancel(job.id)
    assert jobs.get(job.id).status is JobStatus.CANCELLED
    assert world.serving().embedder == world.old.fingerprint
    world.whole()
    world.office.work(submit.reindex(world.collection))
    assert world.serving().embedder == world.new.fingerprint
    world.whole()


def test_cancelled_while_a_step_runs_it_leaves_nothing_either(world: World) -> None:
    job = submit.reindex(world.collection)
    world.step(job)
    put = world.index.add

    def cancelled_meanwhile(generation_id: str, entries: list) -> None:
        put(generation_id, entries)
        jobs.cancel(job.id)

    world.index.add = cancelled_meanwhile  # type: ignore[method-assign]
    world.step(job)
    world.index.add = put  # type: ignore[method-assign]
    assert jobs.get(job.id).status is JobStatus.CANCELLED
    world.whole()
    assert world.serving().embedder == world.old.fingerprint


def failing(world: World, times: int, error: Callable[[], Exception]) -> None:
    """The index fails so often, after the vectors are in SQL."""
    put, left = world.index.add, [times]

    def add(generation_id: str, entries: list) -> None:
        if left[0]:
            left[0] -= 1
            raise error()
        put(generation_id, entries)

    world.index.add = add  # type: ignore[method-assign]


def test_no_vector_is_computed_twice_when_a_step_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.steps.RETRY_DELAYS", (0.0,) * 4)
    chunks = world.index.count(world.collection)
    failing(world, 3, IndexUnavailable)
    job = submit.reindex(world.collection)
    world.office.work(job)
    assert jobs.get(job.id).status is JobStatus.SUCCEEDED
    assert world.new.texts == chunks + reindexing.SAMPLE
    world.whole()


class Broken(LecternError):
    """It broke."""


def test_what_has_failed_is_gone_on_with_by_the_next_job(world: World) -> None:
    chunks = world.index.count(world.collection)
    job = world.until_half()
    failing(world, 1, Broken)
    world.office.work(job)
    assert jobs.get(job.id).status is JobStatus.FAILED
    made = world.new.texts
    assert made > reindexing.SAMPLE
    read(world.office, world.collection, prose(2, topic="pier"), "pier.txt")
    assert world.new.texts == made  # what is kept for another try is not written
    world.office.work(submit.reindex(world.collection))
    added = world.index.count(world.serving().id) - chunks
    assert world.new.texts == chunks + added + 2 * reindexing.SAMPLE
    world.whole()


def test_what_was_begun_for_another_embedder_is_dropped(world: World, tmp_path: Path) -> None:
    job = world.until_half()
    failing(world, 1, Broken)
    world.office.work(job)
    world.use(FolderEmbedder(tmp_path / "third", 4))
    world.office.work(submit.reindex(world.collection))
    assert world.serving().dimensions == 4
    world.whole()


def test_an_index_is_made_anew_from_sql_without_its_embedder(world: World) -> None:
    world.use(world.old)
    made, before = world.old.texts, dict(world.index.entries[world.collection])
    world.index.remove(world.collection, list(before)[:10])
    with reading() as session:
        harbour, _ = library.documents(session, world.collection)
    job = submit.reindex(world.collection)
    world.office.work(job)
    result = jobs.get(job.id).result
    assert result is not None
    assert (result["same"], result["known"]) == (True, len(before))
    assert world.old.texts == made
    world.whole()
    entries = world.index.entries[world.serving().id]
    assert entries.keys() == before.keys()
    for chunk_id, entry in entries.items():
        assert entry.vector == pytest.approx(before[chunk_id].vector, abs=1e-3)
    assert world.serving().id != world.collection
    assert harbour.id in {entry.document_id for entry in entries.values()}


def test_a_collection_that_is_deleted_meanwhile_leaves_nothing(world: World) -> None:
    job = world.until_half()
    world.office.work(submit.delete_collection(world.collection))
    with pytest.raises(LecternError):
        jobs.get(job.id)
    assert world.index.entries == {}
    with reading() as session:
        assert session.query(GenerationRow).count() == session.query(EmbeddingRow).count() == 0


def test_what_a_lost_step_brings_late_does_not_stay(world: World) -> None:
    """Its worker was thought dead; meanwhile the job was cancelled and all was removed."""
    job = submit.reindex(world.collection)
    world.step(job)
    put = world.index.add

    def late(generation_id: str, entries: list) -> None:
        jobs.cancel(job.id)
        with writing() as session:
            session.query(EmbeddingRow).filter_by(generation_id=generation_id).delete()
            session.query(GenerationRow).filter_by(id=generation_id).delete()
        put(generation_id, entries)

    world.index.add = late  # type: ignore[method-assign]
    world.step(job)
    assert set(world.index.entries) == {world.collection}


def test_one_reindexing_at_a_time(world: World) -> None:
    first = submit.reindex(world.collection)
    assert submit.reindex(world.collection).id == first.id
    world.office.work(first)
    assert submit.reindex(world.collection).id != first.id


def test_a_dry_run_says_what_it_would_take(world: World) -> None:
    job = submit.reindex(world.collection, dry_run=True)
    world.office.work(job)
    told = jobs.get(job.id)
    assert told.kind is JobKind.ESTIMATE
    assert told.result is not None
    assert told.result["chunks"] == world.index.count(world.collection)
    assert told.result["known"] == 0
    assert told.result["p90"] >= told.result["p50"] > 0
    assert set(world.index.entries) == {world.collection}


def test_a_job_says_how_long_it_will_take(world: World) -> None:
    job = world.until_half()
    estimate = jobs.get(job.id).estimate
    assert estimate is not None
    assert estimate.steps >= 3
    world.office.work(job)


def test_what_versions_before_wrote_of_an_embedder_is_made_whole(world: World) -> None:
    with writing() as session:
        row = session.get_one(GenerationRow, world.collection)
        row.embedder, row.folder, row.dimensions = world.old.former, "", 0
    with writing() as session:
        generations.adopt(session, world.old)
    known = world.serving()
    assert (known.embedder, known.folder, known.dimensions) == (
        world.old.fingerprint,
        world.old.folder,
        16,
    )


def test_the_service_shows_it_and_begins_it(world: World, client: TestClient) -> None:
    path = f"/v1/collections/{world.collection}"
    index = client.get(path).json()["index"]
    assert index["embedder"] == "first"
    assert index["fingerprint"] == world.old.fingerprint
    assert (index["dimensions"], index["current"], index["reindex"]) == (16, None, None)
    world.office.runtime._say_alive()
    assert client.get(path).json()["index"]["current"] is False
    part = client.get("/readyz").json()["parts"]["embedder"]
    assert (part["ok"], "“Minutes” (first)" in part["message"]) == (False, True)
    begun = client.post(f"{path}/reindex", json={"priority": 3})
    assert begun.status_code == 202
    job = begun.json()["job"]
    assert (job["kind"], job["priority"], job["status"]) == ("reindex", 3, "queued")
    (listed,) = client.get("/v1/collections").json()["collections"]
    assert listed["index"]["reindex"]["job_id"] == job["id"]
    world.office.work()
    index = client.get(path).json()["index"]
    assert (index["embedder"], index["current"], index["reindex"]) == ("second", True, None)
    assert client.get("/readyz").json()["parts"]["embedder"]["ok"]
    assert client.post("/v1/collections/col_none/reindex", json={}).status_code == 404
    world.use(world.old)
    world.office.runtime._say_alive()
    told = client.get("/readyz").json()["parts"]["embedder"]
    assert told == {"ok": False, "message": "The workers use different embedders."}


def test_one_that_is_sought_in_vain_is_not_sought_at_every_question(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def absent(generation: generations.Generation) -> str:
        asked.append(generation.id)
        raise EmbedderMissing(path=generation.folder)

    monkeypatch.setattr(embedders, "_there", absent)
    for _ in range(3):
        assert world.search("quay1w1").lacking == "embedder_missing"
    assert len(asked) == 1
