"""A tiny sentence encoder on disk: words to vectors, written as ONNX by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_FLOAT, _INT64 = 1, 7


def write_encoder(folder: Path, words: Mapping[str, npt.NDArray[np.float32]], *, pooling: str = "") -> Path:
    """A folder as sentence-transformers writes it, in which each word has this vector."""
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    table = np.array([np.zeros_like(next(iter(words.values()))), *words.values()], np.float32)
    (folder / "onnx" / "model.onnx").write_bytes(_model(table))
    vocabulary = {"[UNK]": 0, **{word: number for number, word in enumerate(words, 1)}}
    told: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(told), encoding="utf-8")
    (folder / "config.json").write_text("{}", encoding="utf-8")
    if pooling:
        (folder / "1_Pooling").mkdir(exist_ok=True)
        modules = [
            {"path": "", "type": "sentence_transformers.models.Transformer"},
            {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ]
        (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({pooling: True}), encoding="utf-8")
    return folder


def _model(table: npt.NDArray[np.float32]) -> bytes:
    gather = _text(1, "table") + _text(1, "input_ids") + _text(2, "last_hidden_state") + _text(4, "Gather")
    tensor = b"".join(_number(1, size) for size in table.shape)
    tensor += _number(2, _FLOAT) + _text(8, "table") + _part(9, table.tobytes())
    ids, mask = _value("input_ids", _INT64, "b", "s"), _value("attention_mask", _INT64, "b", "s")
    out = _value("last_hidden_state", _FLOAT, "b", "s", "d")
    graph = _part(1, gather) + _text(2, "tiny") + _part(5, tensor)
    graph += _part(11, ids) + _part(11, mask) + _part(12, out)
    return _number(1, 8) + _part(8, _text(1, "") + _number(2, 13)) + _part(7, graph)


def _value(name: str, kind: int, *dims: str) -> bytes:
    shape = b"".join(_part(1, _text(2, dim)) for dim in dims)
    return _text(1, name) + _part(2, _part(1, _number(1, kind) + _part(2, shape)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _part(field, value.encode())


def _part(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
