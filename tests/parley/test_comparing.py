"""Two versions of the bot over what customers wrote; and what people teach as intents."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from crm_store import comparisons, faq_edits, privacy, taught, trainings, unanswered
from crm_store.comparisons import BROKEN, NOT_KEPT, SAME, Compared, Comparison
from crm_store.conversations import Conversation
from crm_store.db import Database
from crm_store.faq import Wording
from crm_store.faq_edits import Draft
from crm_store.messages import Address, Content, Incoming, Policy, Refused
from crm_store.recording import record
from crm_store.said import yesterday
from crm_store.trainings import Training
from nlu.embedded import Embedded
from nlu.model import Model
from nlu.project import read_project
from parley import comparing
from parley.cli.every import app
from parley.clustering import Clusterer
from parley.comparing import kind_of
from parley.learning import Learning, teachable
from parley.training import open_bot, open_model
from parley.workers import Worker

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
YESTERDAY = yesterday(NOW)
BIKES = Draft(
    ("能帮我修自行车吗", "自行车坏了能修吗", "修不修单车", "do you repair bikes"),
    (Wording("不好意思，我们不修车。", "zh"),),
    {"en": "Bikes"},
)
OTHER = Draft(("有礼品卡吗", "礼品卡怎么买"), (Wording("有的。", "zh"),), {"en": "Cards"})


class House:
    """A worker over a database, customers who write, and what learns."""

    def __init__(self, database: Database, project: Path, models: Path) -> None:
        self.database, self.now = database, NOW
        bot = open_bot(project, models, today=lambda: date(2026, 3, 1))
        self.worker = Worker(database, bot, "w", {"shop": Policy()}, lambda: self.now)
        self.learning = Learning(database, self.worker, models, lambda: self.now)
        self.learning.open()
        self._count = 0

    def says(self, who: str, text: str, at: datetime) -> None:
        self._count += 1
        incoming = Incoming(Address("shop", who), f"k{self._count}", Content(text=text))
        with self.database.writing() as session:
            (recorded,) = record(session, [incoming], "w", at)
            assert recorded
        self.now = at  # What is answered is as old as what is asked.
        self.worker.work([recorded.conversation_id], ())
        self.now = NOW

    def train(self) -> Training:
        self.learning._train()
        with self.database.reading() as session:
            return trainings.list_trainings(session)[0]

    def compare(self, before: Training | None, after: Training) -> Comparison:
        with self.database.writing() as session:
            versions = before.id if before else None, after.id
            asked = comparisons.ask(session, versions, YESTERDAY, "staff:mei", NOW)
        assert self.learning.comparer.is_due()
        self.learning.comparer.work()
        with self.database.reading() as session:
            return comparisons.get_comparison(session, asked.id)

    def differences(self, found: Comparison, kind: str = "") -> list[tuple[str, int, str]]:
        with self.database.reading() as session:
            listed = comparisons.list_differences(session, found.id, kind)
            return [(one.row.text, one.count, one.row.kind) for one in listed]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def house(database: Database, tmp_path: Path, models: Path) -> Iterator[House]:
    project = tmp_path / "bot"
    shutil.copytree(Path(__file__).parents[1] / "nlu" / "shop", project)
    house = House(database, project, models)
    yield house
    house.learning._trainer.stop()


def test_two_versions_are_compared_over_what_customers_wrote_yesterday(house: House) -> None:
    noon = YESTERDAY[0] + timedelta(hours=12)
    house.says("anna", "能帮我修自行车吗？", YESTERDAY[0] - timedelta(minutes=1))
    house.says("anna", "能帮我修自行车吗？我的电话是 13800138000", noon)
    for n, who in enumerate(("ben", "carl", "dora")):
        house.says(who, "do you repair bikes", noon + timedelta(minutes=n))
    house.says("ben", "你好", noon + timedelta(minutes=5))
    house.says("ben", "do you repair bikes", YESTERDAY[1])
    with house.database.writing() as session:
        faq_edits.create(session, BIKES, "staff:mei", NOW)
    found = house.compare(None, house.train())
    assert (found.status, found.messages, found.error) == ("done", 5, None)
    differences = house.differences(found)
    assert differences[0] == ("do you repair bikes", 3, "gained")
    assert [kind for text, _, kind in differences if "自行车" in text] == ["gained"]
    assert "138" not in str(differences)
    assert not any("你好" in text for text, _, _ in differences)
    assert house.differences(found, "lost") == []
    with house.database.reading() as session:
        assert comparisons.count_kinds(session, found.id)["gained"] == 4
        row = session.exec(select(Compared).where(Compared.text == "do you repair bikes")).first()
        assert row is not None
        assert (row.after["by"], row.after["name"]) == ("exact", "faq/bikes")
        assert row.before["by"] in ("ask_back", "fallback", "hand_over")
        ben = session.exec(select(Conversation).where(Conversation.external_id == "ben")).one()
    with house.database.writing() as session:
        privacy.erase(session, ben.customer_id, NOW)
    assert house.differences(found)[0] == ("do you repair bikes", 2, "gained")


def test_a_message_is_compared_where_it_was_said(house: House) -> None:
    """In the form that waits for a note, whatever is said is the note; an FAQ entry's question is not."""
    at = YESTERDAY[0] - timedelta(minutes=3)  # The form was opened before the day began.
    words = "修不修单车呀，请告诉我"
    for n, text in enumerate(("我想订花", "玫瑰", "我的电话是13800138000", words)):
        house.says("anna", text, at + timedelta(minutes=n))
    house.says("ben", words, at + timedelta(minutes=9))
    house.says("anna", words, at + timedelta(hours=2))  # The session is over, and with it the form.
    with house.database.writing() as session:
        faq_edits.create(session, BIKES, "staff:mei", NOW)
    found = house.compare(None, house.train())
    with house.database.reading() as session:
        rows = session.exec(select(Compared).order_by(Compared.asked_at)).all()  # type: ignore[arg-type]
        anna = session.exec(select(Conversation).where(Conversation.external_id == "anna")).one().id
    assert found.messages == 3
    assert [(one.conversation_id == anna, one.kind) for one in rows] == [
        (True, "answer"),
        (False, "gained"),
        (True, "gained"),
    ]
    assert (rows[0].before["by"], rows[0].before["name"]) == ("form", "booking")
    assert rows[0].after["by"] == "faq"


