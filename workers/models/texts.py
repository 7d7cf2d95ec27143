"""Texts to calibrate a quantiser with, or to judge its work by: files, or a collection's pages."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from ingest import charset, database, library
from ingest.errors import CollectionNotFound, LecternError
from ingest.records import Collection
from workers.engine.chunks import CHUNK

#: What a token stands for at most, in most texts: so much is read for each token that is wanted.
CHARACTERS = 8
#: A document that is longer takes part with none of its pages rather than with all.
LONGEST = 20_000_000
ENCODING = "utf-8"
HELD_OUT = Path(__file__).with_name("held-out.txt")


class TextUnreadable(LecternError):
    """The text {path} can't be read: {reason}."""

    code = "text_unreadable"


class NothingToRead(LecternError):
    """The collection {name} has no document that is ready."""

    code = "nothing_to_read"


@dataclass(frozen=True, slots=True)
class Text:
    """A text, and where it is from."""

    names: tuple[str, ...]
    words: str


def held_out() -> Text:
    """Ours to judge by: English and Traditional Chinese, written for this, and published nowhere
    else.
    """
    return Text((HELD_OUT.name,), HELD_OUT.read_text())


def from_files(paths: Sequence[Path]) -> Text:
    """Plain text, in whatever encoding it is. Raises TextUnreadable."""
    return Text(tuple(path.name for path in paths), "\n\n".join(map(_read, paths)))


def from_collection(wanted: str, chunks: int) -> Text:
    """Pages of a collection's documents, all of them mixed, enough for so many chunks of tokens.

    Mixed always in the same way, so that the same collection gives the same text. `wanted` is its
    id or name. Raises CollectionNotFound or NothingToRead.
    """
    with database.reading() as session:
        collection = _collection(session, wanted)
        ids = [document.id for document in library.documents(session, collection.id)]
        pages = [page for one in ids for page in library.page_texts(session, one, LONGEST)]
    if not any(page.strip() for page in pages):
        raise NothingToRead(name=collection.name)
    random.Random(len(pages)).shuffle(pages)
    return Text((f"collection {collection.name}",), _cut(pages, chunks * CHUNK * CHARACTERS))


def _cut(pages: Sequence[str], characters: int) -> str:
    taken, length = [], 0
    for page in pages:
        if length >= characters:
            break
        taken.append(page)
        length += len(page)
    return "\n\n".join(taken)


def _collection(session: Session, wanted: str) -> Collection:
    for one in library.collections(session):
        if wanted in (one.id, one.name):
            return one
    raise CollectionNotFound(id=wanted)


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TextUnreadable(path=path, reason=error.strerror or error) from error
    for encoding in charset.strict(lambda: [raw]):
        return raw.decode(encoding)
    raise TextUnreadable(path=path, reason="its encoding is not known")
