"""What a text repeats of another one, whatever became of its lines; texts to calibrate with."""

from pathlib import Path

import pytest

from ingest import library
from ingest.database import writing
from ingest.errors import CollectionNotFound
from ingest.records import Original
from ingest.tables import DocumentRow, DocumentStatus, PageRow, VersionRow
from workers.models import sentences, texts

FIRST = "The ferry to Sandholm leaves from the east quay. It waits for nobody at all, ever."
CHINESE = (
    "使用說明：第一次使用前，請先將水箱裝滿清水，不放咖啡粉。"
    "每次使用後，請倒掉剩水並打開上蓋，讓內部風乾。"
)


def test_lines_may_break_elsewhere() -> None:
    wrapped = FIRST.replace("from the", "from\n  the")
    assert sentences.digests(FIRST) == sentences.digests(wrapped)
    assert len(sentences.digests(FIRST)) == 2
    assert len(sentences.digests(CHINESE)) == 2


def test_what_was_seen_is_left_out() -> None:
    text = f"{FIRST}\n\nA sentence that nobody has seen before.\n\n{CHINESE}"
    seen = sentences.digests(FIRST) | sentences.digests(CHINESE)
    assert sentences.unseen(text, seen).strip() == "A sentence that nobody has seen before."
    assert sentences.unseen(text, ()) == text


def test_short_ones_are_said_by_many() -> None:
    assert sentences.digests("Yes. No. 1931.") == frozenset()


def test_our_text_is_in_both_languages_and_in_none_of_the_samples() -> None:
    ours = texts.held_out().words
    assert sum("\u4e00" <= c <= "\u9fff" for c in ours) > 1_000
    samples = Path(__file__).parents[1] / "samples" / "sources"
    seen = {d for path in samples.glob("*.md") for d in sentences.digests(path.read_text())}
    assert sentences.unseen(ours, seen) == ours


def test_files_in_any_encoding(tmp_path: Path) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text(FIRST)
    two.write_bytes(CHINESE.encode("cp950"))
    found = texts.from_files([one, two])
    assert found.names == ("one.txt", "two.txt")
    assert found.words == f"{FIRST}\n\n{CHINESE}"
    with pytest.raises(texts.TextUnreadable):
        texts.from_files([tmp_path / "absent.txt"])


@pytest.mark.usefixtures("migrated")
def test_a_collection_that_is_not_there() -> None:
    with pytest.raises(CollectionNotFound):
        texts.from_collection("nothing", 1)


@pytest.mark.usefixtures("migrated")
def test_a_collections_pages_are_mixed_always_in_the_same_way() -> None:
    with writing() as session:
        collection = library.create_collection(session, "Minutes")
        for number in range(3):
            original = Original(f"{number}.txt", "text/plain", f"{number}" * 64, 10)
            document, _ = library.add(session, collection.id, original)
            assert document.version is not None
            row = session.get_one(VersionRow, document.version.id)
            row.page_count = row.character_count = 2
            session.get_one(DocumentRow, document.id).status = DocumentStatus.READY
            for page in (1, 2):
                text = f"Document {number}, page {page}. " * 100
                session.add(PageRow(version_id=row.id, number=page, text=text))
    whole = texts.from_collection("Minutes", 10)
    assert whole == texts.from_collection(collection.id, 10)
    assert whole.names == ("collection Minutes",)
    first = [page.split(".")[0] for page in whole.words.split("\n\n")]
    assert len(first) == 6
    assert first != sorted(first)
    assert len(texts.from_collection("Minutes", 1).words) < len(whole.words)
    with writing() as session:
        library.create_collection(session, "Empty")
    with pytest.raises(texts.NothingToRead):
        texts.from_collection("Empty", 1)