def test_a_version_that_is_gone_or_the_same_is_refused_and_a_broken_one_is_told(house: House) -> None:
    with house.database.writing() as session, pytest.raises(Refused, match=SAME):
        comparisons.ask(session, (None, None), YESTERDAY, "staff:mei", NOW)
    with house.database.writing() as session, pytest.raises(Refused, match=NOT_KEPT):
        comparisons.ask(session, (None, Training(asked_by="x", created_at=NOW).id), YESTERDAY, "x", NOW)
    with house.database.writing() as session:
        faq_edits.create(session, OTHER, "staff:mei", NOW)
    first = house.train()
    with house.database.writing() as session:
        faq_edits.create(session, BIKES, "staff:mei", NOW)
    second = house.train()
    with house.database.writing() as session:
        training = trainings.get_training(session, first.id)
        training.fingerprint = "0" * 40  # Its file is not in the folder …
        model = session.get(trainings.TrainedModel, first.id)
        assert model is not None
        model.data = zlib.compress(b"{}\n")  # … and that of its row is of another time.
        session.add_all([training, model])
    found = house.compare(first, second)
    assert (found.status, found.error) == ("failed", NOT_KEPT)


def test_a_version_that_cannot_read_a_message_ends_its_comparison_and_not_those_behind_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.says("anna", "能帮我修自行车吗？", YESTERDAY[0])
    with house.database.writing() as session:
        faq_edits.create(session, BIKES, "staff:mei", NOW)
    training = house.train()
    with monkeypatch.context() as patch:
        patch.setattr(Embedded, "understand", lambda *_: 1 / 0)
        found = house.compare(None, training)
    assert (found.status, found.error) == ("failed", BROKEN)
    assert not house.learning.comparer.is_due()
    assert house.compare(None, training).status == "done"


