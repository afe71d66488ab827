"""Files that are packed XML: their parts read piece by piece, no more of them than a document has.

Entities and document types, by which a file can name others or grow without end, are refused.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import IO, Any, cast
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from nlu.documents.faults import MOST_UNPACKED, Unreadable

_MOST_PARTS = 10_000
_DEEPEST = 300  # elements within each other
_OLD = b"\xd0\xcf\x11\xe0"  # as of Word 97, and of what is encrypted today
_BROKEN = (zipfile.BadZipFile, zlib.error, ParseError, DefusedXmlException, EOFError, NotImplementedError)


class _Bounded:
    """A stream of which only so much can be read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = MOST_UNPACKED

    def read(self, size: int = -1) -> bytes:
        found = self._stream.read(min(size, 65536) if size >= 0 else 65536)
        self._left -= len(found)
        if self._left < 0:
            raise Unreadable("unpacked")
        return found


class Packed:
    """A packed file. Unreadable if it is none."""

    def __init__(self, data: bytes) -> None:
        if data.startswith(_OLD):
            raise Unreadable(
                "encrypted" if "EncryptedPackage".encode("utf-16-le") in data else "not_its_kind"
            )
        try:
            self._zip = zipfile.ZipFile(BytesIO(data))
        except (*_BROKEN, ValueError) as error:
            raise Unreadable("not_its_kind") from error
        self._names = set(self._zip.namelist())
        if len(self._names) > _MOST_PARTS:
            raise Unreadable("unpacked")

    def __contains__(self, part: str) -> bool:
        return part in self._names

    def events(self, part: str) -> Iterator[tuple[bool, str, Element]]:
        """Elements of a part as they begin (True) and end, named without their namespace."""
        try:
            with self._zip.open(part) as stream:
                bounded = cast(Any, _Bounded(stream))
                depth = 0
                for event, element in iterparse(bounded, ("start", "end"), forbid_dtd=True):
                    begins = event == "start"
                    depth += 1 if begins else -1
                    if depth > _DEEPEST:
                        raise Unreadable("unpacked")
                    yield begins, element.tag.rpartition("}")[2], element
        except RuntimeError as error:  # So it says that a part is encrypted.
            raise Unreadable("encrypted") from error
        except _BROKEN as error:
            raise Unreadable("broken") from error


def attribute(element: Element, name: str) -> str:
    """An attribute, whatever its namespace; empty if there is none."""
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")
