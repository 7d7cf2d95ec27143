"""Made questions of many kinds, each with the chunk it was made from."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.scaling.filling import Filled
from benchmarks.scaling.made import DAY, PAGE_CHUNKS, SEED, MadeDocument, Maker
from ingest.filters import Filter
from ingest.passages import Scope
from ingest.words import STOP

NEAR = 0.35  #: how far the question's vector is from its chunk's
INSTRUCTION = (
    "Please answer the question as if you were an analyst, basing your judgment on the statements "
    "shown in the report, and round the result to two decimals: what does it say about {}, and how "
    "does that relate to {}?"
)
ACCOUNTS = (
    "What is the working capital ratio of {}?",
    "What was the capital expenditure of {} in FY2021?",
    "Has the effective tax rate of {} improved?",
)
#: A way to ask for a chunk: (document, its chunk's number, a source of chance) → (text, filter).
Way = Callable[[MadeDocument, int, np.random.Generator], tuple[str, Filter]]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, where, and what it was made from."""

    kind: str
    text: str
    scope: Scope
    vector: Any  #: near the chunk's; float32, unit length
    chunk_id: str


def questions(filled: Filled, maker: Maker, each: int) -> Iterator[Question]:
    """So many of every kind, the kinds by turns, about documents that are there."""
    source = np.random.default_rng((SEED, 1))
    for _ in range(each):
        for kind in WAYS:
            yield _question(kind, filled, maker, source)


def _question(kind: str, filled: Filled, maker: Maker, source: np.random.Generator) -> Question:
    while True:
        made = maker.document(int(source.integers(filled.documents)))
        aside = filled.place(made) != filled.collections[0]
        if made.chinese == (kind == "chinese") and aside == (kind == "other collection"):
            break
    at = int(source.integers(len(made.chunks)))
    if kind == "code":
        at = next(number for number, text in enumerate(made.chunks) if made.code in text)
    text, only = WAYS[kind](made, at, source)
    document = made.key("doc") if "one document" in kind else None
    vector = made.vectors[at] + NEAR * _direction(source, len(made.vectors[at]))
    vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    place = Scope(filled.place(made), document, only)
    return Question(kind, text, place, vector, made.key("chunk", at))


def _direction(source: np.random.Generator, length: int) -> Any:
    made = source.normal(size=length)
    return made / np.linalg.norm(made)


def _some(made: MadeDocument, at: int, source: np.random.Generator, count: int) -> list[str]:
    """Words of the chunk that say something, as somebody might remember them."""
    there = [word for word in re.findall(r"[a-z]+", made.chunks[at]) if word not in STOP]
    return [str(word) for word in source.choice(there, size=count)]


def _asking(words: int, only: Callable[[MadeDocument, int], Filter] = lambda *_: Filter()) -> Way:
    def ask(made: MadeDocument, at: int, source: np.random.Generator) -> tuple[str, Filter]:
        told = " ".join(_some(made, at, source, words))
        return f"What is said about {told}?", only(made, at)

    return ask


def _long(made: MadeDocument, at: int, source: np.random.Generator) -> tuple[str, Filter]:
    words = _some(made, at, source, 16)
    return INSTRUCTION.format(" ".join(words[:8]), " ".join(words[8:])), Filter()


def _accounts(made: MadeDocument, at: int, source: np.random.Generator) -> tuple[str, Filter]:
    asked = str(source.choice(ACCOUNTS))
    return asked.format(" ".join(_some(made, at, source, 3))), Filter()


def _chinese(made: MadeDocument, at: int, source: np.random.Generator) -> tuple[str, Filter]:
    begin = int(source.integers(100))
    return f"請問{made.chunks[at][begin : begin + 12]}是什麼？", Filter()


def _code(made: MadeDocument, _at: int, _source: np.random.Generator) -> tuple[str, Filter]:
    return f"What is {made.code}?", Filter()


def _figure(made: MadeDocument, at: int, source: np.random.Generator) -> tuple[str, Filter]:
    figures = re.findall(r"\d[\d,]+", made.chunks[at])
    return f"Where does {source.choice(figures)} come from?", Filter()


def _quoted(made: MadeDocument, at: int, source: np.random.Generator) -> tuple[str, Filter]:
    words = made.chunks[at].split()
    begin = int(source.integers(100))
    return f'Who wrote "{" ".join(words[begin : begin + 8])}"?', Filter()


def _named(made: MadeDocument, at: int, source: np.random.Generator) -> tuple[str, Filter]:
    name = made.name.partition(".")[0].replace("-", " ")
    return f"What does the {name} say about {' '.join(_some(made, at, source, 3))}?", Filter()


def _days(made: MadeDocument, days: int) -> Filter:
    return Filter(added_from=made.created_at, added_before=made.created_at + days * DAY)


def _page(at: int) -> tuple[int, int]:
    return 1 + at // PAGE_CHUNKS, 1 + at // PAGE_CHUNKS


WAYS: dict[str, Way] = {
    "short": _asking(3),
    "long": _long,
    "accounts": _accounts,
    "chinese": _chinese,
    "code": _code,
    "figure": _figure,
    "quoted": _quoted,
    "named document": _named,
    "one document": _asking(4),
    "accounts of one document": _accounts,
    "three days": _asking(4, lambda made, _: _days(made, 3)),
    "a year": _asking(4, lambda made, _: _days(made, 365)),
    "tag": _asking(4, lambda made, _: Filter(tags=made.tags[:1])),
    "type": _asking(4, lambda made, _: Filter(media_types=(made.media_type,))),
    "page": _asking(4, lambda _, at: Filter(pages=_page(at))),
    "other collection": _asking(4),
}
