"""How a message sounds: by words alone, and by a company's own labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_store.messages import Understanding
from crm_store.wording import normalise
from nlu.embedded import Embedded
from nlu.labels import read_labels
from nlu.model import Model
from nlu.project import read_project
from nlu.reading import Problems, ProjectErrors
from nlu.sentiment_training import FEWEST, learn_sentiment
from nlu.tone import read_tone
from nlu.train import train


@pytest.mark.parametrize(
    "text",
    [
        "很好吃，谢谢", "态度好，味道不错", "没有失望", "非常满意",
        "great tea, thank you!", "Not bad at all",
        "so happy with it",
        "정말 맛있어요", "감사합니다", "👍👍", "一点也不难吃",
    ],
)  # fmt: skip
def test_pleased_texts_are_above_zero(text: str) -> None:
    assert read_tone(normalise(text)).sentiment > 0.2


@pytest.mark.parametrize(
    "text",
    [
        "太难吃了", "不好吃", "等了两个小时，太慢了", "味道不怎么好", "差评!!!",
        "this is terrible",
        "not good",
        "I am not happy", "the cup arrived broken", "좋지 않아요", "너무 실망했어요", "😡", "不推薦",
    ],
)  # fmt: skip
def test_displeased_texts_are_below_zero(text: str) -> None:
    assert read_tone(normalise(text)).sentiment < -0.2


@pytest.mark.parametrize(
    "text", ["你们几点开门", "do you ship to Berlin?", "영업시간", "", "12345", "我要一杯龙井"]
)
def test_a_question_has_no_tone(text: str) -> None:
    assert read_tone(normalise(text)).sentiment == 0
    assert not read_tone(normalise(text)).urgent


@pytest.mark.parametrize(
    ("text", "urgent"),
    [
        ("急用，今天能到吗", True),
        ("请尽快回复", True),
        ("I need it ASAP", True),
        ("please answer right now", True),
        ("급해요", True),
        ("不着急，慢慢来", False),
        ("no rush, not urgent", False),
        ("안 급해요", False),
        ("明天到就好", False),
    ],
)
def test_urgency_is_heard_unless_it_is_denied(text: str, urgent: bool) -> None:
    assert read_tone(normalise(text)).urgent is urgent


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("你他妈的骗子", ("abuse",)),
        ("what the fuck", ("abuse",)),
        ("씨발", ("abuse",)),
        ("兼职日结，加微信 abc12345", ("spam",)),
        ("free money! click here https://x.example", ("spam",)),
        ("http://a.example http://b.example http://c.example", ("spam",)),
        ("哈" * 60, ("spam",)),
        ("我的微信是 tea_lover88，方便联系", ()),
        ("see https://shop.example/tea", ()),
        ("scunthorpe idiotic", ()),
    ],
)
def test_abuse_and_spam_are_flagged(text: str, flags: tuple[str, ...]) -> None:
    assert read_tone(text.lower()).flags == flags


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_a_tone(text: str) -> None:
    assert -1 <= read_tone(normalise(text)).sentiment <= 1


LABELLED = [
    *((f"the {thing} was {word}", label) for label, words in (
        ("positive", ("zingy", "plimful", "groovy", "wizard", "peachy")),
        ("negative", ("naff", "grotty", "manky", "dodgy", "ropey")),
    ) for word in words for thing in (*"abcdefghijklmnopqrstuvwxyz",))
]  # fmt: skip


def test_a_companys_own_labels_teach_words_that_nobody_else_uses() -> None:
    sentiment = learn_sentiment([*LABELLED, ("it is there", "neutral")])
    assert sentiment is not None
    assert sentiment.score("my tea was plimful") > 0.3
    assert sentiment.score("a manky box") < -0.3
    assert sentiment.score("") == pytest.approx(0, abs=0.5)
    assert learn_sentiment(LABELLED[: FEWEST - 1]) is None


def test_labels_beside_a_project_are_part_of_its_model(tmp_path: Path) -> None:
    (tmp_path / "nlu.yml").write_text(
        "nlu:\n- intent: a\n  examples: |\n    - one\n- intent: b\n  examples: |\n    - two\n"
    )
    plain = read_project(tmp_path).fingerprint()
    rows = "".join(f"{text},{label}\n" for text, label in LABELLED)
    (tmp_path / "sentiment.csv").write_text(f"text,sentiment\n{rows}")
    project = read_project(tmp_path)
    assert project.fingerprint() != plain
    train(project).save(tmp_path / "m.model")
    heard = Embedded(Model.load(tmp_path / "m.model")).understand(["so peachy", "very dodgy and urgent"])
    assert heard[0].sentiment > 0 > heard[1].sentiment
    assert heard[1].to_json()["urgent"] is True
    assert "urgent" not in heard[0].to_json()


def test_a_line_that_is_no_label_is_named(tmp_path: Path) -> None:
    (tmp_path / "sentiment.csv").write_text("nice,positive\nmeh,so-so\n")
    with pytest.raises(ProjectErrors, match=r"sentiment\.csv:2"):
        read_project(tmp_path)
    assert read_labels(tmp_path / "nowhere", Problems()) == []


def test_an_understanding_without_a_tone_says_nothing_of_it() -> None:
    assert not {"sentiment", "urgent", "flags"} & set(Understanding("hello").to_json())
