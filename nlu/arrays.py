"""One file of a JSON object and named arrays, mapped into memory: only what is touched takes room there.

Layout: a line of JSON (the object, each array's type, shape and place, the checksum), then the arrays.
"""

from __future__ import annotations

import json
import mmap
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_ALIGNED = 64  # bytes: where an array may begin
_AT_ONCE = 1 << 20  # bytes


def write_arrays(path: Path, head: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write the file; a reader sees the old one or the new one, never half of it."""
    placed, body = {}, bytearray()
    for name, array in arrays.items():
        body += bytes(-len(body) % _ALIGNED)
        placed[name] = [array.dtype.str, array.shape, len(body)]
        body += np.ascontiguousarray(array).tobytes()
    told = {"head": head, "arrays": placed, "length": len(body), "checksum": zlib.crc32(body)}
    line = json.dumps(told, ensure_ascii=False, default=str).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(line + b" " * (-(len(line) + 1) % _ALIGNED) + b"\n" + body)
    part.replace(path)


def read_arrays(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON object and the arrays, which cannot be written to; ValueError if the file is broken."""
    with path.open("rb") as file:
        told = json.loads(file.readline())
        start = file.tell()
        checksum, length = 0, 0
        while block := file.read(_AT_ONCE):
            checksum, length = zlib.crc32(block, checksum), length + len(block)
        if (length, checksum) != (told["length"], told["checksum"]):
            raise ValueError("it is not whole")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return told["head"], {name: _placed(mapped, start, *how) for name, how in told["arrays"].items()}


def _placed(mapped: mmap.mmap, start: int, kind: str, shape: list[int], place: int) -> Any:
    flat = np.frombuffer(mapped, kind, int(np.prod(shape)), start + place)
    return flat.reshape(shape)
