"""An extraction as a table: right in every cell, and no cell ever a formula."""

import csv
import io
import zipfile
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from test_service_app import problem

from ingest.database import writing
from service import table
from service.workbook import LONGEST_CELL, MAIN, workbook
from workers.tables import JobRow

NAMES = {"m": MAIN}
FIELD = {"page": 3, "quote": "“港”區\nis =2+2", "verified": True, "confidence": 0.9}
NOTHING = {"page": None, "quote": None, "verified": False, "confidence": 0.0}
RESULT = {
    "documents": [
        {
            "name": "=HYPERLINK(A1).pdf",
            "values": {"標題": "+1 港區", "total": -5.5, "paid": True, "lines": [{"a": 1}]},
            "fields": dict.fromkeys(("標題", "total", "paid", "lines"), FIELD),
        },
        {
            "name": "b.txt",
            "values": dict.fromkeys(("標題", "total", "paid", "lines")),
            "fields": dict.fromkeys(("標題", "total", "paid", "lines"), NOTHING),
        },
    ]
}


@pytest.fixture
def job(client: TestClient) -> str:
    add("job_1", "extract", "succeeded", RESULT)
    return "job_1"


def add(job_id: str, kind: str, status: str, result: Any) -> None:
    with writing() as session:
        row = JobRow(
            id=job_id, kind=kind, status=status, lane="batch", params={}, progress={},
            result=result, created_at=0.0,
        )  # fmt: skip
        session.add(row)


def parsed(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))


def sheet(body: bytes) -> list[list[Any]]:
    """The cells of a workbook: text, number or bool."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            ET.fromstring(archive.read(name))
        root = ET.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    assert not root.findall(".//m:f", NAMES)
    return [[value(cell) for cell in row] for row in root.find("m:sheetData", NAMES) or ()]


def value(cell: ET.Element) -> Any:
    if cell.get("t") == "inlineStr":
        return cell.findtext("m:is/m:t", namespaces=NAMES) or ""
    number = cell.findtext("m:v", namespaces=NAMES)
    if number is None:
        return None
    return bool(int(number)) if cell.get("t") == "b" else float(number)


def test_csv_has_a_row_for_each_document(client: TestClient, job: str) -> None:
    answer = client.get(f"/v1/jobs/{job}/table")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="extract-job_1.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert parsed(answer.content) == [
        ["document", "標題", "total", "paid", "lines"],
        ["'=HYPERLINK(A1).pdf", "'+1 港區", "-5.5", "true", '[{"a": 1}]'],
        ["b.txt", "", "", "", ""],
    ]


def test_evidence_stands_beside_each_value(client: TestClient, job: str) -> None:
    heading, first, second = parsed(
        client.get(f"/v1/jobs/{job}/table", params={"evidence": True}).content
    )
    assert heading[:5] == ["document", "標題", "標題: page", "標題: quote", "標題: verified"]
    assert first[1:5] == ["'+1 港區", "3", "“港”區\nis =2+2", "true"]
    assert second[1:5] == ["", "", "", "false"]
    assert len(heading) == len(first) == 1 + 4 * 4


def test_a_workbook_has_texts_numbers_and_booleans(client: TestClient, job: str) -> None:
    answer = client.get(f"/v1/jobs/{job}/table?format=xlsx")
    assert answer.headers["content-type"] == table.XLSX
    assert answer.headers["content-disposition"].endswith('.xlsx"')
    assert sheet(answer.content) == [
        ["document", "標題", "total", "paid", "lines"],
        ["=HYPERLINK(A1).pdf", "+1 港區", -5.5, True, '[{"a": 1}]'],
        ["b.txt", None, None, None, None],
    ]
    assert client.get(f"/v1/jobs/{job}/table?format=xlsx").content == answer.content


def test_only_a_finished_extraction_has_a_table(client: TestClient) -> None:
    add("job_2", "extract", "running", None)
    add("job_3", "summary", "succeeded", {"summary": "x"})
    for job_id in ("job_2", "job_3"):
        assert problem(client.get(f"/v1/jobs/{job_id}/table")) == (422, "no_table")
    assert problem(client.get("/v1/jobs/job_none/table")) == (404, "job_not_found")
    odd = client.get("/v1/jobs/job_2/table?format=pdf")
    assert problem(odd) == (422, "invalid_request")


texts = st.text(st.characters(codec="utf-8"), max_size=30)
openings = st.sampled_from(["=", "+", "-", "@", "\t", "\r", "\n", "＝", " =", "\xa0=", "'"])
cells = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**14), 10**14), texts,
    st.builds(lambda opening, text: opening + text, openings, texts),
)  # fmt: skip


@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=4))
def test_no_csv_cell_is_run(rows: list[list[Any]]) -> None:
    read = list(csv.reader(io.StringIO(table.as_csv(rows).decode("utf-8-sig"), newline="")))
    for row, found in zip(rows, read, strict=True):
        for cell, text in zip(row, found, strict=True):
            if isinstance(cell, str):
                assert text in {cell, f"'{cell}"}
                bare = text.lstrip()[:1]
                assert bare not in "=+-@＝＋－＠" or not bare or table.PLAIN_NUMBER.fullmatch(text)
                assert text[:1] not in "\t\r\n" or not text
            elif isinstance(cell, int) and not isinstance(cell, bool):
                assert text == str(cell)


@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=4))
def test_no_workbook_cell_is_a_formula_and_texts_come_back(rows: list[list[Any]]) -> None:
    for row, found in zip(rows, sheet(workbook(rows)), strict=True):
        for cell, back in zip(row, found, strict=True):
            if not isinstance(cell, str) or (cell.isprintable() and "_x" not in cell):
                assert back == cell


def test_the_styles_are_all_there() -> None:
    """Spreadsheets call a workbook damaged whose styles are empty or fewer than they say."""
    with zipfile.ZipFile(io.BytesIO(workbook([["a"]]))) as archive:
        styles = ET.fromstring(archive.read("xl/styles.xml"))
    for several in styles:
        assert int(several.get("count", "")) == len(several)
    assert len(styles.find("m:fills", NAMES) or ()) == 2  # the first two are reserved
    for kind in ("m:fills", "m:borders", "m:fonts"):
        assert all(len(one) for one in styles.find(kind, NAMES) or ())


def test_odd_texts_do_not_break_a_workbook() -> None:
    long, control, coded = "x" * 40_000, "a\x00\x0b\ud800b", "_x0041_"
    ((one, two, three, big),) = sheet(workbook([[long, control, coded, 10**20]]))
    assert len(one) == LONGEST_CELL
    assert (two, three, big) == ("ab", "_x005F_x0041_", str(10**20))
