"""The demo shop's bot, trained as `parley run` trains it, for tests that work a database with it."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

from actions.base import always_done, load_actions
from nlu.dialogue import RuleDialogue
from nlu.embedded import Embedded
from nlu.model import Model
from nlu.project import read_project
from nlu.train import train
from parley.bot import Bot
from parley.training import WORDS

SHOP = Path(__file__).parents[1] / "config" / "bot"
TODAY = date(2026, 3, 2)  # a Monday


@cache
def demo_model() -> Model:
    """Its model: learnt once in a process, as that takes some seconds and nobody changes it."""
    return train(read_project(SHOP))


def demo_bot() -> Bot:
    """A bot of its own for each caller, but for the model."""
    project = read_project(SHOP)
    embedded = Embedded(demo_model(), lambda: TODAY)
    return Bot(
        project=project,
        interpreter=embedded,
        dialogue=RuleDialogue(project),
        actions=load_actions(),
        always=always_done(),
        fallback=embedded,
        settings={"timezone": "Asia/Shanghai"},
        house=read_project(WORDS),
        bound=project.bound,
    )