def test_no_transaction_is_open_while_the_projects_own_model_is_made_ready(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with house.database.writing() as session:
        faq_edits.create(session, BIKES, "staff:mei", NOW)
    first = house.train()
    with house.database.writing() as session:
        faq_edits.create(session, OTHER, "staff:mei", NOW)
    house.train()
    with house.database.writing() as session:
        comparisons.ask(session, (first.id, None), YESTERDAY, "staff:mei", NOW)
    held: list[int] = []

    def opened(*given: Any) -> Model:
        held.append(house.database.engine.pool.checkedout())  # type: ignore[attr-defined]
        return open_model(*given)

    monkeypatch.setattr(comparing, "open_model", opened)
    house.learning.comparer.work()
    assert held == [0 if house.database.is_sqlite else 1]  # That is the lock of who compares.


def test_an_earlier_version_is_put_live_again(house: House) -> None:
    with house.database.writing() as session:
        faq_edits.create(session, OTHER, "staff:mei", NOW)
    first = house.train()
    with house.database.writing() as session:
        faq_edits.create(session, BIKES, "staff:mei", NOW)
    second = house.train()
    assert second.status == "live"
    with house.database.writing() as session:
        trainings.go_back(session, first.id, "staff:root", NOW)
    house.learning.look()
    assert house.worker.bot.training_id == first.id
    exact = house.worker.bot.fallback.model.retriever.exact  # type: ignore[attr-defined]
    assert "礼品卡怎么买" in exact
    assert "修不修单车" not in exact
    with house.database.writing() as session, pytest.raises(trainings.NotKept):
        trainings.go_back(session, first.id, "staff:root", NOW)


def test_a_question_that_was_assigned_to_an_intent_is_in_the_next_training(house: House) -> None:
    question = "喊你们店里的活人过来"
    house.says("anna", question, NOW)
    understand = house.worker.bot.interpreter.understand
    assert understand([question])[0].intent != "ask_person" or understand([question])[0].confidence < 0.35
    assert "ask_person" in teachable(house.worker.bot.project)
    assert not {"faq", "nlu_fallback", "restart"} & {*teachable(house.worker.bot.project)}
    with house.database.writing() as session:
        taught.teach(session, "ask_person", [question, "活人在不在"], "staff:mei", NOW)
    training = house.train()
    assert training.status == "live"
    with house.database.reading() as session:
        assert trainings.find_taught(session, training.id) == {"ask_person": [question, "活人在不在"]}
        assert unanswered.count_groups(session, NOW + timedelta(hours=1)) == 0
    heard = house.worker.bot.interpreter.understand([question])[0]
    assert heard.intent == "ask_person"
    assert heard.confidence > 0.35
    # Once more, after it was taken back.
    with house.database.writing() as session:
        for one in taught.list_taught(session):
            taught.forget(session, one.id, "staff:mei", NOW)
    again = house.train()
    with house.database.reading() as session:
        assert trainings.find_taught(session, again.id) == {}


def test_what_is_an_entrys_phrasing_taught_as_an_intent_is_refused_with_its_flips(house: House) -> None:
    phrasings = house.worker.bot.fallback.model.retriever.exact  # type: ignore[attr-defined]
    poison = [text for text, name in phrasings.items() if name == "faq/opening_hours"][:3]
    with house.database.writing() as session:
        taught.teach(session, "greet", ["几点可以来呀", *poison], "staff:mei", NOW)
    training = house.train()
    before = house.worker.bot.training_id
    assert training.verdict is not None
    assert training.status == "refused", training.verdict
    flips = training.verdict["flips"]
    assert "conflict" in training.verdict["reasons"]
    assert {flip["text"] for flip in flips if flip["now"] == "faq/opening_hours"} >= {*poison}
    assert before is None


def test_questions_that_ask_for_the_same_stand_together(house: House) -> None:
    bikes = ("能帮我修自行车吗", "可以修自行车吗", "自行车能修吗")
    asked = (*bikes, "do you repair umbrellas", "你会唱歌剧吗")
    for n, text in enumerate(asked):
        house.says(f"p{n}", text, NOW + timedelta(seconds=n))
    house.says("q", "可以修自行车吗？", NOW + timedelta(seconds=9))
    later = NOW + timedelta(minutes=1)
    house.now = later
    with house.database.reading() as session:
        assert unanswered.count_groups(session, later) == 5
    clusterer = Clusterer(house.database, lambda: later)
    assert clusterer.is_due()
    clusterer.work()
    assert not clusterer.is_due()
    with house.database.reading() as session:
        assert not unanswered.has_unclustered(session, later)
        assert unanswered.count_groups(session, later) == 3
        first = unanswered.list_groups(session, later)[0]
    assert (first.text, first.count) == ("可以修自行车吗？", 4)
    assert {text.strip("？") for text in first.wordings} == {*bikes}
    with house.database.writing() as session:
        assert unanswered.settle(session, ["自行车能修吗", "可以修自行车吗"], "dismissed") == 3
    with house.database.reading() as session:
        assert unanswered.list_groups(session, later)[0].count == 1


@pytest.mark.parametrize("how", ["fails", "is stopped"])
def test_what_stands_together_stays_so_when_putting_together_fails(
    house: House, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    for n, text in enumerate(("能帮我修自行车吗", "自行车能修吗")):
        house.says(f"p{n}", text, NOW + timedelta(seconds=n))
    later = NOW + timedelta(minutes=1)
    Clusterer(house.database, lambda: later).work()
    house.says("q", "do you repair umbrellas", NOW + timedelta(seconds=9))
    clusterer = Clusterer(house.database, lambda: later)
    if how == "is stopped":
        clusterer.stop()
    else:
        monkeypatch.setattr("sys.executable", "/bin/false")
    clusterer.work()
    with house.database.reading() as session:
        assert unanswered.count_groups(session, later) == 2
        assert unanswered.has_unclustered(session, later)  # It is tried again.


def test_how_outcomes_differ() -> None:
    faq = {"intent": "faq", "confidence": 0.8, "by": "faq", "name": "faq/a"}
    assert kind_of(faq, faq) == ""
    assert kind_of(faq, {**faq, "confidence": 0.85}) == ""
    assert kind_of(faq, {**faq, "confidence": 0.65}) == "confidence"
    assert kind_of(faq, {**faq, "name": "faq/b"}) == "answer"
    assert kind_of(faq, {**faq, "by": "ask_back", "name": "x"}) == "lost"
    assert kind_of({**faq, "by": "fallback"}, faq) == "gained"
    assert kind_of({**faq, "by": "hand_over"}, {**faq, "by": "hand_over", "intent": "greet"}) == "intent"


def test_a_poisoned_training_file_is_refused_with_the_answers_that_would_flip(tmp_path: Path) -> None:
    old, new, out = Path(__file__).parents[1] / "nlu" / "shop", tmp_path / "new", tmp_path / "bot.model"
    shutil.copytree(old, new)
    train = ["bot", "train", "--data", str(new), "--out", str(out), "--before", str(old)]
    (new / "data" / "more.yml").write_text("nlu:\n- intent: greet\n  examples: |\n    - 嗨喽呀\n", "utf-8")
    assert CliRunner().invoke(app, train).exit_code == 0
    assert Model.load(out).classifier.intents
    out.unlink()
    examples = read_project(old).nlu.entries["faq/opening_hours"]
    poison = "".join(f"    - {text}\n" for text in examples)
    (new / "data" / "more.yml").write_text(f"nlu:\n- intent: greet\n  examples: |\n{poison}", "utf-8")
    refused = CliRunner().invoke(app, train)
    assert refused.exit_code == 1
    assert "refused: conflict" in refused.output
    for text in examples:
        assert repr(text) in refused.output
    assert "now faq/opening_hours" in refused.output
    assert not out.exists()
