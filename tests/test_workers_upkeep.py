"""What is looked after beside the steps: the dense index and the originals, by one worker."""

from dataclasses import replace

import pytest
from fakes import MemoryIndex, Office, add_worker, new_collection, prose, read, store
from structlog.testing import capture_logs

from ingest import blobs, library
from ingest.database import writing
from ingest.errors import IndexUnavailable
from ingest.tables import CollectionRow
from workers import fleet
from workers.upkeep import Upkeep

pytestmark = pytest.mark.usefixtures("migrated")


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def collection(office: Office) -> str:
    made = new_collection()
    read(office, made, prose(40), "a.txt")
    read(office, made, prose(5, topic="quay"), "b.txt")
    return made


def keeper(office: Office, leads: bool = True) -> Upkeep:
    return Upkeep(office.index, lambda: leads)


def lose(index: MemoryIndex, collection: str, count: int) -> None:
    index.remove(collection, list(index.entries[collection])[:count])


def stray(index: MemoryIndex, collection: str) -> None:
    entry = next(iter(index.entries[collection].values()))
    index.add(collection, [replace(entry, chunk_id="chunk_stray")])


@pytest.mark.faults(14)
def test_what_was_lost_comes_back_as_it_was(office: Office, collection: str) -> None:
    ours, index = keeper(office), office.index
    before = dict(index.entries[collection])
    assert not ours.look()
    for loss in (1, len(before)):
        lose(index, collection, loss)
        ours.look()
        assert index.entries[collection].keys() == before.keys()
    for chunk_id, entry in index.entries[collection].items():
        assert (entry.version_id, entry.document_id, entry.page) == (
            before[chunk_id].version_id,
            before[chunk_id].document_id,
            before[chunk_id].page,
        )
        assert entry.vector == pytest.approx(before[chunk_id].vector, abs=1e-3)


@pytest.mark.faults(14)
def test_losses_that_strays_make_up_for_are_found_once_a_day(
    office: Office, collection: str
) -> None:
    ours, index = keeper(office), office.index
    before = set(index.entries[collection])
    ours.look()
    lose(index, collection, 1)
    stray(index, collection)
    ours.look()
    assert set(index.entries[collection]) != before
    ours._thorough_from = 0.0
    ours.look()
    assert set(index.entries[collection]) == before


def test_what_is_being_deleted_is_not_put_back(office: Office, collection: str) -> None:
    with writing() as session:
        (first, *_) = library.documents(session, collection)
        library.hide_document(session, first.id)
    office.index.remove_documents(collection, [first.id])
    keeper(office).look()
    left = office.index.entries[collection].values()
    assert first.id not in {entry.document_id for entry in left}


def test_what_was_deleted_between_two_looks_is_taken_out_again(
    office: Office, collection: str
) -> None:
    index = office.index
    lose(index, collection, 60)
    put = index.add

    def deleted_meanwhile(collection_id: str, entries: list) -> None:
        with writing() as session:
            session.get_one(CollectionRow, collection_id).deleting = True
        put(collection_id, entries)

    index.add = deleted_meanwhile
    keeper(office).look()
    assert collection not in index.entries


def test_a_collection_that_was_never_indexed_needs_nothing(office: Office) -> None:
    store(new_collection(), "Not read.")
    keeper(office).look()
    assert office.index.entries == {}


def test_an_index_that_is_away_is_looked_at_later(
    office: Office, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> int:
        raise IndexUnavailable

    ours, count = keeper(office), office.index.count(collection)
    lose(office.index, collection, 1)
    with monkeypatch.context() as patched:
        patched.setattr(office.index, "present", away)
        assert not ours.look()
    ours.look()
    assert office.index.count(collection) == count


def test_one_worker_is_enough(office: Office, collection: str) -> None:
    count = len(office.index.entries[collection])
    lose(office.index, collection, 1)
    keeper(office, leads=False).look()
    keeper(office, leads=False).sweep()
    assert len(office.index.entries[collection]) == count - 1
    for owner in ("worker_2", "worker_1"):
        add_worker(owner)
    assert [fleet.leads(owner) for owner in ("worker_1", "worker_2")] == [True, False]
    add_worker("worker_1", seen_at=0.0)
    assert [fleet.leads(owner) for owner in ("worker_1", "worker_2")] == [False, True]


def test_originals_that_seem_to_be_another_databases_are_left(office: Office) -> None:
    intake = blobs.Intake()
    intake.write(b"Unknown.")
    intake.commit()
    with capture_logs() as logs:
        assert not keeper(office).sweep()
    assert [line["event"] for line in logs] == ["originals_not_swept"]
