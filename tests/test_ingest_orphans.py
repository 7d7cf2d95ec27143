"""Originals that no document refers to go, and no other does."""

from pathlib import Path

import pytest
from fakes import new_collection, store

from ingest import blobs, orphans
from ingest.blobs import Intake
from ingest.errors import StoreForeign

pytestmark = pytest.mark.usefixtures("migrated")


def orphan(content: bytes) -> str:
    intake = Intake()
    intake.write(content)
    return intake.commit()


@pytest.mark.parametrize("url", ["", "memory://orphans-of-a-test"])
def test_only_what_is_old_and_unknown_goes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if url:
        monkeypatch.setenv("LECTERN_BLOB_URL", url)
    known = store(new_collection(), "Known.").version
    unknown = orphan(b"Unknown.")
    assert known is not None
    assert set(blobs.hashes()) == {known.sha256, unknown}
    assert 0 <= blobs.age(unknown) < 60
    assert blobs.age("0" * 64) == 0
    assert orphans.remove(older_than=60) == 0
    assert orphans.remove(older_than=0) == 1
    assert list(blobs.hashes()) == [known.sha256]
    assert orphans.remove(older_than=0) == 0
    blobs.delete(known.sha256)


def test_nothing_goes_when_it_is_the_database_that_is_another_one(migrated: Path) -> None:
    lost = {orphan(b"One."), orphan(b"Two.")}
    with pytest.raises(StoreForeign):
        orphans.remove(older_than=0)
    store(new_collection(), "Known.")
    with pytest.raises(StoreForeign):
        orphans.remove(older_than=0)
    assert lost < set(blobs.hashes())
    store(new_collection("Others"), "Known too.")
    assert orphans.remove(older_than=0) == 2


def test_what_is_on_its_way_in_is_none() -> None:
    intake = Intake()
    intake.write(b"Half")
    assert list(blobs.hashes()) == []
    intake.discard()
