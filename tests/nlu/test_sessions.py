"""Sessions: what is left behind after a long silence, and what is taken along."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from crm_store.messages import Entity, Understanding
from nlu.base import LISTEN, State
from nlu.dialogue import RuleDialogue
from nlu.project import Project
from nlu.sessions import in_session

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def _asked(shop: Project) -> tuple[RuleDialogue, State]:
    """A dialogue whose form has asked for the telephone number."""
    dialogue = RuleDialogue(shop)
    flower = (Entity("flower", "玫瑰", 0, 2),)
    heard = Understanding("订一束玫瑰", "book", 1.0, (("book", 1.0),), flower, engine="embedded")
    state = dialogue.hear(in_session(State(), shop.domain, NOON), heard)
    while (decision := dialogue.decide(state, heard)).action != LISTEN:
        state = dialogue.after(state, decision, {})
    assert (state.active_loop, state.requested_slot) == ("booking", "phone")
    return dialogue, state


def test_within_the_session_a_form_goes_on(shop: Project) -> None:
    _, state = _asked(shop)
    later = in_session(state, shop.domain, NOON + timedelta(minutes=30))
    assert later.active_loop == "booking"
    assert later == replace(state, heard_at=(NOON + timedelta(minutes=30)).timestamp())


def test_after_it_the_form_is_left_and_what_is_known_stays(shop: Project) -> None:
    _, state = _asked(shop)
    later = in_session(state, shop.domain, NOON + timedelta(minutes=31))
    assert later.active_loop is None
    assert later.slots["flower"] == "玫瑰"
    assert later.moves == []


def test_a_domain_may_let_slots_go_or_have_no_end_of_sessions(shop: Project) -> None:
    _, state = _asked(shop)
    much_later = NOON + timedelta(days=3)
    forgetful = replace(shop.domain, carry_over_slots=False)
    assert "flower" not in in_session(state, forgetful, much_later).slots
    endless = replace(shop.domain, session_expiration_minutes=0)
    assert in_session(state, endless, much_later).active_loop == "booking"


def test_nothing_that_is_known_is_asked_again_in_the_next_session(shop: Project) -> None:
    dialogue, state = _asked(shop)
    heard = Understanding("我想订花", "book", 1.0, (("book", 1.0),), (), engine="embedded")
    state = dialogue.hear(in_session(state, shop.domain, NOON + timedelta(hours=2)), heard)
    assert dialogue.decide(state, heard).action == "utter_ask_booking_phone"
