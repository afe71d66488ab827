"""DOCX and XLSX files, written by hand: the few parts of them that are read."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
# As a Chinese Word writes them: the ids are numbers, the names English.
STYLES = (
    f'<w:styles xmlns:w="{W}"><w:style w:styleId="1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:styleId="2"><w:name w:val="heading 2"/></w:style>'
    '<w:style w:styleId="a"><w:name w:val="Normal"/></w:style>'
    '<w:style w:styleId="own"><w:name w:val="Chapter"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>'
    "</w:styles>"
)


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """A packed file with these parts."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in parts.items():
            file.writestr(name, body)
    return out.getvalue()


def p(text: str, style: str = "") -> str:
    """A paragraph, in two runs as Word likes to have it."""
    look = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    half = len(text) // 2
    runs = "".join(f"<w:r><w:t>{escape(part)}</w:t></w:r>" for part in (text[:half], text[half:]))
    return f"<w:p>{look}{runs}</w:p>"


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    cells = ("<w:tr>" + "".join(f"<w:tc>{p(cell)}</w:tc>" for cell in row) + "</w:tr>" for row in rows)
    return f"<w:tbl>{''.join(cells)}</w:tbl>"


def docx(*body: str, before: str = "", styles: str = STYLES) -> bytes:
    """A document; `before`: what stands ahead of its root."""
    document = f'{before}<w:document xmlns:w="{W}"><w:body>{"".join(body)}</w:body></w:document>'
    return packed({"word/document.xml": document, "word/styles.xml": styles})


def xlsx(rows: Sequence[Sequence[str | float]], name: str = "价目", dates: Sequence[int] = ()) -> bytes:
    """A workbook of one sheet; `dates`: columns whose numbers are shown as dates."""
    shared = list(dict.fromkeys(cell for row in rows for cell in row if isinstance(cell, str)))
    written = []
    for number, row in enumerate(rows, 1):
        cells = []
        for place, cell in enumerate(row):
            at = f'r="{"ABCDEFGH"[place]}{number}"'
            if isinstance(cell, str):
                cells.append(f'<c {at} t="s"><v>{shared.index(cell)}</v></c>')
            else:
                cells.append(f'<c {at} s="{int(place in dates)}"><v>{cell}</v></c>')
        written.append(f'<row r="{number}">{"".join(cells)}</row>')
    return packed(
        {
            "xl/workbook.xml": f'<workbook xmlns="{S}" xmlns:r="{R}"><sheets>'
            f'<sheet name="{name}" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/'
            '2006/relationships"><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>',
            "xl/styles.xml": f'<styleSheet xmlns="{S}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/>'
            "</cellXfs></styleSheet>",
            "xl/sharedStrings.xml": f'<sst xmlns="{S}">'
            + "".join(f"<si><t>{escape(text)}</t></si>" for text in shared)
            + "</sst>",
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{S}"><sheetData>{"".join(written)}</sheetData>'
            "</worksheet>",
        }
    )
