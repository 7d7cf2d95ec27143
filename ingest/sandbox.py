"""Documents are read in a child process that may hang, swell or crash without harm to us.

A call costs one process start, well under a tenth of a second. Any number of threads may call.
"""

from base64 import b64decode
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.blobs import Intake
from ingest.child import Limits, records, told
from ingest.errors import LecternError, ParserCrashed, TooManyPages, TooMuchText
from ingest.layout import Layout
from ingest.sniff import PDF
from ingest.spans import Heading, Page, Table

__all__ = ["Limits", "Member", "PageBoxes", "boxes", "image", "members", "pages"]

_MOST_BOXES = 10_000
_WIDEST_IMAGE = 4_000


@dataclass(frozen=True, slots=True)
class PageBoxes:
    """Where a span is on a page as shown: points, origin top left, one box for each line."""

    width: float
    height: float
    boxes: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside another one: its bytes, sealed, or why it does not come out."""

    path: str  #: for display only
    intake: Intake | None = None
    error: LecternError | None = None


def _never() -> bool:
    return False


def pages(
    path: Path, media_type: str, limits: Limits, cancelled: Callable[[], bool] = _never
) -> Generator[Page, None, None]:
    """The pages of a document as they are read; close the generator to kill the parser.

    The clock runs only while we wait for the parser, not while the caller works on a page.
    Advance it from one thread only: the child dies with the thread that started it.
    """
    request = {"kind": "pages", "media_type": media_type, "max_pages": limits.max_pages}
    number = characters = 0
    with closing(records(path, request, limits, cancelled)) as answers:
        for record in answers:
            page = _page(record)
            number += 1
            characters += len(page.text)
            if page.number != number:
                raise ParserCrashed
            if number > limits.max_pages:
                raise TooManyPages(limit=limits.max_pages)
            if characters > limits.max_characters:
                raise TooMuchText(limit=limits.max_characters)
            yield page


def members(
    path: Path, media_type: str, limits: Limits, cancelled: Callable[[], bool] = _never
) -> Generator[Member, None, None]:
    """The files inside an archive or a mail; close the generator to kill the parser.

    Discard or commit the intake of each. Raises StorageFull besides what a parser raises.
    """
    request = {"kind": "members", "media_type": media_type, "max_bytes": limits.max_bytes}
    intake: Intake | None = None
    with closing(records(path, request, limits, cancelled)) as answers:
        try:
            for record in answers:
                name, data = _slice(record)
                if data is None:
                    details = record.get("details")
                    yield Member(name, error=told(str(record.get("error_inside")), details))
                    continue
                intake = intake or Intake(limits.max_bytes)
                intake.write(data)
                if record.get("last"):
                    intake.seal()
                    whole, intake = intake, None
                    yield Member(name, whole)
        finally:
            if intake is not None:
                intake.discard()


def _slice(record: dict[str, Any]) -> tuple[str, bytes | None]:
    try:
        if "error_inside" in record:
            return str(record["member"]), None
        return str(record["member"]), b64decode(record["bytes"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise ParserCrashed from error


def boxes(
    path: Path, page: int, char_start: int, char_end: int, limits: Limits | None = None
) -> PageBoxes:
    """The boxes of a span of a PDF's page."""
    place = {"page": page, "char_start": char_start, "char_end": char_end}
    record = _view(path, {"kind": "boxes", "media_type": PDF, **place}, limits)
    try:
        width, height, found = record["boxes"]
        lines = tuple(
            (float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1 in found[:_MOST_BOXES]
        )
        return PageBoxes(float(width), float(height), lines)
    except (KeyError, TypeError, ValueError) as error:
        raise ParserCrashed from error


def image(
    path: Path, page: int, width: int, limits: Limits | None = None, media_type: str = PDF
) -> bytes:
    """A page of a PDF, or a picture, as a PNG of at most `width` pixels."""
    width = max(1, min(width, _WIDEST_IMAGE))
    request = {"kind": "image", "media_type": media_type, "page": page, "width": width}
    record = _view(path, request, limits)
    try:
        return b64decode(record["image"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise ParserCrashed from error


def _view(path: Path, request: dict[str, Any], limits: Limits | None) -> dict[str, Any]:
    limits = limits or Limits.from_settings()
    with closing(records(path, request, limits, _never)) as answers:
        return next(answers, {})


def _page(record: dict[str, Any]) -> Page:
    try:
        number, text, headings, tables, plain = record["page"]
        found = tuple(Heading(int(at), int(level), str(title)) for at, level, title in headings)
        rows = tuple(Table(int(start), int(end), str(header)) for start, end, header in tables)
        layout = None if plain is None else Layout.of(plain)
    except (KeyError, TypeError, ValueError) as error:
        raise ParserCrashed from error
    if not isinstance(text, str) or not isinstance(number, int):
        raise ParserCrashed
    return Page(number, text, found, rows, layout)
