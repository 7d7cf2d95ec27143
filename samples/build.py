"""Builds the sample documents beside this file from the Markdown in `sources/`.

Knows the small Markdown those sources use (headings, paragraphs, bullets, pipe tables, `**`) and
nothing of Lectern itself. The same sources give the same bytes: every date in the outputs is fixed.
Needs reportlab and python-docx (`pip install .[test]`); run it as `python samples/build.py`.
"""

import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docx
from docx.document import Document as Docx
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor
from reportlab import platypus  # type: ignore[import-untyped]
from reportlab.lib.colors import HexColor, white  # type: ignore[import-untyped]
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
from reportlab.lib.styles import ParagraphStyle  # type: ignore[import-untyped]
from reportlab.pdfbase.cidfonts import UnicodeCIDFont  # type: ignore[import-untyped]
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth  # type: ignore[import-untyped]
from reportlab.platypus import paragraph  # type: ignore[import-untyped]
from reportlab.platypus.tableofcontents import TableOfContents  # type: ignore[import-untyped]

HERE = Path(__file__).parent
WHEN = dt.datetime(2025, 6, 18, tzinfo=dt.UTC)
INK, RULE, SHADE = HexColor("#12455e"), HexColor("#9db4bf"), HexColor("#eef3f5")
MARGIN, FOOT = 68.0, 62.0  # points
ALIGN = {":--": 0, ":-:": 1, "--:": 2}  # a column's rule, and reportlab's number for it
SIZES: dict[str, tuple[float, float, float, float]] = {  # points: type, leading, before, after
    "h1": (21, 27, 10, 12),
    "h2": (12.5, 17, 9, 5),
    "p": (10.5, 15.2, 0, 7),
    "li": (10.5, 15.2, 0, 5),
    "caption": (9.5, 13, 4, 4),
    "cell": (9, 12, 0, 0),
    "toc0": (10, 13, 3, 0),
    "toc1": (9, 10.3, 0, 0),
    "title": (22, 32, 0, 4),
    "subtitle": (13, 19, 0, 2),
    "period": (10, 15, 0, 2),
    "note": (10, 15, 0, 2),
}
TABLE_LOOK = [
    ("BACKGROUND", (0, 0), (-1, 0), INK),
    ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, SHADE]),
    ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
    ("TOPPADDING", (0, 0), (-1, -1), 2.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
]


