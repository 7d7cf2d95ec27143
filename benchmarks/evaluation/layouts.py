"""Questions with the place that answers each, as published collections lay them out.

FinanceBench (Islam et al., 2023): reports in PDF, the pages that prove each answer. DRCD (Shao et
al., 2018): an article is a document, the paragraph that a question was asked of is the place.
QMSum (Zhong et al., NAACL 2021): a meeting is a document, the turns that a query is about.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUESTIONS, PDFS = "questions.jsonl", "pdfs"
BETWEEN_PAGES = "\f"
BETWEEN_TURNS = "\n\n"


@dataclass(frozen=True, slots=True)
class Place:
    """A passage that was found: on a page, and where known in the document's own text."""

    document: str
    page: int  #: from 1; 0 where the document has no pages
    start: int = 0
    end: int = 0  #: exclusive


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to a document, and what in it proves the answer."""

    question: str
    document: str
    pages: frozenset[int] = frozenset()
    spans: tuple[tuple[int, int], ...] = ()
    answer: str = ""  #: as the set's authors gave it; none where there are only places

    def proved_by(self, place: Place) -> bool:
        """Whether a passage is of the evidence."""
        if place.document != self.document:
            return False
        if self.pages:
            return place.page in self.pages
        return any(place.start < end and start < place.end for start, end in self.spans)


@dataclass(frozen=True, slots=True)
class Source:
    """A document of a set: a file, or a text whose parts are cut at form feeds."""

    name: str
    file: Path | None = None
    text: str = ""

    @property
    def content(self) -> bytes:
        """Its bytes."""
        return self.file.read_bytes() if self.file else self.text.encode()


@dataclass(frozen=True, slots=True)
class Set:
    """Documents and the questions to them."""

    name: str
    sources: Sequence[Source]
    asked: Sequence[Asked]
    particular: bool = True  #: whether no document answers what was asked of another

    @property
    def misplaced(self) -> list[Asked]:
        """The questions, each put to the document after its own, which does not answer it."""
        names = [source.name for source in self.sources]
        if not self.particular or len(names) < 2:
            return []
        after = dict(zip(names, [*names[1:], names[0]], strict=True))
        return [Asked(one.question, after[one.document]) for one in self.asked]


def sets(path: Path, limit: int | None = None) -> list[Set]:
    """The sets at `path`, of at most `limit` questions each and only the documents they need.

    A folder may hold several. Raises SystemExit when there is none.
    """
    found = [_limited(one, limit) for one in _sets(path)]
    if not any(one.asked for one in found):
        raise SystemExit(f"error: no questions in a known layout at {path}")
    return [one for one in found if one.asked]


def _sets(path: Path) -> Iterator[Set]:
    if path.is_dir() and (path / QUESTIONS).is_file():
        yield _reports(path)
    elif path.is_dir():
        for inside in sorted(path.iterdir()):
            if inside.is_dir() or inside.suffix in {".json", ".jsonl"}:
                yield from _sets(inside)
    elif path.suffix == ".json":
        yield _articles(path)
    elif path.name == QUESTIONS:
        yield _reports(path.parent)
    elif path.suffix == ".jsonl":
        yield _meetings(path)


def _limited(one: Set, limit: int | None) -> Set:
    if limit is None:
        return one
    asked = one.asked[:limit]
    needed = {each.document for each in asked}
    kept = [source for source in one.sources if source.name in needed]
    return Set(one.name, kept, asked, one.particular)


def _reports(folder: Path) -> Set:
    asked = []
    for row in _rows(folder / QUESTIONS):
        document = row["document"]
        if not (folder / PDFS / document).is_file():
            print(f"left out: {row['id']}, for want of {document}", file=sys.stderr)
            continue
        own = (one["page"] for one in row["evidence"] if one["document"] == document)
        found = str(row.get("answer", ""))
        asked.append(Asked(row["question"], document, frozenset(own), answer=found))
    files = sorted((folder / PDFS).glob("*.pdf"))
    return Set(folder.name, [Source(file.name, file) for file in files], asked)


def _articles(file: Path) -> Set:
    sources, asked = [], []
    for number, article in enumerate(json.loads(file.read_text("utf-8"))["data"], 1):
        name = f"article-{number}.txt"
        at = 0
        for paragraph in article["paragraphs"]:
            span = at, at + len(paragraph["context"])
            asked += [
                Asked(one["question"], name, spans=(span,), answer=_first_answer(one))
                for one in paragraph["qas"]
            ]
            at = span[1] + len(BETWEEN_PAGES)
        texts = [paragraph["context"] for paragraph in article["paragraphs"]]
        sources.append(Source(name, text=BETWEEN_PAGES.join(texts)))
    return Set(file.stem, sources, asked)


def _meetings(file: Path) -> Set:
    sources, asked = [], []
    for number, row in enumerate(_rows(file), 1):
        name = f"meeting-{number}.txt"
        turns = [f"{one['speaker']}: {one['content']}" for one in row["meeting_transcripts"]]
        starts = [0]
        for turn in turns:
            starts.append(starts[-1] + len(turn) + len(BETWEEN_TURNS))
        for one in row["specific_query_list"]:
            spans = tuple(
                (starts[int(first)], starts[int(last) + 1] - len(BETWEEN_TURNS))
                for first, last in one["relevant_text_span"]
                if int(first) <= int(last) < len(turns)
            )
            if spans:
                asked.append(Asked(one["query"], name, spans=spans))
        sources.append(Source(name, text=BETWEEN_TURNS.join(turns)))
    return Set(f"qmsum-{file.stem}", sources, asked, particular=False)


def _first_answer(asked: dict[str, Any]) -> str:
    return next((str(one["text"]) for one in asked.get("answers", ())), "")


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())
