"""Slides (PresentationML): one page for each, its title first, then its shapes, tables and notes.

Shapes come in the order in which they are drawn, which is the one they are read aloud in. Hidden
slides count. Pictures, and what masters and layouts show on every slide, are left out.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pptx import Presentation
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.exc import PythonPptxError

from ingest.errors import EmptyDocument, TooManyPages, UnsupportedType
from ingest.parsers.archive import check_office, damage_named
from ingest.parsers.flow import Block, clean, page_of, table_blocks
from ingest.spans import Page

NOTES = "Notes: "  #: before what the speaker should say
_DEEPEST_GROUP = 20
_MOST_POINTS = 1_000  #: of a chart that are written out
_FURNITURE = (PP_PLACEHOLDER.SLIDE_NUMBER, PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER)
_BODY = (PP_PLACEHOLDER.BODY, PP_PLACEHOLDER.OBJECT, PP_PLACEHOLDER.VERTICAL_BODY)


def pages(path: Path, max_pages: int) -> Iterator[Page]:
    """One page for each slide, in order; a slide without text has the text ""."""
    check_office(path, "ppt/")
    readable = False
    with damage_named(PythonPptxError):
        slides = _opened(path).slides
        if len(slides) > max_pages:
            raise TooManyPages(limit=max_pages)
        for number, slide in enumerate(slides, 1):
            page = page_of(number, list(_slide(slide)))
            readable = readable or bool(page.text.strip())
            yield page
    if not readable:
        raise EmptyDocument


def _opened(path: Path) -> Any:
    try:
        return Presentation(str(path))
    except ValueError as error:  # its main part is something else
        raise UnsupportedType(media_type="application/zip") from error


def _slide(slide: Any) -> Iterator[Block]:
    title = slide.shapes.title
    words = " ".join(_text(title.text_frame).split()) if title is not None else ""
    if words:
        yield Block(words + "\n\n", 1, words)
    for shape in _shapes(slide.shapes, 0):
        if title is None or shape.shape_id != title.shape_id:
            yield from _shape(shape)
    notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    if notes is not None and (spoken := _text(notes).strip()):
        yield Block(f"{NOTES}{spoken}\n")


def _shapes(shapes: Any, depth: int) -> Iterator[Any]:
    """Shapes and what is in groups of them."""
    for shape in shapes:
        if not hasattr(shape, "shapes"):
            yield shape
        elif depth < _DEEPEST_GROUP:
            yield from _shapes(shape.shapes, depth + 1)


def _shape(shape: Any) -> Iterator[Block]:
    kind = shape.placeholder_format.type if shape.is_placeholder else None
    if kind in _FURNITURE:
        return
    if getattr(shape, "has_table", False) and shape.has_table:
        yield from table_blocks(_rows(shape.table))
    elif getattr(shape, "has_chart", False) and shape.has_chart:
        with suppress(LookupError, ValueError, AttributeError, TypeError):
            yield from list(_chart(shape.chart))  # of kinds that python-pptx does not know
    elif shape.has_text_frame and (text := _text(shape.text_frame, kind in _BODY)).strip():
        yield Block(text.strip("\n") + "\n\n")


def _text(frame: Any, listed: bool = False) -> str:
    """The paragraphs of a frame, one a line; those of a list are marked."""
    lines = [_line(paragraph) for paragraph in frame.paragraphs]
    mark = "- " if listed and sum(bool(line) for line in lines) > 1 else ""
    return clean("\n".join(mark + line if line else "" for line in lines))


def _line(paragraph: Any) -> str:
    return str(paragraph.text).replace("\v", "\n").strip()


def _rows(table: Any) -> Iterator[str]:
    for row in table.rows:
        cells = [" ".join(_text(cell.text_frame).split()) for cell in row.cells]
        if any(cells):
            yield " | ".join(cells)


def _chart(chart: Any) -> Iterator[Block]:
    """The figures of a chart as a table: a line for each series."""
    if chart.has_title and (title := _text(chart.chart_title.text_frame).strip()):
        yield Block(title + "\n")
    for plot in chart.plots:
        names = [str(name) for name in list(plot.categories)[:_MOST_POINTS]]
        header = " | ".join(["", *names]).strip()
        if names:
            yield Block(clean(header) + "\n")
        for series in plot.series:
            values = ["" if value is None else f"{value:.15g}" for value in series.values]
            line = " | ".join([str(series.name), *values[:_MOST_POINTS]])
            yield Block(clean(line) + "\n", header=header)
    yield Block("\n")
