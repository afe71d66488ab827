"""Where a turn starts from: one message, and all that is known when it has its turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from crm_store.conversations import Held
from crm_store.history import Inbound
from crm_store.messages import Floor, Understanding
from nlu.action_server import Ran
from nlu.base import Decision, State
from nlu.rasa_dialogue import Reply
from parley.bot import Bot


@dataclass(slots=True)
class Situation:
    """All that a turn starts from."""

    session: Session
    bot: Bot
    conversation: Held
    message: Inbound
    heard: Understanding
    state: State
    now: datetime
    answer_at: datetime  # not before this moment, unless the platform's own request carries it
    floor: Floor = "bot"  # as the message found it
    instead: Decision | None = None  # of giving up: what a language model answers
    reply: Reply | None = None  # what a remote dialogue has said to it
    # What an action server has answered already, by the call's key; None: none may be asked now.
    told: Mapping[str, Ran] | None = None
    # What the record holds of what slots are bound to; see `bound.py`.
    facts: dict[tuple[str, str], Any] | None = None
