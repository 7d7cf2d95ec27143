"""Answers: Lectern's beside a stock chain's with the same model and embedder, in one run.

Every question is put to the document that answers it, then to all of them together; and once more
to a document that does not answer it, where nothing but a refusal is right.

answered            share of the answerable questions that are not refused
right_place         share of them with a citation of the evidence (stock: with a piece of it)
matched             share of those with a short reference whose reply holds it
citation_precision  share of the citations whose quote is the page's own text and holds the claim
refused             share of the misplaced questions that are refused
"""

import json
import logging
import os
import re
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Any, TextIO

import structlog
from rich.console import Console
from rich.table import Table

from benchmarks.evaluation.claims import holds, matches
from benchmarks.evaluation.layouts import Asked, Place, Set, sets
from benchmarks.evaluation.plain import Stock, pieces
from benchmarks.evaluation.shelf import Shelf, filled
from ingest.embed import Embedder
from ingest.settings import settings as library_settings
from ingest.vectors import VectorIndex
from workers import language
from workers.engine import library
from workers.language import Language
from workers.settings import settings

QUESTIONS = 20  #: of each set, unless told
STOCK_PIECES = 4  #: what LangChain's retrievers give unless told
STOCK_PROMPT = (
    "Answer the question from these excerpts alone. If they do not say, write: I don't know.\n\n"
    "{excerpts}\n\nQuestion: {question}\nAnswer:"
)
STOCK_TOKENS = 256
UNKNOWING = re.compile(
    r"\b(?:do not|don['’]t|does not|doesn['’]t|cannot|can['’]t|is not|isn['’]t|not) "
    r"(?:know|say|mention|mentioned|state|stated|specify|specified|provide|provided|answer|find)"
    r"|不知道|未提|沒有提|没有提",
    re.IGNORECASE,
)
SHOWN = ("answered", "right_place", "matched", "citation_precision", "refused")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cited:
    """A place that a reply refers to."""

    place: Place
    sound: bool  #: the quote is the page's text, and holds the claim
    claim: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a question."""

    text: str
    refused: bool
    cited: Sequence[Cited]
    seconds: float


Answerer = Callable[[str, str | None], Reply]


def run(arguments: Namespace, results: TextIO) -> int:
    """Write a row for every set and mode."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    library.quiet()
    found = sets(arguments.data, arguments.limit or QUESTIONS)
    embedder = Embedder(library_settings().embedder, len(os.sched_getaffinity(0)))
    model = language.load(settings())
    try:
        rows = [row for one in found for row in measured(one, embedder, model)]
    finally:
        if model.engine is not None:
            model.engine.close()
    if arguments.json:
        json.dump(rows, results, indent=1, ensure_ascii=False)
        results.write("\n")
    else:
        _show(rows, results)
    return 0


def measured(documents: Set, embedder: Embedder, model: Language) -> Iterator[Row]:
    """A row within the documents, and one over all of them."""
    with filled(documents, embedder, model) as (shelf, url):
        stock = _Chain(model, Stock(shelf, pieces(shelf), VectorIndex(url)))
        ways: dict[str, Answerer] = {"": _Ours(shelf), "stock_": stock}
        asked = [each for each in documents.asked if shelf.texts.get(each.document)]
        misplaced = [each for each in documents.misplaced if shelf.texts.get(each.document)]
        yield _row(documents.name, "within", asked, misplaced, ways)
        yield _row(documents.name, "all", asked, [], ways)