@dataclass(frozen=True)
class Block:
    """One piece of a source: `kind` is h1, h2, h3, p, li or table."""

    kind: str
    text: str
    rows: tuple[tuple[str, ...], ...] = ()
    aligns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A parsed Markdown file: the `key: value` lines above its first heading, then its blocks."""

    meta: dict[str, str]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Look:
    """What differs between the two PDFs. `book` means a cover, a contents page, long chapters."""

    body: str
    bold: str
    wrap: str | None
    book: bool


ENGLISH = Look(body="Times-Roman", bold="Helvetica-Bold", wrap=None, book=True)
CHINESE = Look(body="MSung-Light", bold="MSung-Light", wrap="CJK", book=False)


def parse(path: Path) -> Source:
    head, _, body = path.read_text("utf-8").partition("\n# ")
    meta = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    return Source(meta, tuple(blocks_of("# " + body)))


def blocks_of(body: str) -> Iterator[Block]:
    for part in re.split(r"\n\s*\n", body.strip()):
        lines = part.split("\n")
        if heading := re.match(r"(#{1,3}) (.*)", part):
            yield Block(f"h{len(heading[1])}", heading[2])
        elif part.startswith("Table: "):
            yield table_of(lines)
        elif part.startswith("- "):
            yield from (Block("li", line[2:]) for line in lines)
        else:
            yield Block("p", part)


def table_of(lines: list[str]) -> Block:
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[1:]]
    return Block("table", lines[0].removeprefix("Table: "), (cells[0], *cells[2:]), cells[1])


def markup(text: str, bold: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"\*\*(.+?)\*\*", rf'<font name="{bold}">\1</font>', escaped)


class Sheet(platypus.BaseDocTemplate):  # type: ignore[misc]
    """A PDF with a footer, an outline and, when its story asks for one, a table of contents."""

    def __init__(self, path: Path, source: Source, look: Look) -> None:
        super().__init__(
            str(path),
            pagesize=A4,
            invariant=1,
            lang="en" if look.book else "zh-TW",
            title=source.meta["title"],
            author=source.meta["subtitle"],
            subject=source.meta["period"],
            creator="Lectern samples",
        )
        self.source, self.look = source, look
        box = platypus.Frame(MARGIN, FOOT, A4[0] - 2 * MARGIN, A4[1] - FOOT - 58, 0, 0, 0, 0)
        plain = platypus.PageTemplate("plain", [box], onPage=self.foot)
        cover = platypus.PageTemplate("cover", [box], onPage=self.cover)
        self.addPageTemplates([cover, plain] if look.book else [plain])

    def foot(self, canvas: Any, _: object) -> None:
        canvas.setFont(self.look.body, 8.5)
        canvas.setFillColor(INK)
        canvas.drawString(MARGIN, 38, self.source.meta["footer"])
        page = f"Page {canvas.getPageNumber()}" if self.look.book else str(canvas.getPageNumber())
        canvas.drawRightString(A4[0] - MARGIN, 38, page)
        canvas.setStrokeColor(RULE)
        canvas.line(MARGIN, 50, A4[0] - MARGIN, 50)

    def cover(self, canvas: Any, _: object) -> None:
        canvas.setFillColor(INK)
        canvas.rect(0, 330, A4[0], A4[1] - 330, stroke=0, fill=1)
        canvas.setStrokeColor(white)
        for step in range(5):  # a few waves, so that the cover is a picture and not only words
            wave = canvas.beginPath()
            wave.moveTo(0, 372 + 14 * step)
            for x in range(0, int(A4[0]) + 1, 120):
                y = 372 + 14 * step
                wave.curveTo(x + 40, y + 20, x + 80, y - 20, x + 120, y)
            canvas.drawPath(wave)
        lines = [("title", 44, 610), ("subtitle", 22, 570), ("period", 14, 540), ("note", 11, 290)]
        for key, size, y in lines:
            canvas.setFillColor(INK if key == "note" else white)
            canvas.setFont("Helvetica-Bold" if key == "title" else "Helvetica", size)
            canvas.drawString(MARGIN, y, self.source.meta[key])

    def afterFlowable(self, flowable: Any) -> None:  # noqa: N802 (reportlab calls it by this name)
        level = getattr(flowable, "outline_level", None)
        if level is None:
            return
        text, key = flowable.getPlainText(), f"h{self.seq.nextf('heading')}"
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(text, key, level, closed=level == 0)
        self.notify("TOCEntry", (level, text, self.page, key))


def style(look: Look, name: str, **changes: Any) -> Any:
    size, leading, before, after = SIZES[name]
    given: dict[str, Any] = {"fontName": look.body, "fontSize": size, "leading": leading}
    given |= {"spaceBefore": before, "spaceAfter": after, "allowWidows": 0, "allowOrphans": 0}
    if look.wrap:
        given |= {"wordWrap": look.wrap, "leading": 1.15 * leading}
    if name in ("h1", "h2", "caption"):
        given |= {"fontName": look.bold, "textColor": INK, "keepWithNext": 1}
    return ParagraphStyle(name, **given | changes)


def drawn_table(block: Block, look: Look) -> list[Any]:
    width = A4[0] - 2 * MARGIN
    columns = zip(*block.rows, strict=True)
    sizes = [max(stringWidth(cell.strip("*"), look.bold, 9) for cell in c) + 14 for c in columns]
    if sum(sizes) > width:  # long cells wrap: give them less than their share
        sizes = [size**0.55 for size in sizes]
    kinds = [style(look, "cell", alignment=ALIGN[rule]) for rule in block.aligns]
    heads = [
        style(look, "cell", alignment=ALIGN[rule], fontName=look.bold, textColor=white)
        for rule in block.aligns
    ]
    body = [
        [
            platypus.Paragraph(markup(text, look.bold), kind)
            for text, kind in zip(row, kinds, strict=True)
        ]
        for row, kinds in [(block.rows[0], heads), *((row, kinds) for row in block.rows[1:])]
    ]
    table = platypus.Table(body, [size * width / sum(sizes) for size in sizes], repeatRows=1)
    table.setStyle(TABLE_LOOK)
    room = platypus.CondPageBreak(min(300, 30 + 20 * len(body)))  # a short table stays on one page
    caption = platypus.Paragraph(block.text, style(look, "caption"))
    return [room, caption, table, platypus.Spacer(1, 10)]


def front(source: Source, look: Look) -> list[Any]:
    """What comes before the first heading: the contents page of a book, or else a title."""
    if not look.book:
        middle = {"alignment": 1, "textColor": INK}
        keys = ("subtitle", "title", "period", "note")
        return [platypus.Paragraph(source.meta[k], style(look, k, **middle)) for k in keys]
    toc = TableOfContents(dotsMinLevel=-1)  # dots would fill the page's text with noise
    toc.levelStyles = [style(look, "toc0", fontName=look.bold), style(look, "toc1", leftIndent=14)]
    heading = platypus.Paragraph("Contents", style(look, "h1"))
    return [platypus.NextPageTemplate("plain"), platypus.PageBreak(), heading, toc]


def story(source: Source, look: Look) -> list[Any]:
    flow = front(source, look)
    smaller = {} if look.book else {"fontSize": 16}
    kinds = {
        "h1": style(look, "h1", **smaller),
        "h2": style(look, "h2"),
        "p": style(look, "p"),
        "li": style(look, "li", leftIndent=14, bulletIndent=2),
    }
    for block in source.blocks:
        if block.kind == "table":
            flow += drawn_table(block, look)
            continue
        if block.kind == "h1" and look.book:
            flow.append(platypus.PageBreak())
        bullet = "\u2022" if block.kind == "li" else None
        piece = platypus.Paragraph(markup(block.text, look.bold), kinds[block.kind], bullet)
        if block.kind in ("h1", "h2"):
            piece.outline_level = int(block.kind[1]) - 1
        flow.append(piece)
    return flow


def write_pdf(source: Source, path: Path, look: Look) -> None:
    Sheet(path, source, look).multiBuild(story(source, look))


def write_docx(source: Source, path: Path) -> None:
    document = docx.Document()
    dress(document)
    document.add_paragraph(source.meta["subtitle"], "Subtitle")
    document.add_paragraph(source.meta["title"], "Title")
    for key in ("period", "note"):
        document.add_paragraph(source.meta[key])
    names = {"h1": "Heading 1", "h2": "Heading 2", "p": "Normal", "li": "List Bullet"}
    for block in source.blocks:
        if block.kind == "table":
            add_table(document, block)
        else:
            document.add_paragraph(block.text, names[block.kind])
    footer = document.sections[0].footer
    footer.paragraphs[0].text = source.meta["footer"] + "\t"
    footer.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.CENTER
    number = OxmlElement("w:fldSimple")
    number.set(qn("w:instr"), "PAGE")
    next(footer.part.element.iter(qn("w:p"))).append(number)
    facts = document.core_properties
    facts.title, facts.author = source.meta["title"], source.meta["subtitle"]
    facts.created = facts.modified = WHEN
    facts.comments, facts.language = "", "zh-TW"
    held = io.BytesIO()
    document.save(held)
    path.write_bytes(undated(held.getvalue()))


def dress(document: Docx) -> None:
    """Give the styles a Chinese font; Word would otherwise choose one by the reader's locale."""
    for name in ("Normal", "Title", "Subtitle", "Heading 1", "Heading 2", "List Bullet", "Caption"):
        look: Any = document.styles[name]
        fonts = look.element.get_or_add_rPr().get_or_add_rFonts()
        fonts.attrib.clear()
        for script in ("ascii", "hAnsi", "eastAsia"):
            fonts.set(qn(f"w:{script}"), "Microsoft JhengHei")
        if name != "Normal":
            look.font.color.rgb = RGBColor(0x12, 0x45, 0x5E) if name != "List Bullet" else None
    document.styles["Normal"].font.size = Pt(11)
    for language in document.styles.element.iter(qn("w:lang")):
        language.set(qn("w:eastAsia"), "zh-TW")


