"""Versions of a document: what comes in, what readers see, and what is left of what failed."""

import pytest
from test_ingest_library import added, collection, fail, read, rows

from ingest import library, versions
from ingest.database import reading, writing
from ingest.errors import (
    DocumentNotFound,
    StillBeingRead,
    VersionNotFound,
    VersionTypeDiffers,
)
from ingest.records import Document, Original, Version
from ingest.tables import PageRow, VersionRow
from ingest.versions import Extent

pytestmark = pytest.mark.usefixtures("migrated")


@pytest.fixture
def document() -> Document:
    """A document that has been read."""
    made, _ = added(collection())
    read(made, ["one"])
    return made


def put(document: Document, sign: str, media_type: str = "text/plain") -> tuple[Version, bool]:
    original = Original("new.txt", media_type, sign * 64, 12)
    with writing() as session:
        return versions.add(session, document.id, original)


def shown(version: Version) -> None:
    with writing() as session:
        versions.show(session, version.id, Extent(2, 30, [2]))


def current(document: Document) -> Version | None:
    with reading() as session:
        return library.document(session, document.id).version


def test_a_new_version_is_seen_when_it_has_been_read(document: Document) -> None:
    version, duplicate = put(document, "b")
    assert (version.number, version.page_count, duplicate) == (2, None, False)
    assert current(document).id == document.version.id
    shown(version)
    seen = current(document)
    assert (seen.id, seen.page_count, seen.empty_pages) == (version.id, 2, [2])
    with reading() as session:
        assert [one.number for one in versions.listing(session, document.id)] == [2, 1]
        assert library.page(session, document.id, 1, document.version.id).text == "one"
        assert versions.indexed(session, document.id) == [version.id]


def test_the_same_bytes_are_no_new_version_but_older_ones_are(document: Document) -> None:
    assert put(document, "a") == (current(document), True)
    second, _ = put(document, "b")
    assert put(document, "b") == (second, True)  # while it waits to be read
    shown(second)
    back, duplicate = put(document, "a")
    assert (back.number, duplicate) == (3, False)


def test_a_version_that_comes_too_late_is_kept_unseen(document: Document) -> None:
    second, _ = put(document, "b")
    third, _ = put(document, "c")
    shown(third)
    shown(second)
    assert current(document).id == third.id
    with reading() as session:
        assert versions.indexed(session, document.id) == [third.id]


def test_what_can_not_be_read_goes_as_if_it_had_never_come(document: Document) -> None:
    version, _ = put(document, "b")
    with writing() as session:
        session.add(PageRow(version_id=version.id, number=1, text="half"))
    with writing() as session:
        assert versions.drop(session, version.id) == ["b" * 64]
    assert (rows(VersionRow), rows(PageRow)) == (1, 1)
    assert current(document).id == document.version.id
    with writing() as session:
        assert versions.drop(session, document.version.id) == []  # it has been seen
        assert versions.drop(session, version.id) == []


def test_a_document_that_failed_can_get_a_version_or_be_read_again() -> None:
    document, _ = added(collection())
    with pytest.raises(StillBeingRead):
        put(document, "b")
    fail(document)
    version, duplicate = put(document, "a")
    assert (version.id, duplicate) == (document.version.id, False)
    fail(document)
    better, _ = put(document, "b")
    shown(better)
    with reading() as session:
        ready = library.document(session, document.id)
    assert (ready.status, ready.error, ready.version.id) == ("ready", None, better.id)


def test_other_kinds_of_files_and_other_documents_are_refused(document: Document) -> None:
    with pytest.raises(VersionTypeDiffers):
        put(document, "b", "application/pdf")
    with writing() as session, pytest.raises(DocumentNotFound):
        versions.add(session, "doc_none", Original("a", "text/plain", "b" * 64, 1))
    with reading() as session, pytest.raises(VersionNotFound):
        versions.get(session, document.id, "ver_none")


def test_erasing_a_document_erases_all_its_versions(document: Document) -> None:
    version, _ = put(document, "b")
    shown(version)
    with writing() as session:
        assert library.erase(session, document.id) == ["a" * 64, "b" * 64]
    assert (rows(VersionRow), rows(PageRow)) == (0, 0)
