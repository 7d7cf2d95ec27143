"""What slides, workbooks and tables as text become, through the sandbox as everybody meets it."""

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from ingest import sandbox, split
from ingest.context import indexed_text
from ingest.errors import (
    ArchiveBomb,
    DamagedDocument,
    EmptyDocument,
    EncryptedDocument,
    LecternError,
    ParserTimeout,
    TooManyPages,
    UnsupportedType,
)
from ingest.sandbox import Limits
from ingest.sniff import CSV, DOCX, HTML, MARKDOWN, PPTX, TSV, XLSX
from ingest.spans import Page

LIMITS = Limits(seconds=60, memory_mb=2_048, max_pages=500, max_characters=5_000_000)
BOX = (Inches(1), Inches(1), Inches(4), Inches(2))


def read(path: Path, media_type: str, limits: Limits = LIMITS) -> list[Page]:
    return list(sandbox.pages(path, media_type, limits))


def written(folder: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / "document"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def repacked(path: Path, change: Callable[[str, bytes], bytes]) -> Path:
    made = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    path.write_bytes(made.getvalue())
    return path


# PPTX


def slides(folder: Path, *fills: Callable[[Any], object], layout: int = 5) -> Path:
    deck = pptx.Presentation()
    for fill in fills:
        fill(deck.slides.add_slide(deck.slide_layouts[layout]))
    path = folder / "document"
    deck.save(str(path))
    return path


def titled(title: str) -> Callable[[Any], object]:
    return lambda slide: setattr(slide.shapes.title, "text", title)


def test_a_slide_is_a_page_with_its_title_points_and_notes(tmp_path: Path) -> None:
    def fill(slide: Any) -> None:
        slide.shapes.title.text = "季度\n結果"
        slide.placeholders[1].text = "營收成長\n成本下降"
        slide.notes_slide.notes_text_frame.text = "Say hello first."

    (page,) = read(slides(tmp_path, fill, layout=1), PPTX)
    assert page.text == "季度 結果\n\n- 營收成長\n- 成本下降\n\nNotes: Say hello first.\n"
    assert [(one.char_start, one.level, one.title) for one in page.headings] == [
        (0, 1, "季度 結果")
    ]


def test_page_numbers_are_those_of_the_slides(tmp_path: Path) -> None:
    made = read(slides(tmp_path, titled("one"), lambda slide: None, titled("three")), PPTX)
    assert [(page.number, page.text.strip()) for page in made] == [
        (1, "one"),
        (2, ""),
        (3, "three"),
    ]


def test_tables_charts_and_groups_of_a_slide(tmp_path: Path) -> None:
    def fill(slide: Any) -> None:
        slide.shapes.title.text = "Figures"
        table = slide.shapes.add_table(2, 2, *BOX).table
        for at, text in enumerate(("Region", "Sales", "North", "1,200")):
            table.cell(*divmod(at, 2)).text = text
        group = slide.shapes.add_group_shape()
        group.shapes.add_group_shape().shapes.add_textbox(*BOX).text_frame.text = "deep inside"
        data = CategoryChartData()
        data.categories = ["Q1", "Q2"]
        data.add_series("Profit", (1.5, None))
        slide.shapes.add_chart(XL_CHART_TYPE.LINE, *BOX, data)

    (page,) = read(slides(tmp_path, fill), PPTX)
    assert page.text.split("\n") == [
        "Figures", "", "Region | Sales", "North | 1,200", "", "deep inside", "",
        "| Q1 | Q2", "Profit | 1.5 | ", "", "",
    ]  # fmt: skip
    assert [table.header for table in page.tables] == ["Region | Sales", "| Q1 | Q2"]


def test_slides_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EmptyDocument):
        read(slides(tmp_path, lambda slide: None), PPTX)
    with pytest.raises(EmptyDocument):
        read(slides(tmp_path), PPTX)
    with pytest.raises(TooManyPages):
        read(slides(tmp_path, *[titled("x")] * 3), PPTX, Limits(60, 2_048, 2, 1_000))
    whole = slides(tmp_path, titled("x"))
    cut = repacked(
        whole, lambda name, data: data[: len(data) // 2] if "slide1.xml" in name else data
    )
    with pytest.raises(DamagedDocument):
        read(cut, PPTX)
    path = slides(tmp_path, titled("x"))
    with pytest.raises(UnsupportedType):
        read(path, XLSX)
    with pytest.raises(DamagedDocument):
        read(written(tmp_path, path.read_bytes()[:-60]), PPTX)


def test_slides_with_macros_are_read_and_links_are_not_followed(tmp_path: Path) -> None:
    def fill(slide: Any) -> None:
        slide.shapes.title.text = "Open me"
        run = slide.shapes.add_textbox(*BOX).text_frame.paragraphs[0].add_run()
        run.text = "click"
        run.hyperlink.address = "http://127.0.0.1:9/secret"

    kind = b"presentationml.presentation.main+xml"
    macro = b"ms-powerpoint.presentation.macroEnabled.main+xml"

    def change(name: str, data: bytes) -> bytes:
        if name == "[Content_Types].xml":
            return data.replace(b"openxmlformats-officedocument." + kind, macro)
        return data

    (page,) = read(repacked(slides(tmp_path, fill), change), PPTX)
    assert page.text == "Open me\n\nclick\n\n"


# XLSX


def workbook(folder: Path, sheets: dict[str, Sequence[Sequence[Any]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    path = folder / "document"
    book.save(str(path))
    return path


def test_a_sheet_is_a_page_and_rows_tell_where_they_stand(tmp_path: Path) -> None:
    rows = [["Budget"], [], ["Name", "Amount"], ["甲", 1_200], [None, 0.1 + 0.2], []]
    one, two = read(workbook(tmp_path, {"預算": rows, "Empty": [], "More": [["x"]]}), XLSX)
    assert one.text.split("\n") == [
        "預算", "", "A1: Budget", "", "A3: Name | Amount", "A4: 甲 | 1200", "B5: 0.3", "",
    ]  # fmt: skip
    assert [heading.title for heading in (*one.headings, *two.headings)] == ["預算", "More"]
    assert [table.header for table in one.tables] == ["A3: Name | Amount"]


def test_values_are_shown_as_people_write_them(tmp_path: Path) -> None:
    path = workbook(tmp_path, {"S": [[dt.date(2024, 3, 1), True, "#N/A", 12.5, "a\nb"]]})
    book = openpyxl.load_workbook(io.BytesIO(path.read_bytes()))
    sheet = book["S"]
    sheet["F1"], sheet["G1"] = 0.125, dt.datetime(2024, 3, 1, 9, 30)  # noqa: DTZ001 - a sheet knows no zones
    sheet["F1"].number_format = "0.0%"
    sheet["H1"], sheet["H1"].number_format = 5, '0" % of"'
    book.save(path)
    (page,) = read(path, XLSX)
    line = "A1: 2024-03-01 | TRUE | #N/A | 12.5 | a b | 12.5% | 2024-03-01 09:30 | 5"
    assert page.text == f"S\n\n{line}\n"


def test_a_long_sheet_begins_each_page_with_its_header(tmp_path: Path) -> None:
    rows = [["Name", "Amount"], *([f"item {number}", number] for number in range(1_000))]
    made = read(workbook(tmp_path, {"Long": rows}), XLSX)
    assert len(made) > 5
    assert all(page.text.startswith("A1: Name | Amount\n") for page in made[1:])
    lines = "".join(page.text for page in made).split("\n")
    assert [line for line in lines if "item" in line] == [
        f"A{number + 2}: item {number} | {number}" for number in range(1_000)
    ]


def test_pieces_of_a_table_know_its_header_and_stay_spans(tmp_path: Path) -> None:
    rows = [["Name", "Amount"], *([f"item {number}", number] for number in range(300))]
    made = read(workbook(tmp_path, {"Long": rows}), XLSX)
    passages = list(split.passages(made, lambda text: len(text.split()), 60))
    for passage in passages:
        text = made[passage.page - 1].text
        assert passage.text == text[passage.char_start : passage.char_end]
        assert passage.heading == "Long"
        assert indexed_text(passage, text, XLSX).count("Name | Amount") == 1


def test_a_workbook_that_claims_to_be_huge_is_read_by_what_it_holds(tmp_path: Path) -> None:
    path = workbook(tmp_path, {"S": [["a", "b"], ["c", "d"]]})

    def change(name: str, data: bytes) -> bytes:
        if not name.endswith("sheet1.xml"):
            return data
        data = re.sub(rb'ref="A1:B2"', b'ref="A1:XFD1048576"', data)
        return data.replace(b'r="2"', b'r="1048000"').replace(b'r="A2"', b'r="A1048000"')

    (page,) = read(repacked(path, change), XLSX)
    assert page.text.startswith("S\n\nA1: a | b\n\nA1048000: c | d")


def test_formulas_count_by_what_was_computed_last(tmp_path: Path) -> None:
    path = workbook(tmp_path, {"S": [["total", "=SUM(A2:A9)"], ["link", "=[other.xlsx]S!A1"]]})

    def change(name: str, data: bytes) -> bytes:
        return data.replace(b"<f>SUM(A2:A9)</f><v />", b"<f>SUM(A2:A9)</f><v>42</v>").replace(
            b"<f>SUM(A2:A9)</f><v></v>", b"<f>SUM(A2:A9)</f><v>42</v>"
        )

    (page,) = read(repacked(path, change), XLSX)
    assert page.text == "S\n\nA1: total | 42\nA2: link\n"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("nothing", EmptyDocument),
        ("cut", DamagedDocument),
        ("half a sheet", DamagedDocument),
        ("no workbook", DamagedDocument),
        ("password", EncryptedDocument),
        ("bomb", ArchiveBomb),
        ("entities", DamagedDocument),
    ],
)
def test_workbooks_that_cannot_be_read(
    tmp_path: Path, fault: str, error: type[LecternError]
) -> None:
    path = workbook(tmp_path, {"S": [] if fault == "nothing" else [["x", "y"]] * 50})
    if fault == "cut":
        path.write_bytes(path.read_bytes()[:-50])
    elif fault == "half a sheet":
        repacked(path, lambda name, data: data[:-99] if "sheet1.xml" in name else data)
    elif fault == "no workbook":
        repacked(path, lambda name, data: b"" if name == "xl/workbook.xml" else data)
    elif fault == "password":
        path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000))
    elif fault == "bomb":
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/media/image1.png", bytes(300 << 20))
    elif fault == "entities":
        declared = b'<!DOCTYPE x [<!ENTITY e "ha">]><worksheet'
        repacked(path, lambda name, data: data.replace(b"<worksheet", declared, 1))
    with pytest.raises(error):
        read(path, XLSX)


