"""PDF files, written by hand: their fonts tell of Chinese letters in the ways that fonts do, or do not."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Literal

from pypdf import PdfReader, PdfWriter

Letters = Literal["table", "named", "silent"]  # how the font says which letters it draws
_LINE = 20  # points


@dataclass
class Pdf:
    """A file of these pages, each of some lines. `outline`: titles by page, from 0."""

    pages: Sequence[Sequence[str]]
    letters: Letters = "table"
    encoding: tuple[str, str] = ("UniGB-UTF16-H", "utf-16-be")  # of a named one, for PDF and for Python
    outline: Mapping[str, int] = field(default_factory=dict)
    _objects: list[bytes] = field(default_factory=list)

    def write(self) -> bytes:
        """Its bytes."""
        self._objects = [b"", b""]  # the catalogue and the pages, which name the others
        kids = [self._page(lines, self._font(lines)) for lines in self.pages]
        listed = b" ".join(b"%d 0 R" % kid for kid in kids)
        first = self._outline(kids)
        self._objects[0] = b"<< /Type /Catalog /Pages 2 0 R%s >>" % first
        self._objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), listed)
        out, places = bytearray(b"%PDF-1.7\n"), []
        for number, body in enumerate(self._objects, 1):
            places.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
        out += b"".join(b"%010d 00000 n \n" % place for place in places)
        out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, start)
        return bytes(out)

    def _add(self, body: bytes) -> int:
        self._objects.append(body)
        return len(self._objects)

    def _stream(self, data: bytes) -> int:
        packed = zlib.compress(data)
        return self._add(
            b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(packed), packed)
        )

    def _page(self, lines: Sequence[str], font: int) -> int:
        drawn = [b"BT /F1 12 Tf 50 800 Td"]
        drawn += [b"<%s> Tj 0 -%d Td" % (self._codes(lines, line).hex().encode(), _LINE) for line in lines]
        content = self._stream(b"\n".join([*drawn, b"ET"]) if lines else b"0 0 600 800 re f")
        fonts = b"/Font << /F1 %d 0 R >>" % font if lines else b""
        return self._add(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 840] /Contents %d 0 R /Resources << %s >> >>"
            % (content, fonts)
        )

    def _codes(self, lines: Sequence[str], line: str) -> bytes:
        if self.letters == "named":
            return line.encode(self.encoding[1])
        glyphs = _glyphs(lines)
        return b"".join(glyphs[letter].to_bytes(2, "big") for letter in line)

    def _font(self, lines: Sequence[str]) -> int:
        info = b"/CIDSystemInfo << /Registry (Adobe) /Ordering (%s) /Supplement 0 >>" % (
            b"GB1" if self.letters == "named" else b"Identity"
        )
        descriptor = self._add(
            b"<< /Type /FontDescriptor /FontName /ABCDEF+Song /Flags 4 /FontBBox [0 0 1000 1000] "
            b"/ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 700 /StemV 80 >>"
        )
        cid = self._add(
            b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /ABCDEF+Song %s /DW 1000 "
            b"/FontDescriptor %d 0 R >>" % (info, descriptor)
        )
        table = b" /ToUnicode %d 0 R" % self._stream(_to_unicode(lines)) if self.letters == "table" else b""
        encoding = b"/" + (self.encoding[0] if self.letters == "named" else "Identity-H").encode()
        return self._add(
            b"<< /Type /Font /Subtype /Type0 /BaseFont /ABCDEF+Song /Encoding %s "
            b"/DescendantFonts [%d 0 R]%s >>" % (encoding, cid, table)
        )

    def _outline(self, kids: Sequence[int]) -> bytes:
        if not self.outline:
            return b""
        root, first = len(self._objects) + 1, len(self._objects) + 2
        last = first + len(self.outline) - 1
        self._add(
            b"<< /Type /Outlines /First %d 0 R /Last %d 0 R /Count %d >>" % (first, last, last - first + 1)
        )
        for place, (title, page) in enumerate(self.outline.items()):
            said = (b"\xfe\xff" + title.encode("utf-16-be")).hex().encode()
            after = b" /Next %d 0 R" % (first + place + 1) if first + place < last else b""
            self._add(
                b"<< /Title <%s> /Parent %d 0 R /Dest [%d 0 R /Fit]%s >>" % (said, root, kids[page], after)
            )
        return b" /Outlines %d 0 R" % root


def locked(data: bytes, password: str) -> bytes:
    """The file as one that opens with a password. An empty one: it opens, and may not be changed."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(data)))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _glyphs(lines: Sequence[str]) -> dict[str, int]:
    """The font's own number of each letter: nothing that Unicode would say."""
    return {letter: 3 + place for place, letter in enumerate(sorted(set("".join(lines))))}


def _to_unicode(lines: Sequence[str]) -> bytes:
    pairs = [
        f"<{number:04x}> <{letter.encode('utf-16-be').hex()}>" for letter, number in _glyphs(lines).items()
    ]
    parts = [pairs[i : i + 100] for i in range(0, len(pairs), 100)]
    listed = "\n".join(f"{len(part)} beginbfchar\n" + "\n".join(part) + "\nendbfchar" for part in parts)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        f"1 begincodespacerange <0000> <ffff> endcodespacerange\n{listed}\nendcmap end end"
    ).encode()
