"""What people teach the bot while it serves: answers at once, phrasings after a training."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from crm_store import faq_edits, trainings
from crm_store.db import Database
from crm_store.faq import Filter, Wording, find_entry, list_entries
from crm_store.faq_edits import Draft
from crm_store.messages import Policy
from crm_store.trainings import Training
from nlu.base import State
from parley.learning import Learning
from parley.previewing import preview
from parley.training import find_taught, open_bot
from parley.workers import Worker

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
CARDS = Draft(
    phrasings=("有礼品卡吗", "礼品卡怎么买", "卖不卖购物卡", "do you sell gift cards", "gift card please"),
    answers=(
        Wording("有的，100 元起。", "zh"),
        Wording("Yes, from 100 yuan.", "en"),
        Wording("有的，点菜单里的“礼品卡”。", "zh", "shop-menu"),
    ),
    titles={"zh": "礼品卡", "en": "Gift cards"},
)


class Pupil:
    """One process's bot over a database."""

    def __init__(self, database: Database, project: Path, models: Path) -> None:
        self.now = NOW
        taught = find_taught(database, models)
        bot = open_bot(project, models, today=lambda: date(2026, 3, 1), taught=taught)
        self.worker = Worker(database, bot, "w", {"shop": Policy()}, lambda: self.now)
        self.database = database
        self.learning = Learning(database, self.worker, models, lambda: self.now)
        self.learning.open()

    def train(self) -> Training:
        """Work off what waits; the last training."""
        self.learning._train()
        with self.database.reading() as session:
            return trainings.list_trainings(session)[0]

    def ask(self, text: str, channel: str = "shop") -> tuple[str, str]:
        """Who decided, and what is said to it."""
        bot = self.worker.bot
        (heard,) = bot.interpreter.understand([text])
        state = bot.dialogue.hear(State(), heard)
        decision = bot.dialogue.decide(state, heard)
        slots = {"language": bot.language_of(heard, None)}
        said = bot.say(decision.action, slots, channel)
        return decision.by, said[0].text if said else ""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "bot"
    shutil.copytree(Path(__file__).parents[1] / "nlu" / "shop", folder)
    return folder


@pytest.fixture
def pupil(database: Database, project: Path, models: Path) -> Iterator[Pupil]:
    pupil = Pupil(database, project, models)
    yield pupil
    pupil.learning._trainer.stop()


def teach(pupil: Pupil, draft: Draft = CARDS) -> Training:
    with pupil.database.writing() as session:
        faq_edits.create(session, draft, "staff:mei", NOW)
    return pupil.train()


def test_the_projects_entries_stand_in_the_list_and_are_read_in_once(pupil: Pupil) -> None:
    with pupil.database.reading() as session:
        names = [entry.name for entry in list_entries(session, Filter(origin="project"))]
        version = trainings.get_knowledge(session).version
    assert set(names) == set(pupil.worker.bot.project.nlu.entries)
    Pupil(pupil.database, pupil.worker.bot.project.path, pupil.learning._models)
    with pupil.database.reading() as session:
        assert trainings.get_knowledge(session).version == version


def test_an_entry_that_was_made_in_the_console_answers_like_one_of_the_project(pupil: Pupil) -> None:
    assert pupil.ask("礼品卡怎么买")[0] not in ("exact", "faq")
    assert teach(pupil).status == "live"
    assert pupil.ask("礼品卡怎么买") == ("exact", "有的，100 元起。")
    assert pupil.ask("Do you sell gift cards?") == ("exact", "Yes, from 100 yuan.")
    assert pupil.ask("请问你们有没有礼品卡卖") == ("faq", "有的，100 元起。")
    assert pupil.ask("礼品卡怎么买", "shop-menu")[1] == "有的，点菜单里的“礼品卡”。"
    label = pupil.worker.bot.say("utter_label/faq/gift_cards", {"language": "en"}, "shop")
    assert label[0].text == "Gift cards"


def test_another_answer_is_given_at_once_and_without_training(pupil: Pupil) -> None:
    teach(pupil)
    with pupil.database.writing() as session:
        entry = find_entry(session, "faq/gift_cards")
        assert entry is not None
        other = replace(CARDS, answers=(Wording("卖完了。", "zh"),))
        faq_edits.edit(session, entry.id, other, entry.version, "staff:mei", NOW)
        assert not trainings.waits(session)
    pupil.learning.look()
    assert pupil.ask("礼品卡怎么买") == ("exact", "卖完了。")
    assert (
        pupil.ask("do you sell gift cards")[1] == "卖完了。"
    )  # A language without an answer gets another's.


def test_an_entry_answers_only_within_its_dates(pupil: Pupil) -> None:
    until = NOW + timedelta(days=1)
    teach(pupil, replace(CARDS, valid_until=until))
    assert pupil.ask("礼品卡怎么买")[0] == "exact"
    pupil.now = until
    pupil.learning.look()
    assert pupil.ask("礼品卡怎么买")[0] not in ("exact", "faq")


def test_a_second_process_and_a_restarted_one_have_the_new_model(pupil: Pupil, tmp_path: Path) -> None:
    project = pupil.worker.bot.project.path
    second = Pupil(pupil.database, project, tmp_path / "other machine")
    teach(pupil)
    assert second.ask("礼品卡怎么买")[0] != "exact"
    second.learning.look()
    assert second.ask("礼品卡怎么买") == ("exact", "有的，100 元起。")
    third = Pupil(pupil.database, project, tmp_path / "a third machine")
    assert third.ask("礼品卡怎么买") == ("exact", "有的，100 元起。")


