"""Forms: which slot is asked for next, and with which words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlu.base import Decision, State
from nlu.domain import Domain, Form

BY = "form"


def next_step(domain: Domain, form: Form, state: State, filled: Mapping[str, Any], why: str) -> Decision:
    """What the form does now: ask for the first required slot that is unset, or end.

    The decision's `arguments` hold `active_loop` and `requested_slot` as they are afterwards (None at the
    end), `slots` that are set on the way, and `rule`, the rule that called the form. A form that ends,
    or has no words for its question, is a decision for the form's own name: there is nothing to run.
    """
    slots = {**state.slots, **filled}
    asked = next((name for name in form.required_slots if slots.get(name) is None), None)
    action = _question(domain, form.name, asked) if asked else form.name
    arguments = {
        "active_loop": form.name if asked else None,
        "requested_slot": asked,
        "slots": dict(filled),
        "rule": why,
    }
    return Decision(action, BY, form.name, 1.0, arguments)


def rejects(form: Form, state: State) -> bool:
    """True: the form had asked, and the answer filled none of its slots; others may speak first."""
    return bool(state.requested_slot) and not set(state.filled) & set(form.required_slots)


def advanced(state: State, decision: Decision) -> State:
    """The state after a step of a form."""
    arguments = decision.arguments
    return state.but(
        slots={**state.slots, **arguments["slots"]},
        active_loop=arguments["active_loop"],
        requested_slot=arguments["requested_slot"],
        loop_rejected=False,
        loop_interrupted=False,
    )


def left(state: State) -> State:
    """The state without a form."""
    return state.but(active_loop=None, requested_slot=None, loop_rejected=False, loop_interrupted=False)


def _question(domain: Domain, form: str, slot: str) -> str:
    asked = (f"{form}_{slot}", slot)
    candidates = [f"{kind}_ask_{name}" for name in asked for kind in ("action", "utter")]
    known = {*domain.actions, *domain.responses}
    return next((name for name in candidates if name in known), form)
