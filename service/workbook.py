"""A workbook (XLSX) with one sheet, written here: five small XML parts in a ZIP (ECMA-376, part 1).

Every text is an inline string, which no spreadsheet takes for a formula.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

Cell = str | int | float | bool | None
Rows = Sequence[Sequence[Cell]]

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST_CELL = 32_767  #: characters; Excel calls a workbook with longer ones damaged
MOST_DIGITS = 10**15  #: a spreadsheet's numbers are doubles
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: What looks like a character that a workbook writes as its code.
ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
MADE = (1980, 1, 1, 0, 0, 0)  #: so that the same table is the same file

DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
SCHEMAS = "http://schemas.openxmlformats.org"
MAIN = f"{SCHEMAS}/spreadsheetml/2006/main"
RELATIONS = f"{SCHEMAS}/officeDocument/2006/relationships"
PACKAGE = f"{SCHEMAS}/package/2006"
CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
PARTS: Mapping[str, str] = {
    "[Content_Types].xml": (
        f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{CONTENT}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{CONTENT}.styles+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{CONTENT}.worksheet+xml"/>'
        "</Types>"
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>'
        '<sheet name="Extraction" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{RELATIONS}/styles" Target="styles.xml"/></Relationships>'
    ),
    "xl/styles.xml": (
        f'<styleSheet xmlns="{MAIN}">'
        '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
        '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'
        "</cellStyleXfs>"
        '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
        '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
        "</styleSheet>"
    ),
}


def workbook(table: Rows) -> bytes:
    """The table as a file; its first row is bold and always in sight."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**PARTS, "xl/worksheets/sheet1.xml": _sheet(table)}.items():
            entry = zipfile.ZipInfo(name, MADE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, DECLARATION + text)
    return body.getvalue()


def _sheet(table: Rows) -> str:
    lines = (
        f'<row r="{number}">{"".join(_cells(row, bold=number == 1))}</row>'
        for number, row in enumerate(table, start=1)
    )
    return (
        f'<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        f"</sheetView></sheetViews><sheetData>{''.join(lines)}</sheetData></worksheet>"
    )


def _cells(row: Sequence[Cell], *, bold: bool) -> Iterator[str]:
    style = ' s="1"' if bold else ""
    for cell in row:
        if cell is None:
            yield f"<c{style}/>"
        elif isinstance(cell, bool):
            yield f'<c t="b"><v>{int(cell)}</v></c>'
        elif isinstance(cell, int | float) and abs(cell) < MOST_DIGITS:
            yield f"<c><v>{cell!r}</v></c>"
        else:
            text = ESCAPED.sub("_x005F_", NO_XML.sub("", str(cell)))[:LONGEST_CELL]
            yield (
                f'<c{style} t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'
            )
