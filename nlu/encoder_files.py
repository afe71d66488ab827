"""The folder of a sentence encoder: which files it has, what they say, how they are loaded."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from crm_store.messages import ParleyError

_MODELS = ("onnx/model.onnx", "model.onnx", "onnx/model_quantized.onnx", "model_quantized.onnx")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "tf_model.h5")
_LONGEST = 128  # tokens of a text
_PIECE = 1 << 20  # bytes


class BadEncoder(ParleyError):
    """The folder that is named as encoder holds none that can be run."""


def find_model(folder: Path) -> Path:
    """The network's file; BadEncoder says what is missing."""
    if not folder.is_dir():
        raise BadEncoder(f"expected a folder with an encoder at {folder}, there is none")
    found = next((folder / name for name in _MODELS if (folder / name).is_file()), None)
    if found is None:
        weights = [name for name in _WEIGHTS if (folder / name).is_file()]
        only = f"; it holds {weights[0]} only: export it to ONNX" if weights else ""
        raise BadEncoder(f"expected onnx/model.onnx or model.onnx in {folder}{only}")
    if not (folder / "tokenizer.json").is_file():
        raise BadEncoder(f"expected tokenizer.json in {folder}")
    return found


def read_pooling(folder: Path) -> str:
    """ "cls" or "mean"; BadEncoder for another."""
    try:
        modules = json.loads((folder / "modules.json").read_bytes())
        path = next(one["path"] for one in modules if str(one["type"]).endswith("Pooling"))
        told = json.loads((folder / path / "config.json").read_bytes())
    except (OSError, StopIteration):
        return "mean"
    except (ValueError, KeyError, TypeError) as error:
        raise BadEncoder(f"{folder}: modules.json or its pooling cannot be read: {error}") from error
    chosen = [name for name, on in told.items() if name.startswith("pooling_mode_") and on is True]
    if chosen == ["pooling_mode_cls_token"]:
        return "cls"
    if chosen not in ([], ["pooling_mode_mean_tokens"]):
        raise BadEncoder(f"{folder}: expected pooling by mean or first token, got {', '.join(chosen)}")
    return "mean"


@cache
def digest_of(files: tuple[Path, ...], _: tuple[int, ...], pooling: str) -> str:
    """By the times of the files, so that they are read once."""
    found = hashlib.sha256(pooling.encode())
    for path in files:
        with path.open("rb") as file:
            while block := file.read(_PIECE):
                found.update(block)
    return found.hexdigest()


def load(folder: Path, model: Path) -> tuple[Any, Any]:
    """The tokenizer and the network, in memory from now on."""
    # An extra, which not everybody has: nobody else imports them.
    runtime, tokenizers = import_module("onnxruntime"), import_module("tokenizers")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1  # Others work in this process, too.
    options.log_severity_level = 3
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.enable_truncation(_LONGEST)
        if tokenizer.padding is None:
            tokenizer.enable_padding()
        else:
            tokenizer.enable_padding(**{**tokenizer.padding, "length": None})
        return tokenizer, runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # Both libraries raise what they like.
        raise BadEncoder(f"{folder} cannot be loaded as an encoder: {error}") from error
