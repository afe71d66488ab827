"""The embedded interpreter: intents, answers, languages; light, and for any text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_store.language import guess_language
from crm_store.wording import key, normalise
from nlu.embedded import Embedded
from nlu.evaluate import BadRows, evaluate, parse_lines, read_rows
from nlu.model import BadModel, Model
from nlu.project import Project, read_project
from nlu.train import main, train


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("你好啊", "greet"),
        ("Hello!", "greet"),
        ("안녕하세요~", "greet"),
        ("请帮我转人工客服", "ask_person"),
        ("can I talk to a person", "ask_person"),
        ("ＴＨＡＮＫ ＹＯＵ", "thanks"),
        ("我想订一束花", "book"),
    ],
)
def test_texts_near_the_examples_are_understood(embedded: Embedded, text: str, intent: str) -> None:
    heard = embedded.understand([text])[0]
    assert heard.intent == intent
    assert heard.confidence > 0.35


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("请问你们早上几点开门呀", "faq/opening_hours"),
        ("do you deliver to my office", "faq/delivery"),
        ("배달 돼요?", "faq/delivery"),
        ("花多久要换一次水呢", "faq/care"),
    ],
)
def test_a_paraphrase_finds_its_entry(embedded: Embedded, text: str, entry: str) -> None:
    heard = embedded.understand([text])[0]
    assert heard.answers[0].entry == entry
    assert heard.answers[0].score > 0.45
    assert not heard.answers[0].exact
    assert heard.intent == "faq"


def test_a_known_phrasing_is_exact_whatever_its_width_case_and_marks(embedded: Embedded) -> None:
    for text in ("你们几点开门？", "When do you OPEN??", "ｗｈｅｎ　ｄｏ　ｙｏｕ　ｏｐｅｎ"):
        answer = embedded.understand([text])[0].answers[0]
        assert (answer.entry, answer.score, answer.exact) == ("faq/opening_hours", 1.0, True)


@pytest.mark.parametrize("text", ["", "   ", "🤷🤷", "Ω≈ç√∫", "zzz qqq"])
def test_noise_means_nothing(embedded: Embedded, text: str) -> None:
    heard = embedded.understand([text])[0]
    assert heard.confidence < 0.35
    assert not heard.answers or heard.answers[0].score < 0.3


def test_a_batch_gives_what_single_texts_give(embedded: Embedded) -> None:
    texts = ["你好", "", "when do you open", "zzz", "转人工", "x" * 10_000] * 20
    together = embedded.understand(texts)
    alone = [embedded.understand([text])[0] for text in texts]
    assert [u.intent for u in together] == [u.intent for u in alone]
    assert [[a.entry for a in u.answers[:1]] for u in together] == [
        [a.entry for a in u.answers[:1]] for u in alone
    ]
    assert [u.confidence for u in together] == pytest.approx([u.confidence for u in alone], abs=1e-4)


@settings(deadline=None, max_examples=150)
@given(st.text(st.characters(), max_size=80), st.sampled_from(["", "玫瑰", "明天", "13812345678", "rose"]))
def test_any_text_is_coped_with_and_spans_are_true(embedded: Embedded, noise: str, word: str) -> None:
    text = noise + word + noise
    heard = embedded.understand([text])[0]
    assert 0 <= heard.confidence <= 1.0001
    for entity in (*heard.entities, *heard.system_entities):
        assert 0 <= entity.start < entity.end <= len(text)
        assert len(text[entity.start : entity.end]) == entity.end - entity.start
    assert normalise(normalise(text)) == normalise(text)
    assert isinstance(key(text), str)
    heard.to_json()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("你们几点开门", "zh"),
        ("opening hours?", "en"),
        ("배달 되나요 OK", "ko"),
        ("営業時間はいつですか", "ja"),
        ("Когда вы открываетесь", "other"),
        ("请把 invoice 发给我", "zh"),
        ("12345 !?", ""),
        ("T20260101", ""),
        ("ok!", ""),
        ("https://shop.example/tea", ""),
        ("order T20260101, ok?", "en"),
        ("🙂", ""),
    ],
)
def test_the_script_tells_the_language(text: str, language: str) -> None:
    assert guess_language(text) == language


def test_serving_needs_neither_scikit_learn_nor_scipy(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "m.model")
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from nlu.embedded import Embedded\nfrom nlu.model import Model\n"
        "import nlu.dialogue, nlu.rasa_server, nlu.story_tests, nlu.evaluate\n"
        f"Embedded(Model.load(Path({str(tmp_path / 'm.model')!r}))).understand(['你好'])\n"
        "sys.exit(any(name.partition('.')[0] in ('sklearn', 'scipy') for name in sys.modules))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_training_is_a_command_of_its_own(shop: Project, shop_folder: Path, tmp_path: Path) -> None:
    assert main([str(shop_folder), str(tmp_path / "out" / "m.model")]) == 0
    assert Model.load(tmp_path / "out" / "m.model").fingerprint == shop.fingerprint()
    assert main([str(tmp_path / "nowhere"), str(tmp_path / "x")]) == 1
    assert main([]) == 2


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"PK nothing")
    for name in ("m", "missing"):
        with pytest.raises(BadModel, match="expected a model"):
            Model.load(tmp_path / name)


@pytest.mark.parametrize(
    "nlu",
    [
        "nlu: []\n",
        "nlu:\n- intent: only\n  examples: |\n    - one\n",
        "nlu:\n- intent: faq/one\n  examples: |\n    - one\n",
        "nlu:\n- intent: a\n  examples: |\n    - one\n- intent: b\n  examples: |\n    - two\n",
    ],
)
def test_the_smallest_projects_train_save_and_understand(nlu: str, tmp_path: Path) -> None:
    (tmp_path / "nlu.yml").write_text(nlu)
    train(read_project(tmp_path)).save(tmp_path / "m.model")
    heard = Embedded(Model.load(tmp_path / "m.model")).understand(["one", "", "something else"])
    assert heard[1].intent is None
    assert [h.text for h in heard] == ["one", "", "something else"]
    assert heard[0].intent == (
        None if "[]" in nlu else nlu.split("intent: ")[1].split("\n")[0].split("/")[0]
    )


def test_evaluation_counts_intents_and_entities(embedded: Embedded) -> None:
    rows = read_rows(
        [
            '{"text": "你好", "intent": "greet", "entities": []}\n',
            "\n",
            '{"text": "订玫瑰", "intent": "greet", '
            '"entities": [{"start": 1, "end": 3, "entity": "flower", "value": "玫瑰"}]}\n',
            '{"text": "when do you open", "intent": "faq/opening_hours"}\n',
        ],
        "rows.jsonl",
    )
    found = evaluate(embedded, rows)
    assert found["intent_accuracy"] == pytest.approx(2 / 3, abs=1e-3)
    assert found["entity_f1"] == 1.0
    assert found["texts_per_second"] > 0
    with pytest.raises(BadRows, match=r"rows\.jsonl:1"):
        read_rows(["[]"], "rows.jsonl")


def test_lines_are_parsed_into_rasas_shape(embedded: Embedded) -> None:
    parsed = parse_lines(embedded, ["你好\n", "买rose\n"])
    assert parsed[0]["intent"]["name"] == "greet"
    assert parsed[1]["entities"][0] == {
        "entity": "flower",
        "value": "玫瑰",
        "start": 1,
        "end": 5,
        "extractor": "lookup",
    }


def test_a_model_that_is_not_whole_is_refused(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    whole = (tmp_path / "m").read_bytes()
    for broken in (whole[:-7], whole[:200], whole[:-9] + b"8" + whole[-8:], b"{}\n"):
        (tmp_path / "m").write_bytes(broken)
        with pytest.raises(BadModel, match="expected a model"):
            Model.load(tmp_path / "m")
