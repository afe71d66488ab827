"""A sentence encoder from a folder: optional, never fetched, loaded when the first text needs it.

The folder is one that sentence-transformers or an ONNX export writes: `tokenizer.json` and `model.onnx` (at
the top or under `onnx/`), with `modules.json` and a pooling's `config.json` where there are any.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from nlu.encoder_files import BadEncoder, digest_of, find_model, load, read_pooling
from nlu.features import Floats

_NEEDED = ("onnxruntime", "tokenizers")
_AT_ONCE = 32  # texts


class Encoder:
    """Texts to vectors of length one. Opening it looks at the files only; the first text loads them."""

    def __init__(self, folder: Path) -> None:
        """BadEncoder if the folder, a file in it or the extra `encoder` is missing."""
        self.folder = folder
        self._model = find_model(folder)
        if missing := [name for name in _NEEDED if find_spec(name) is None]:
            raise BadEncoder(
                f"the encoder {folder} needs {' and '.join(missing)}: install parley with the extra encoder"
            )
        self._pooling = read_pooling(folder)
        self._lock = threading.Lock()
        self._run: tuple[Any, Any] | None = None

    def digest(self) -> str:
        """Of the files: another encoder makes trained models stale."""
        files = self._model, self.folder / "tokenizer.json"
        return digest_of(files, tuple(file.stat().st_mtime_ns for file in files), self._pooling)

    def encode(self, texts: Sequence[str]) -> Floats:
        """Texts by dimensions. BadEncoder if the model does not take tokens or gives no vectors."""
        if not texts:
            return np.zeros((0, 0), np.float32)
        parts = [self._some(texts[i : i + _AT_ONCE]) for i in range(0, len(texts), _AT_ONCE)]
        found = np.concatenate(parts)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        vectors: Floats = (found / lengths).astype(np.float32)
        return vectors

    def _some(self, texts: Sequence[str]) -> Floats:
        tokenizer, session = self._loaded()
        told = tokenizer.encode_batch(list(texts))
        mask = np.array([one.attention_mask for one in told], np.int64)
        known = {
            "input_ids": np.array([one.ids for one in told], np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        asked = [each.name for each in session.get_inputs()]
        if unknown := [name for name in asked if name not in known]:
            raise BadEncoder(f"{self._model}: expected inputs {', '.join(known)}, got {', '.join(unknown)}")
        try:
            (found, *_) = session.run(None, {name: known[name] for name in asked})
        except Exception as error:
            raise BadEncoder(f"{self._model}: {error}") from error
        return self._pooled(np.asarray(found, np.float32), mask)

    def _pooled(self, found: Floats, mask: Any) -> Floats:
        if found.ndim == 2 and len(found) == len(mask):
            return found
        if found.ndim != 3:
            raise BadEncoder(f"{self._model}: expected vectors of tokens or texts, got {found.shape}")
        if self._pooling == "cls":
            return found[:, 0]
        weights = mask[:, :, None].astype(np.float32)
        mean: Floats = (found * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)
        return mean

    def _loaded(self) -> tuple[Any, Any]:
        with self._lock:
            if self._run is None:
                self._run = load(self.folder, self._model)
            return self._run
