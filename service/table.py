"""What an extraction found, as a table: CSV, or a workbook. No cell of it is ever a formula."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from service.errors import NoTable
from service.workbook import XLSX, Cell, Rows, workbook
from workers.jobs import Job
from workers.states import JobKind, JobStatus

CSV = "text/csv"
EVIDENCE = ("page", "quote", "verified")
#: What makes a spreadsheet run a cell (OWASP, “CSV Injection”), wide signs included.
RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
PLAIN_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
BOM = "\ufeff"  #: without it Excel takes Chinese for something else


def rows(job: Job, evidence: bool) -> Rows:
    """The heading and one row for each document. Raises NoTable."""
    if job.kind is not JobKind.EXTRACT or job.status is not JobStatus.SUCCEEDED:
        raise NoTable(kind=job.kind, status=job.status)
    documents = (job.result or {})["documents"]
    heading: list[Cell] = ["document"]
    for name in documents[0]["values"]:
        heading += [name, *(f"{name}: {each}" for each in EVIDENCE if evidence)]
    return [heading, *(_row(document, evidence) for document in documents)]


def _row(document: Mapping[str, Any], evidence: bool) -> list[Cell]:
    cells: list[Cell] = [document["name"]]
    for name, value in document["values"].items():
        field = document["fields"][name]
        cells += [_cell(value), *(field[each] for each in EVIDENCE if evidence)]
    return cells


def _cell(value: Any) -> Cell:
    """A scalar as it is; an array or an object as JSON."""
    nested = isinstance(value, dict | list)
    cell: Cell = json.dumps(value, ensure_ascii=False) if nested else value
    return cell


def as_csv(table: Rows) -> bytes:
    """RFC 4180 with a byte order mark; what a spreadsheet would run begins with an apostrophe."""
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(cell) for cell in row] for row in table)
    return (BOM + text.getvalue()).encode("utf-8", "replace")


def _harmless(cell: Cell) -> Cell:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if not isinstance(cell, str) or PLAIN_NUMBER.fullmatch(cell):
        return cell
    return f"'{cell}" if cell.startswith(RUNS) or cell.lstrip().startswith(RUNS) else cell


#: By format: how it is written, and its media type.
FORMATS: Mapping[str, tuple[Callable[[Rows], bytes], str]] = {
    "csv": (as_csv, CSV),
    "xlsx": (workbook, XLSX),
}