def test_an_endless_sheet_is_stopped_by_the_clock(tmp_path: Path) -> None:
    path = workbook(tmp_path, {"S": [["HERE"]]})
    row = b'<row r="%d"><c r="A%d" t="inlineStr"><is><t>x</t></is></c></row>'

    def change(name: str, data: bytes) -> bytes:
        many = b"".join(row % (number, number) for number in range(2, 400_000))
        return data.replace(b"</sheetData>", many + b"</sheetData>")

    with pytest.raises((ParserTimeout, TooManyPages)):
        read(repacked(path, change), XLSX, Limits(1, 2_048, 100, 10**9))


# CSV


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp950", "utf-16"])
def test_separator_and_encoding_are_found_out(
    tmp_path: Path, separator: str, encoding: str
) -> None:
    rows = [["姓名", "金額", "備註"], ["王小明", "三百", "無"], ["李四", "五百", '"甲\r\n乙"']]
    content = "\r\n".join(separator.join(row) for row in rows)
    (page,) = read(written(tmp_path, content, encoding), CSV)
    assert page.text == "姓名 | 金額 | 備註\n王小明 | 三百 | 無\n李四 | 五百 | 甲 乙\n"
    assert [table.header for table in page.tables] == ["姓名 | 金額 | 備註"]


def test_figures_with_commas_do_not_make_a_semicolon_table_one_of_commas(tmp_path: Path) -> None:
    (page,) = read(written(tmp_path, "a;b\n1,5;2,5\n3,25;4\n"), CSV)
    assert page.text == "a | b\n1,5 | 2,5\n3,25 | 4\n"


