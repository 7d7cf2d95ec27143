"""Collections and documents, on a real database."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from ingest import library
from ingest.database import Table, new_id, reading, writing
from ingest.errors import (
    CollectionNameTaken,
    CollectionNameUnusable,
    CollectionNotFound,
    DocumentNotFound,
    PageNotFound,
)
from ingest.names import file_name
from ingest.records import Document, Original
from ingest.tables import ChunkRow, DocumentRow, DocumentStatus, PageRow, VersionRow

pytestmark = pytest.mark.usefixtures("migrated")


def collection(name: str = "Minutes") -> str:
    with writing() as session:
        return library.create_collection(session, name).id


def added(collection_id: str, sha256: str = "a" * 64, name: str = "a.txt") -> tuple[Document, bool]:
    with writing() as session:
        return library.add(session, collection_id, Original(name, "text/plain", sha256, 10))


def read(document: Document, pages: list[str]) -> None:
    version = document.version
    assert version is not None
    with writing() as session:
        row = session.get_one(VersionRow, version.id)
        row.page_count, row.character_count = len(pages), sum(map(len, pages))
        row.empty_pages = ",".join(str(n) for n, text in enumerate(pages, 1) if not text)
        session.get_one(DocumentRow, document.id).status = DocumentStatus.READY
        for number, text in enumerate(pages, 1):
            session.add(PageRow(version_id=version.id, number=number, text=text))
        session.add(
            ChunkRow(
                id=new_id("chk"),
                version_id=version.id,
                ordinal=0,
                page=1,
                char_start=0,
                char_end=1,
                heading="",
            )
        )


def fail(document: Document) -> None:
    with writing() as session:
        library.forget_content(session, document.id, "damaged_document", "It is damaged.")


def rows(table: type[Table]) -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_collections_are_counted_and_ordered() -> None:
    first, second = collection("b"), collection("a")
    added(first)
    with reading() as session:
        shown = [(c.id, c.documents) for c in library.collections(session)]
        assert shown == [(first, 1), (second, 0)]
        assert library.collection(session, first).public()["documents"] == 1


def test_names_are_unique_as_they_are_shown() -> None:
    collection("  Board\tminutes\u202e ")
    with pytest.raises(CollectionNameTaken):
        collection("Board minutes")


@pytest.mark.parametrize("name", ["", "  \n", "\u202e", "x" * 201])
def test_unusable_names_are_refused(name: str) -> None:
    with pytest.raises(CollectionNameUnusable):
        collection(name)


def test_a_hidden_collection_exists_for_nobody_and_frees_its_name() -> None:
    hidden = collection("Minutes")
    document, _ = added(hidden)
    with writing() as session:
        assert library.hide_collection(session, hidden) == [document.id]
    with reading() as session:
        assert library.collections(session) == []
        with pytest.raises(CollectionNotFound):
            library.documents(session, hidden)
        with pytest.raises(DocumentNotFound):
            library.document(session, document.id)
    with pytest.raises(CollectionNotFound):
        added(hidden)
    assert collection("Minutes") != hidden


def test_the_same_bytes_are_one_document_of_a_collection() -> None:
    here, there = collection("here"), collection("there")
    first, new = added(here)
    again, known = added(here, name="other name.txt")
    assert (new, known) == (False, True)
    assert again == first
    assert added(there)[1] is False


def test_a_failed_document_is_read_again() -> None:
    here = collection()
    document, _ = added(here)
    fail(document)
    with reading() as session:
        failed = library.document(session, document.id)
    assert failed.public()["error"] == {"code": "damaged_document", "message": "It is damaged."}
    again, duplicate = added(here)
    assert not duplicate
    assert (again.id, again.status, again.error) == (document.id, DocumentStatus.WAITING, None)


def test_public_documents_show_their_version() -> None:
    here = collection()
    document, _ = added(here)
    read(document, ["one", "", "three"])
    with reading() as session:
        version = library.documents(session, here)[0].public()["version"]
    assert version.pop("id")
    assert version == {
        "number": 1,
        "size": 10,
        "page_count": 3,
        "character_count": 8,
        "empty_pages": [2],
        "ocr_pages": [],
    }


def test_pages_are_found_by_number_and_version() -> None:
    here = collection()
    document, other = added(here)[0], added(here, "b" * 64)[0]
    read(document, ["one", "兩"])
    version = document.version
    other_version = other.version
    assert version is not None
    assert other_version is not None
    with reading() as session:
        page = library.page(session, document.id, 2, version.id)
        assert (page.text, page.page_count, page.version_id) == ("兩", 2, version.id)
        for number, version_id in ((3, None), (1, other_version.id), (1, "none")):
            with pytest.raises(PageNotFound):
                library.page(session, document.id, number, version_id)


def test_a_failed_reading_leaves_no_text() -> None:
    document, _ = added(collection())
    read(document, ["half"])
    fail(document)
    assert (rows(PageRow), rows(ChunkRow), rows(VersionRow)) == (0, 0, 1)


def test_a_failed_reading_does_not_bring_a_hidden_document_back() -> None:
    document, _ = added(collection())
    with writing() as session:
        library.hide_document(session, document.id)
    fail(document)
    with reading() as session, pytest.raises(DocumentNotFound):
        library.document(session, document.id)


def test_erasing_removes_every_row_and_names_unused_blobs() -> None:
    here, there = collection("here"), collection("there")
    mine, shared = added(here)[0], added(there)[0]
    read(mine, ["text"])
    with writing() as session:
        assert library.erase(session, mine.id) == []  # another collection holds the same bytes
    with writing() as session:
        assert library.erase(session, shared.id) == ["a" * 64]
        assert library.erase(session, shared.id) == []
        library.erase_collection(session, there)
    assert [rows(table) for table in (DocumentRow, VersionRow, PageRow, ChunkRow)] == [0] * 4


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\Users\\陳\\報告.pdf", "報告.pdf"),
        ("/", "unnamed"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("a\0b\r\nSet-Cookie: x.txt", "ab Set-Cookie: x.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("<img src=x onerror=alert(1)>.pdf", "<img src=x onerror=alert(1)>.pdf"),
        ("e\u0301tude 👩‍🔬.md", "\u00e9tude 👩‍🔬.md"),
        ("長" * 300 + ".docx", "長" * 250 + ".docx"),
        ("%2e%2e%2fpasswd", "%2e%2e%2fpasswd"),
        ("\ud800.txt", ".txt"),
    ],
)
def test_file_names_are_made_safe_to_show(given_name: str, shown: str) -> None:
    assert file_name(given_name) == shown


@given(st.text(max_size=600))
def test_any_file_name_becomes_one_short_line(name: str) -> None:
    shown = file_name(name)
    assert 0 < len(shown) <= 255
    assert not any(sign in shown for sign in "/\\\0\r\n\u202e")
    assert unicodedata.is_normalized("NFC", shown)
    assert file_name(shown) == shown