def test_the_gate_refuses_an_entry_that_takes_anothers_questions(pupil: Pupil) -> None:
    name, phrasing = _some_entry(pupil)
    before = pupil.ask(phrasing)
    training = teach(pupil, replace(CARDS, phrasings=(*CARDS.phrasings, phrasing), titles={"en": "Poison"}))
    assert training.status == "refused"
    assert training.verdict is not None
    assert "conflict" in training.verdict["reasons"]
    assert {
        "text": phrasing,
        "expected": "faq/poison",
        "now": name,
        "kind": "conflict",
    } in training.verdict["flips"]
    assert pupil.ask(phrasing) == before
    assert pupil.ask("礼品卡怎么买")[0] != "exact"


def test_an_administrator_may_put_a_refused_training_live(pupil: Pupil) -> None:
    _, phrasing = _some_entry(pupil)
    refused = teach(pupil, replace(CARDS, phrasings=(*CARDS.phrasings, phrasing)))
    with pupil.database.writing() as session:
        trainings.force_live(session, refused.id, "staff:root", NOW)
    pupil.learning.look()
    assert pupil.ask("礼品卡怎么买")[0] == "exact"
    with pupil.database.writing() as session, pytest.raises(trainings.NotRefused):
        trainings.force_live(session, refused.id, "staff:root", NOW)


def test_a_training_that_fails_leaves_the_old_model_and_says_why(pupil: Pupil) -> None:
    teach(pupil)
    domain = pupil.worker.bot.project.path / "domain.yml"
    domain.write_text("intents: 7\n", encoding="utf-8")
    failed = teach(pupil, replace(CARDS, phrasings=("能开发票吗",), titles={"en": "Invoice"}))
    assert failed.status == "failed"
    assert failed.error
    assert "domain.yml" in failed.error
    assert pupil.ask("礼品卡怎么买")[0] == "exact"


def test_what_a_killed_process_was_training_is_trained_again(pupil: Pupil) -> None:
    with pupil.database.writing() as session:
        faq_edits.create(session, CARDS, "staff:mei", NOW)
    with pupil.database.writing() as session:
        assert trainings.start(session, NOW) is not None  # … and the process is gone.
    assert pupil.train().status == "live"


def test_edits_that_come_while_one_waits_are_learned_together(pupil: Pupil) -> None:
    with pupil.database.writing() as session:
        faq_edits.create(session, CARDS, "staff:mei", NOW)
    teach(pupil, replace(CARDS, phrasings=("能开发票吗",), titles={"en": "Invoice"}))
    with pupil.database.reading() as session:
        assert len(trainings.list_trainings(session)) == 1
    assert pupil.ask("能开发票吗")[0] == "exact"
    assert pupil.ask("礼品卡怎么买")[0] == "exact"


def test_an_entry_that_was_taken_over_is_given_back_when_it_is_deleted(pupil: Pupil) -> None:
    name, phrasing = _some_entry(pupil)
    said = pupil.ask(phrasing)
    with pupil.database.writing() as session:
        entry = find_entry(session, name)
        assert entry is not None
        faq_edits.adopt(session, entry.id, "staff:mei", NOW)
        mine = Draft((phrasing,), (Wording("Ours now.", ""),))
        faq_edits.edit(session, entry.id, mine, None, "staff:mei", NOW)
    pupil.learning.look()
    assert pupil.ask(phrasing) == ("exact", "Ours now.")
    with pupil.database.writing() as session:
        faq_edits.remove(session, entry.id, None, "staff:mei", NOW)
    pupil.learning.look()
    assert pupil.ask(phrasing) == said
    with pupil.database.reading() as session:
        again = find_entry(session, name)
        assert again is not None
        assert again.origin == "project"


def _some_entry(pupil: Pupil) -> tuple[str, str]:
    """An entry of the project and one of its phrasings."""
    exact = pupil.learning._base, pupil.worker.bot.fallback
    phrasing, name = next(iter(exact[1].model.retriever.exact.items()))  # type: ignore[attr-defined]
    return name, phrasing


def test_a_preview_tells_what_is_answered_now_and_what_a_draft_would_roughly_change(pupil: Pupil) -> None:
    bot = pupil.worker.bot
    now = preview(bot, pupil.database, "礼品卡有卖的吗", CARDS, None)
    assert now["by"] not in ("exact", "faq")
    assert (now["draft"]["likely"], now["draft"]["exact"]) == ("this", False)
    assert preview(bot, pupil.database, "礼品卡怎么买？", CARDS, None)["draft"]["exact"]
    assert preview(bot, pupil.database, "能帮我修自行车吗", CARDS, None)["draft"]["likely"] == "none"
    name, phrasing = _some_entry(pupil)
    theirs = preview(bot, pupil.database, phrasing, CARDS, None)
    assert (theirs["by"], theirs["name"]) == ("exact", name)
    assert theirs["top"][0]["entry"] == name
    assert theirs["answer"]
    assert theirs["draft"]["likely"] == "another"
    double = replace(CARDS, phrasings=(*CARDS.phrasings, phrasing))
    assert [
        d["entry"] for d in preview(bot, pupil.database, phrasing, double, None)["draft"]["doubles"]
    ] == [name]