def test_excels_own_line_names_the_separator(tmp_path: Path) -> None:
    (page,) = read(written(tmp_path, "sep=;\na;b\n1;2\n"), CSV)
    assert page.text == "a | b\n1 | 2\n"


def test_each_page_of_a_long_table_begins_with_its_header(tmp_path: Path) -> None:
    content = "name\tamount\n" + "".join(f"row {number}\t{number}\n" for number in range(2_000))
    made = read(written(tmp_path, content), TSV)
    assert len(made) > 5
    assert all(page.text.startswith("name | amount\n") for page in made)


def test_tables_as_text_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(EmptyDocument):
        read(written(tmp_path, "\n,,\n,\n"), CSV)
    with pytest.raises(DamagedDocument):
        read(written(tmp_path, 'a,b\n1,"' + "x" * (2 << 20)), CSV)


def test_one_column_and_no_separator_is_lines(tmp_path: Path) -> None:
    (page,) = read(written(tmp_path, "word\nother words\n"), CSV)
    assert (page.text, page.tables) == ("word\nother words\n", ())


# Tables elsewhere


@pytest.mark.parametrize("media_type", [HTML, MARKDOWN])
def test_rows_know_their_header_in_text_formats(tmp_path: Path, media_type: str) -> None:
    content = {
        HTML: "<table><tr><th>Name<th>Sum<tr><td>a<td>1</table><p>x<table><tr><td>y</table>",
        MARKDOWN: "intro\n\n| Name | Sum |\n|------|----:|\n| a | 1 |\n\n```\n| b | c |\n|--|--|\n"
        "| d | e |\n```\n",
    }[media_type]
    (page,) = read(written(tmp_path, content), media_type)
    (table,) = page.tables
    assert table.header == "Name | Sum"
    assert page.text[table.char_start : table.char_end].strip(" |\n") == "a | 1"


def test_rows_know_their_header_in_word(tmp_path: Path) -> None:
    document = docx.Document()
    grid = document.add_table(3, 2)
    for at, text in enumerate(("Name", "Sum", "a", "1", "b", "2")):
        grid.cell(*divmod(at, 2)).text = text
    path = tmp_path / "document"
    document.save(str(path))
    (page,) = read(path, DOCX)
    (table,) = page.tables
    assert page.text[table.char_start : table.char_end] == "a | 1\nb | 2\n"
