"""What each parser makes of a file, through the sandbox as everybody else meets it."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import docx
import pytest
from docx.enum.text import WD_BREAK
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from ingest import sandbox
from ingest.errors import (
    ArchiveBomb,
    DamagedDocument,
    EmptyDocument,
    EncryptedDocument,
    LecternError,
    NoTextLayer,
    PageNotFound,
    TooManyPages,
    TooMuchText,
    UndecodableText,
    UnsupportedType,
)
from ingest.parsers.pdf import at_once, one_by_one, opened
from ingest.sandbox import Limits
from ingest.sniff import DOCX, HTML, MARKDOWN, PDF, TEXT
from ingest.spans import Page

SAMPLES = Path(__file__).parents[1] / "samples"
LIMITS = Limits(seconds=60, memory_mb=2_048, max_pages=500, max_characters=5_000_000)
CHINESE = "員工請假應於三日前提出申請，經主管核准後始得離開工作崗位。"


def read(path: Path, media_type: str, limits: Limits = LIMITS) -> list[Page]:
    return list(sandbox.pages(path, media_type, limits))


def written(folder: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / "document"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def titles(page: Page) -> list[tuple[int, str, str]]:
    """Level, title and the line each heading points at."""
    return [(h.level, h.title, page.text[h.char_start :].split("\n")[0]) for h in page.headings]


# PDF


def pdf(folder: Path, *sheets: Callable[[Canvas], None], **options: object) -> Path:
    path = folder / "document"
    canvas = Canvas(str(path), pagesize=(600, 800), **options)
    for draw in sheets:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return path


def line(text: str, y: int = 700, size: int = 12, font: str = "Helvetica") -> Callable[..., None]:
    def draw(canvas: Canvas) -> None:
        canvas.setFont(font, size)
        canvas.drawString(72, y, text)

    return draw


def blank(canvas: Canvas) -> None:
    canvas.rect(10, 10, 100, 100)


def test_pages_come_in_order_and_blank_ones_stay(tmp_path: Path) -> None:
    path = pdf(tmp_path, line("first"), blank, line("third"))
    assert [(page.number, page.text.strip()) for page in read(path, PDF)] == [
        (1, "first"), (2, ""), (3, "third")
    ]  # fmt: skip


def test_traditional_chinese_without_an_embedded_font(tmp_path: Path) -> None:
    pdfmetrics.registerFont(UnicodeCIDFont("MSung-Light"))
    (page,) = read(pdf(tmp_path, line(CHINESE, font="MSung-Light")), PDF)
    assert page.text.strip() == CHINESE


def test_text_in_one_piece_is_what_its_entries_are(tmp_path: Path) -> None:
    def chinese(sheet: Canvas) -> None:
        pdfmetrics.registerFont(UnicodeCIDFont("MSung-Light"))
        sheet.setFont("MSung-Light", 12)
        sheet.drawString(40, 700, "年度報告𠮷 – 五十九頁")

    def hyphens(sheet: Canvas) -> None:
        for y, text in ((700, "one word is hyphen-"), (686, "ated over the end"), (640, "next-")):
            sheet.drawString(40, y, text)

    pages = quick = 0
    for path in (pdf(tmp_path, chinese, hyphens, lambda _: None), *SAMPLES.glob("*.pdf")):
        with opened(path) as document:
            for page in document:
                textpage = page.get_textpage()
                expected, found = one_by_one(textpage), at_once(textpage)
                assert found in (expected, None)
                pages, quick = pages + 1, quick + (found is not None)
                page.close()
    assert quick >= pages - 2  # the rare sign and the empty page are looked at one by one


def test_lines_end_in_one_character_and_hyphens_stay_visible(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        for y, text in ((700, "one word is hyphen-"), (686, "ated over the end"), (640, "next")):
            line(text, y)(canvas)

    (page,) = read(pdf(tmp_path, draw), PDF)
    assert "hyphen-ated over the end\nnext" in page.text.replace("hyphen-\n", "hyphen-")
    assert not set("\r\x00\x02\ufffe\uffff") & set(page.text)


def test_boxes_lie_where_the_words_do_one_for_a_line(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        line("alpha beta", 700)(canvas)
        line("gamma delta", 600)(canvas)

    path = pdf(tmp_path, draw)
    (page,) = read(path, PDF)
    start = page.text.index("beta")
    found = sandbox.boxes(path, 1, start, page.text.index("gamma") + 5)
    assert (found.width, found.height) == (600, 800)
    (one, two) = found.boxes
    assert one[1] < 800 - 700 < one[3]  # the base line
    assert two[1] < 800 - 600 < two[3]
    assert one[0] > 72 + 30
    assert two[0] == pytest.approx(72, abs=1)
    assert 0 < one[2] - one[0] < 40


def test_boxes_of_chinese_and_of_a_turned_page(tmp_path: Path) -> None:
    pdfmetrics.registerFont(UnicodeCIDFont("MSung-Light"))

    def draw(canvas: Canvas) -> None:
        line("員工請假", 300, font="MSung-Light")(canvas)
        canvas.setPageRotation(90)  # the sheet is now 800 wide and 600 high before it is turned

    path = pdf(tmp_path, draw)
    (page,) = read(path, PDF)
    at = page.text.index("請")
    found = sandbox.boxes(path, 1, at, at + 1)
    assert (found.width, found.height) == (600, 800)
    ((x0, y0, x1, y1),) = found.boxes
    assert x0 < 300 < x1  # what was up is now to the right
    assert (y0, y1) == pytest.approx((72 + 24, 72 + 36), abs=2)


def test_boxes_outside_the_text_are_none(tmp_path: Path) -> None:
    path = pdf(tmp_path, line("short"))
    assert sandbox.boxes(path, 1, 1_000, 2_000).boxes == ()
    assert sandbox.boxes(path, 1, -5, 0).boxes == ()
    with pytest.raises(PageNotFound):
        sandbox.boxes(path, 2, 0, 1)


def test_an_image_has_the_width_that_was_asked(tmp_path: Path) -> None:
    png = sandbox.image(pdf(tmp_path, line("picture")), 1, 300)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert (int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")) == (300, 400)


def test_an_absurd_page_gives_a_small_picture(tmp_path: Path) -> None:
    path = tmp_path / "tall"
    canvas = Canvas(str(path), pagesize=(1, 14_000))
    canvas.drawString(0, 0, "x")
    canvas.save()
    png = sandbox.image(path, 1, 4_000)
    assert int.from_bytes(png[16:20], "big") * int.from_bytes(png[20:24], "big") < 17_000_000


def test_bookmarks_are_headings_where_their_words_stand(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        line("Before", 750)(canvas)
        line("1  Leave of  absence", 700)(canvas)
        for key, title, level in (("a", "1 LEAVE of absence", 0), ("b", "not on the page", 1)):
            canvas.bookmarkPage(key)
            canvas.addOutlineEntry(title, key, level)

    (page,) = read(pdf(tmp_path, draw), PDF)
    (one, two) = page.headings
    assert (one.level, two.level) == (1, 2)
    assert page.text[one.char_start :].startswith("1 Leave")
    assert two.char_start == one.char_start


def test_larger_lines_are_headings_when_there_is_no_outline(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        line("Annual report", 760, 24)(canvas)
        line("Results", 720, 16)(canvas)
        for number in range(20):
            line("body text that goes on for a while and then some more", 700 - 14 * number)(canvas)

    (page,) = read(pdf(tmp_path, draw), PDF)
    assert [(level, title) for level, title, _ in titles(page)] == [
        (1, "Annual report"), (3, "Results")
    ]  # fmt: skip


def test_passwords(tmp_path: Path) -> None:
    locked = StandardEncryption("secret", ownerPassword="owner", strength=128)
    with pytest.raises(EncryptedDocument):
        read(pdf(tmp_path, line("hidden"), encrypt=locked), PDF)
    guarded = StandardEncryption("", ownerPassword="owner", canCopy=0, strength=128)
    (page,) = read(pdf(tmp_path, line("readable"), encrypt=guarded), PDF)
    assert page.text.strip() == "readable"


def test_pdfs_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DamagedDocument):
        read(written(tmp_path, b"%PDF-1.7\nnothing of the kind"), PDF)
    whole = pdf(tmp_path, line("x")).read_bytes()
    with pytest.raises(DamagedDocument):
        read(written(tmp_path, whole[: len(whole) // 3]), PDF)
    with pytest.raises(EmptyDocument):
        read(pdf(tmp_path, blank, blank), PDF)
    with pytest.raises(NoTextLayer):
        read(pdf(tmp_path, blank), PDF, replace(LIMITS, ocr_pages=0))
    with pytest.raises(TooManyPages, match="2 pages"):
        read(pdf(tmp_path, blank, blank, blank), PDF, Limits(60, 2_048, 2, 100))


# DOCX


def word(folder: Path, fill: Callable[[docx.document.Document], object]) -> Path:
    document = docx.Document()
    fill(document)
    path = folder / "document"
    document.save(str(path))
    return path


def repacked(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    made = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(data) if name == part else data)
    path.write_bytes(made.getvalue())
    return path


def test_a_word_document_in_document_order(tmp_path: Path) -> None:
    def fill(document: docx.document.Document) -> None:
        document.add_heading("休假辦法", 1)
        document.add_paragraph("前言")
        document.add_heading("Scope", 2)
        table = document.add_table(2, 3)
        for row, names in zip(table.rows, ("甲乙丙", "123"), strict=True):
            for cell, name in zip(row.cells, names, strict=True):
                cell.text = name
        table.cell(1, 1).add_paragraph("more")
        document.add_paragraph("item one", "List Bullet")
        document.add_paragraph("item two", "List Number")
        document.add_paragraph("the end")

    (page,) = read(word(tmp_path, fill), DOCX)
    assert page.text.split("\n") == [
        "休假辦法", "", "前言", "", "Scope", "", "甲 | 乙 | 丙", "1 | 2 more | 3", "",
        "- item one", "- item two", "the end", "", "",
    ]  # fmt: skip
    assert titles(page) == [(1, "休假辦法", "休假辦法"), (2, "Scope", "Scope")]


def test_pages_follow_words_own_breaks(tmp_path: Path) -> None:
    def fill(document: docx.document.Document) -> None:
        document.add_paragraph("one").add_run().add_break(WD_BREAK.PAGE)
        paragraph = document.add_paragraph("two, ")
        run = paragraph.add_run()
        run._r.append(OxmlElement("w:lastRenderedPageBreak"))
        paragraph.add_run("three")
        document.add_heading("four", 1).paragraph_format.page_break_before = True

    made = read(word(tmp_path, fill), DOCX)
    assert [page.text.strip() for page in made] == ["one", "two,", "three", "four"]
    assert titles(made[3]) == [(1, "four", "four")]


def test_a_document_without_breaks_is_cut_at_paragraphs(tmp_path: Path) -> None:
    paragraph = "A sentence that is repeated. " * 20
    made = read(word(tmp_path, lambda d: [d.add_paragraph(paragraph) for _ in range(30)]), DOCX)
    assert 5 < len(made) < 10
    assert all(len(page.text) <= 3_002 and page.text.startswith("A sent") for page in made)


def test_insertions_and_controls_are_read_deletions_are_not(tmp_path: Path) -> None:
    def fill(document: docx.document.Document) -> None:
        run = '<w:r><w:t xml:space="preserve">{}</w:t></w:r>'
        document.element.body.insert(0, parse_xml(
            f"<w:p {nsdecls('w')}>{run.format('kept ')}"
            f"<w:ins w:id='1' w:author='a'>{run.format('inserted ')}</w:ins>"
            "<w:del w:id='2' w:author='a'><w:r><w:delText>deleted</w:delText></w:r></w:del>"
            f"<w:sdt><w:sdtContent>{run.format('controlled')}</w:sdtContent></w:sdt>"
            "<w:pPr><w:tabs><w:tab w:val='left' w:pos='9'/></w:tabs></w:pPr></w:p>"
        ))  # fmt: skip
        cover = f"<w:sdtContent><w:p>{run.format('cover')}</w:p></w:sdtContent>"
        block = parse_xml(f"<w:sdt {nsdecls('w')}>{cover}</w:sdt>")
        document.element.body.insert(0, block)

    (page,) = read(word(tmp_path, fill), DOCX)
    assert page.text.strip() == "cover\n\nkept inserted controlled"


def test_word_documents_that_cannot_be_read(tmp_path: Path) -> None:
    def saved() -> Path:
        return word(tmp_path, lambda document: document.add_paragraph("x"))

    main = "word/document.xml"
    cases: list[tuple[Path, type[LecternError]]] = []

    def expect(path: Path, error: type[LecternError]) -> None:
        with pytest.raises(error):
            read(path, DOCX)
        cases.append((path, error))

    expect(repacked(saved(), main, lambda data: data[: len(data) // 2]), DamagedDocument)
    expect(repacked(saved(), main, lambda data: b""), DamagedDocument)
    expect(written(tmp_path, saved().read_bytes()[:-40]), DamagedDocument)
    expect(written(tmp_path, b"PK\x03\x04 but no archive"), DamagedDocument)
    expect(written(tmp_path, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1_000)), EncryptedDocument)
    expect(
        repacked(
            saved(),
            "[Content_Types].xml",
            lambda data: data.replace(
                b"wordprocessingml.document.main", b"spreadsheetml.sheet.main"
            ),
        ),
        UnsupportedType,
    )
    expect(word(tmp_path, lambda document: None), EmptyDocument)
    assert len(cases) == 7


def test_a_document_with_macros_is_read(tmp_path: Path) -> None:
    path = word(tmp_path, lambda document: document.add_paragraph("words"))
    plain = b"openxmlformats-officedocument.wordprocessingml.document.main"
    macros = b"ms-word.document.macroEnabled.main"
    repacked(path, "[Content_Types].xml", lambda data: data.replace(plain, macros))
    assert [page.text for page in read(path, DOCX)] == ["words\n\n"]


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    path = word(tmp_path, lambda document: document.add_paragraph("x"))
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(EncryptedDocument):
        read(written(tmp_path, bytes(raw)), DOCX)


@pytest.mark.parametrize("bomb", ["ratio", "entries"])
def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path, bomb: str) -> None:
    path = word(tmp_path, lambda document: document.add_paragraph("x"))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        if bomb == "ratio":
            archive.writestr("word/media/image1.png", bytes(100 << 20))
        else:
            for number in range(10_001):
                archive.writestr(f"word/{number}", b"")
    with pytest.raises(ArchiveBomb):
        read(path, DOCX)


def test_a_million_entries_are_refused_by_the_end_record(tmp_path: Path) -> None:
    end = b"PK\x05\x06" + bytes(4) + b"\xff\xff\xff\xff" + b"\xff" * 8 + bytes(2)
    with pytest.raises(ArchiveBomb):
        read(written(tmp_path, b"PK\x03\x04" + bytes(1_000) + end), DOCX)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("part", ["word/document.xml", "[Content_Types].xml", "_rels/.rels"])
def test_a_document_type_declaration_is_refused(tmp_path: Path, part: str, encoding: str) -> None:
    def laughing(data: bytes) -> bytes:
        entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
        _, _, root = data.decode().partition("?>")
        return (
            f'<?xml version="1.0" encoding="{encoding}"?>'
            f'<!DOCTYPE x [<!ENTITY l0 "ha">{entities}]>{root}'
        ).encode(encoding)

    path = word(tmp_path, lambda document: document.add_paragraph("x"))
    with pytest.raises(DamagedDocument):
        read(repacked(path, part, laughing), DOCX)


def test_an_external_entity_is_not_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET")
    path = word(tmp_path, lambda document: document.add_paragraph("HERE"))
    declared = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]><w:document'.encode()
    repacked(path, "word/document.xml", lambda data: data.replace(b"<w:document", declared, 1)
             .replace(b"HERE", b"&e;"))  # fmt: skip
    with pytest.raises(DamagedDocument):
        read(path, DOCX)


def test_styles_based_on_headings_and_outline_levels_count(tmp_path: Path) -> None:
    def fill(document: docx.document.Document) -> None:
        style = document.styles.add_style("House", 1)
        style.base_style = document.styles["Heading 2"]
        document.add_paragraph("By style", style)
        level = OxmlElement("w:outlineLvl")
        level.set(qn("w:val"), "2")
        document.add_paragraph("By level")._p.get_or_add_pPr().append(level)

    (page,) = read(word(tmp_path, fill), DOCX)
    assert titles(page) == [(2, "By style", "By style"), (3, "By level", "By level")]


# Markdown


def test_markdown_is_its_source_with_headings(tmp_path: Path) -> None:
    source = (
        "---\ntitle: x\n---\n# One `code` #\ntext\n\nTwo\nlines\n===\n- item\n---\n"
        "```sh\n# no heading\n```\n#no heading\n\n    # code\n\n## 三 *章*\r\nend"
    )
    (page,) = read(written(tmp_path, source), MARKDOWN)
    assert page.text == source.replace("\r\n", "\n")
    assert titles(page) == [
        (1, "One code", "# One `code` #"), (1, "Two lines", "Two"), (2, "三 章", "## 三 *章*")
    ]  # fmt: skip


def test_a_fence_stays_on_one_page_and_a_title_with_its_text(tmp_path: Path) -> None:
    source = "word " * 500 + "\n\n# Title\n\n```\n" + "x\n\n" * 300 + "```\n" + "tail " * 500
    made = read(written(tmp_path, source), MARKDOWN)
    assert "".join(page.text for page in made) == source
    assert made[1].text.startswith("# Title")
    assert made[1].text.count("```") == 2


# HTML


def test_html_as_a_reader_sees_it(tmp_path: Path) -> None:
    source = """<html><head><title>no</title><style>no</style></head><body><nav>no</nav>
    <script>no()</script><h1>Leave <b>rules</b></h1><div>before<p>One
    two</p>after<br>break</div><p hidden>no</p>
    <ul><li>a<ul><li>b</li></ul></li><li><p>c</p></li></ul>
    <table><tr><th>x</th><th>y</th></tr><tr><td>1</td><td><p>2</p><p>3</p></td></tr></table>
    <pre>a
      b</pre>x &amp; y &lt;z&gt;</body></html>"""
    (page,) = read(written(tmp_path, source), HTML)
    assert [one for one in page.text.split("\n") if one] == [
        "Leave rules", "before", "One two", "after", "break", "- a", "- b", "- c",
        "x | y", "1 | 2 3", "a", "      b", "x & y <z>",
    ]  # fmt: skip
    assert titles(page) == [(1, "Leave rules", "Leave rules")]


def test_html_in_the_encoding_it_declares(tmp_path: Path) -> None:
    source = f"<html><meta charset='big5'><p>{CHINESE}</p></html>"
    (page,) = read(written(tmp_path, source, "cp950"), HTML)
    assert page.text.strip() == CHINESE
    (page,) = read(written(tmp_path, source, "utf-8"), HTML)  # it may be wrong about itself
    assert page.text.strip() == CHINESE


def test_deep_html_is_no_trouble(tmp_path: Path) -> None:
    source = "<html>" + "<div>" * 20_000 + "deep"
    (page,) = read(written(tmp_path, source), HTML)
    assert page.text.strip() == "deep"


# Text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp950", "gb18030"])
def test_text_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    (page,) = read(written(tmp_path, CHINESE + "\r\nend\0", encoding), TEXT)
    assert page.text == CHINESE + "\nend"


def test_western_and_simplified_text(tmp_path: Path) -> None:
    western = "Die Behörde prüft für jede Straße, ob die Größe genügt. " * 3
    (page,) = read(written(tmp_path, western, "cp1252"), TEXT)
    assert page.text == western
    simplified = "请假应当在三天之前提出。"
    (page,) = read(written(tmp_path, simplified, "gb18030"), TEXT)
    assert page.text == simplified


def test_text_in_no_encoding(tmp_path: Path) -> None:
    with pytest.raises(UndecodableText):
        read(written(tmp_path, b"\xff\xfe\x00\xd8" * 50), TEXT)


def test_form_feeds_end_pages(tmp_path: Path) -> None:
    made = read(written(tmp_path, "one\n\ftwo\n\f\fthree"), TEXT)
    assert [(page.number, page.text) for page in made] == [(1, "one\n"), (2, "two\n"), (3, "three")]


def test_numbered_lines_are_headings_when_they_look_like_it(tmp_path: Path) -> None:
    source = (
        "第三章 請假\n\n一、總則\n\n第三條 員工請假應於三日前提出。\n\n1.2 Scope\ntext\n\n"
        "3.5 million people live here.\n\n一、出席人員：王大明，李小美。\n\nPART II\nmore\n"
    )
    (page,) = read(written(tmp_path, source), TEXT)
    assert [(level, title) for level, title, _ in titles(page)] == [
        (2, "第三章 請假"), (4, "一、總則"), (2, "1.2 Scope"), (1, "PART II")
    ]  # fmt: skip


def test_one_endless_line_is_cut_and_nothing_lost(tmp_path: Path) -> None:
    source = "字" * 50_000 + "句。" * 5_000 + "x" * 100_000
    made = read(written(tmp_path, source), TEXT)
    assert "".join(page.text for page in made) == source
    assert all(len(page.text) <= 3_000 for page in made)


def test_limits_hold_while_reading(tmp_path: Path) -> None:
    path = written(tmp_path, "some words\n\n" * 5_000)
    with pytest.raises(TooManyPages):
        read(path, TEXT, Limits(60, 2_048, 3, 5_000_000))
    with pytest.raises(TooMuchText):
        read(path, TEXT, Limits(60, 2_048, 500, 10_000))


@pytest.mark.parametrize("media_type", [TEXT, MARKDOWN, HTML])
def test_white_space_is_no_document(tmp_path: Path, media_type: str) -> None:
    with pytest.raises(EmptyDocument):
        read(written(tmp_path, " \n\t\n \f "), media_type)