class _Ours:
    """Lectern, by the steps that its workers run."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def __call__(self, question: str, document: str | None) -> Reply:
        began = time.perf_counter()
        result = self._shelf.answer(question, document)
        took = time.perf_counter() - began
        cited = list(self._cited(result))
        return Reply(result["answer"], result["refused"], cited, took)

    def _cited(self, result: dict[str, Any]) -> Iterator[Cited]:
        claims = {
            each: sentence["text"]
            for sentence in result["sentences"]
            for each in sentence["citations"]
        }
        names = {key: name for name, key in self._shelf.ids.items()}
        for one in (one for one in result["citations"] if one["id"] in claims):
            start, end, quote = one["char_start"], one["char_end"], one["quote"]
            page = self._shelf.texts[names[one["document_id"]]][one["page"] - 1]
            place = self._shelf.place_at(one["document_id"], one["page"], start, end)
            claim = claims[one["id"]]
            yield Cited(place, page[start:end] == quote and holds(quote, claim), claim, quote)


class _Chain:
    """The nearest pieces in one prompt, and what the model says to it."""

    def __init__(self, model: Language, stock: Stock) -> None:
        self._chat = model.chat.bind(max_tokens=STOCK_TOKENS)
        self._stock = stock

    def __call__(self, question: str, document: str | None) -> Reply:
        began = time.perf_counter()
        found = self._stock.nearest(question, STOCK_PIECES, document)
        excerpts = "\n\n".join(piece.text for piece in found)
        said = self._chat.invoke(STOCK_PROMPT.format(excerpts=excerpts, question=question))
        text = str(said.text).strip()
        cited = [Cited(piece.place, sound=False) for piece in found]
        refused = UNKNOWING.search(text) is not None
        return Reply(text, refused, cited, time.perf_counter() - began)


def _row(
    name: str,
    mode: str,
    asked: Sequence[Asked],
    misplaced: Sequence[Asked],
    ways: dict[str, Answerer],
) -> Row:
    row: Row = {"name": f"{name} {mode}", "set": name, "mode": mode, "n": len(asked)}
    row["n_misplaced"] = len(misplaced)
    row["replies"] = []
    for prefix, answer in ways.items():
        within = mode == "within"
        replies = [_told(answer, each, within, prefix) for each in asked]
        others = [_told(answer, each, True, prefix) for each in misplaced]
        figures = {**_answered(asked, replies), **_refused(others)}
        row |= {f"{prefix}{key}": value for key, value in figures.items()}
        row["replies"] += [
            {"by": prefix or "lectern", "question": each.question, "document": each.document}
            | {"reference": each.answer, "reply": reply.text, "refused": reply.refused}
            | {"cited": [asdict(cited) for cited in reply.cited]}
            for each, reply in zip([*asked, *misplaced], [*replies, *others], strict=True)
        ]
    return row


def _told(answer: Answerer, asked: Asked, within: bool, prefix: str) -> Reply:
    reply = answer(asked.question, asked.document if within else None)
    shown = "refused" if reply.refused else reply.text.replace("\n", " ")[:70]
    print(f"  {prefix or 'lectern'} {reply.seconds:4.1f} s: {shown}", file=sys.stderr, flush=True)
    return reply


def _answered(asked: Sequence[Asked], replies: Sequence[Reply]) -> dict[str, Any]:
    pairs = list(zip(asked, replies, strict=True))
    cited = [one for _, reply in pairs for one in reply.cited]
    judged = [
        found for each, reply in pairs if (found := matches(each.answer, reply.text)) is not None
    ]
    return {
        "answered": _share([not reply.refused for reply in replies]),
        "right_place": _share(
            [any(each.proved_by(one.place) for one in reply.cited) for each, reply in pairs]
        ),
        "matched": _share(judged),
        "citations": len(cited),
        "citation_precision": _share([one.sound for one in cited]),
        "p50_seconds": round(median(reply.seconds for reply in replies), 2) if replies else None,
    }


def _refused(replies: Sequence[Reply]) -> dict[str, Any]:
    return {"refused": _share([reply.refused for reply in replies])}


def _share(found: Sequence[bool]) -> float | None:
    return round(mean(found), 4) if found else None


def _show(rows: Sequence[Row], results: TextIO) -> None:
    table = Table("", "", "n", *SHOWN, "p50 s", title="Answers")
    for row in rows:
        for prefix, way in (("", "Lectern"), ("stock_", "stock")):
            figures = [_figure(row[prefix + key]) for key in SHOWN]
            named = "" if prefix else row["name"]
            table.add_row(named, way, str(row["n"]), *figures, _figure(row[f"{prefix}p50_seconds"]))
    Console(file=results, width=130).print(table)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
