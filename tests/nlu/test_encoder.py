"""A sentence encoder from a folder: mixed in where it helps, never needed; what is wrong is said."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nlu.embedded import Embedded
from nlu.encoder import Encoder
from nlu.encoder_files import BadEncoder
from nlu.model import BadModel, Model
from nlu.project import Project, read_project
from nlu.reading import ProjectErrors
from nlu.train import train
from nlu.training_data import Example
from tests.nlu.onnx_file import write_encoder

LABELS, WORDS = 12, 12
Vectors = Mapping[str, npt.NDArray[np.float32]]


def _word(mixed: random.Random) -> str:
    return "".join(mixed.choices("abcdefghijklmnopqrstuvwxyz", k=8))


def synonyms(labels: int = LABELS) -> tuple[list[list[str]], Vectors]:
    """The words of each label, none of which is like another, and vectors that say what they mean."""
    mixed, numbers = random.Random(1), np.random.default_rng(1)
    words = [[_word(mixed) for _ in range(WORDS)] for _ in range(labels)]
    vectors: dict[str, npt.NDArray[np.float32]] = {}
    for own in words:
        meaning = numbers.normal(0, 1, 32)
        vectors |= {word: (meaning + numbers.normal(0, 0.2, 32)).astype(np.float32) for word in own}
    return words, vectors


def taught(words: list[list[str]], encoder: Path | None, name: str = "intent_{}") -> Project:
    """Each label is taught by half of its words."""
    project = Project(encoder=encoder)
    project.nlu.examples = [
        Example(f"{word} please", name.format(n))
        for n, own in enumerate(words)
        for word in own[: WORDS // 2]
    ]
    return project


def right(model: Model, words: list[list[str]], name: str = "intent_{}") -> float:
    """How often a word that was not taught is understood."""
    asked = [(word, name.format(n)) for n, own in enumerate(words) for word in own[WORDS // 2 :]]
    heard = Embedded(model).understand([f"{word} please" for word, _ in asked])
    found = [
        label in (one.intent, one.answers[0].entry if one.answers else "")
        for one, (_, label) in zip(heard, asked, strict=True)
    ]
    return sum(found) / len(found)


def test_an_encoder_lets_the_bot_understand_words_that_it_was_not_taught(tmp_path: Path) -> None:
    words, vectors = synonyms()
    folder = write_encoder(tmp_path / "encoder", vectors)
    alone, together = train(taught(words, None)), train(taught(words, folder))
    assert right(alone, words) < 0.4
    assert right(together, words) > 0.9
    together.save(tmp_path / "a.model")
    loaded = Model.load(tmp_path / "a.model")
    assert loaded.encoder is not None
    assert right(loaded, words) > 0.9
    # One by one as in a batch; and a thumb means nothing still.
    texts = [f"{own[-1]} please" for own in words]
    many, interpreter = Embedded(loaded).understand(texts), Embedded(loaded)
    singly = [interpreter.understand([text])[0] for text in texts]
    assert [u.confidence for u in many] == pytest.approx([u.confidence for u in singly], abs=1e-4)
    assert interpreter.understand(["👍"])[0].confidence == 0


def test_entries_that_are_told_apart_by_likeness_gain_by_it_too(tmp_path: Path) -> None:
    words, vectors = synonyms(410)
    folder = write_encoder(tmp_path / "encoder", vectors)
    model = train(taught(words, folder, "faq/q{}"))
    assert model.retriever.share > 0
    assert right(model, words, "faq/q{}") > 0.8
    assert right(train(taught(words, None, "faq/q{}")), words, "faq/q{}") < 0.3


def test_an_encoder_that_does_not_help_is_left_out(tmp_path: Path) -> None:
    words, vectors = synonyms()
    noise = np.random.default_rng(3)
    folder = write_encoder(
        tmp_path / "encoder", {word: noise.normal(0, 1, 32).astype(np.float32) for word in vectors}
    )
    project = taught(words, folder)
    # Taught by what n-grams alone tell.
    project.nlu.examples = [
        Example(f"{word} topic{n} topic{n}", f"intent_{n}") for n, own in enumerate(words) for word in own
    ]
    model = train(project)
    assert model.encoder is None
    assert model.classifier.dense is None


@pytest.mark.parametrize("pooling", ["", "pooling_mode_mean_tokens", "pooling_mode_cls_token"])
def test_tokens_are_pooled_as_the_folder_says(tmp_path: Path, pooling: str) -> None:
    a, b = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    encoder = Encoder(write_encoder(tmp_path, {"a": a, "b": b}, pooling=pooling))
    found = encoder.encode(["a b", "a", "b b b a", "strange"] * 20)
    half = np.sqrt(0.5)
    mean = [[half, half], [1, 0], [0.3162, 0.9487], [0, 0]]
    wanted = [[1, 0], [1, 0], [0, 1], [0, 0]] if "cls" in pooling else mean
    assert found == pytest.approx(np.array(wanted * 20), abs=1e-3)
    assert encoder.encode([]).shape[0] == 0


def test_what_is_wrong_with_a_folder_is_said_when_the_project_is_read(tmp_path: Path) -> None:
    project = tmp_path / "bot"
    project.mkdir()
    (project / "config.yml").write_text("language: en\nencoder: ../encoder\n", encoding="utf-8")

    def fault() -> str:
        with pytest.raises(ProjectErrors) as found:
            read_project(project)
        return str(found.value)

    assert "config.yml:2" in fault()
    assert "there is none" in fault()
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"x")
    assert "it holds model.safetensors only: export it to ONNX" in fault()
    (folder / "model.onnx").write_bytes(b"no model")
    assert "expected tokenizer.json" in fault()
    write_encoder(folder, {"a": np.ones(2, np.float32)}, pooling="pooling_mode_max_tokens")
    assert "pooling_mode_max_tokens" in fault()
    write_encoder(folder, {"a": np.ones(2, np.float32)}, pooling="pooling_mode_mean_tokens")
    assert read_project(project).encoder == folder
    (folder / "onnx" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(BadEncoder, match="cannot be loaded"):
        Encoder(folder).encode(["a"])


def test_a_model_needs_the_encoder_that_it_was_trained_with(tmp_path: Path) -> None:
    words, vectors = synonyms()
    folder = write_encoder(tmp_path / "encoder", vectors)
    train(taught(words, folder)).save(tmp_path / "a.model")
    before = taught(words, folder).fingerprint()
    write_encoder(folder, {word: vector + 1 for word, vector in vectors.items()})
    assert taught(words, folder).fingerprint() != before
    with pytest.raises(BadModel, match="has changed"):
        Model.load(tmp_path / "a.model")
    (folder / "onnx" / "model.onnx").unlink()
    with pytest.raises(BadEncoder, match=r"model\.onnx"):
        Model.load(tmp_path / "a.model")


def test_without_the_extra_it_is_named_and_whoever_names_no_encoder_needs_none(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path, {"a": np.ones(2, np.float32)})
    code = (
        "import sys, importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in ('onnxruntime', 'tokenizers') else find(name, *a)\n"
        "from pathlib import Path\n"
        "import nlu.encoder, nlu.train\n"
        "assert not {'onnxruntime', 'tokenizers'} & set(sys.modules)\n"
        "try:\n"
        "    nlu.encoder.Encoder(Path(sys.argv[1]))\n"
        "except nlu.encoder.BadEncoder as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    assert "onnxruntime and tokenizers: install parley with the extra encoder" in done.stdout