def add_table(document: Docx, block: Block) -> None:
    document.add_paragraph(block.text, "Caption")
    table = document.add_table(len(block.rows), len(block.aligns), "Table Grid")
    for row, cells in zip(table.rows, block.rows, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    for cell in table.rows[0].cells:
        cell.paragraphs[0].runs[0].bold = True
    document.add_paragraph()


def undated(packed: bytes) -> bytes:
    """The same zip with every member dated 1980: python-docx stamps them with the present."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(member, old.read(name))
    return out.getvalue()


def write_text(source: Source, path: Path) -> None:
    """Plain text as an old Windows editor saves it: cp950, CRLF, no mark at the start."""
    shapes = {"h1": "{0}\n\n", "h2": "\n＝＝＝＝ {0} ＝＝＝＝\n\n", "h3": "〔{0}〕\n\n"}
    lines = (shapes.get(block.kind, "{0}\n\n").format(block.text) for block in source.blocks)
    path.write_bytes("".join(lines).replace("\n", "\r\n").encode("cp950"))


def main() -> None:
    # reportlab knows the Japanese stops that may not begin a line; these are the Chinese ones
    paragraph.ALL_CANNOT_START += "\uff0c\uff1b\uff1a\uff1f\uff01"
    registerFont(UnicodeCIDFont("MSung-Light"))
    policy = parse(HERE / "sources" / "remote-work-policy.zh-TW.md")
    report = parse(HERE / "sources" / "northbank-water-annual-report.md")
    chronicle = HERE / "sources" / "harbour-chronicle.zh-TW.md"
    write_pdf(report, HERE / "northbank-water-annual-report.pdf", ENGLISH)
    write_pdf(policy, HERE / "remote-work-policy.zh-TW.pdf", CHINESE)
    write_docx(policy, HERE / "remote-work-policy.zh-TW.docx")
    whole = Source({}, tuple(blocks_of(chronicle.read_text("utf-8"))))
    write_text(whole, HERE / "harbour-chronicle.cp950.txt")


if __name__ == "__main__":
    main()
