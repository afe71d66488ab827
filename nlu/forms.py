"""Forms: what one does when it is its turn. Pure: an action that has to run first is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nlu.base import LISTEN, REQUESTED, Decision, State
from nlu.domain import Domain, Form
from nlu.moves import Event

BY = "form"
Filled = Mapping[str, Any]
Asked = Mapping[str, Filled]  # actions, and which slots are set again behind each
Run = dict[str, Any]  # plain JSON: it is kept in a row while an action runs


def begin(form: Form, state: State, why: str, *, interrupted: bool = False, hidden: bool = False) -> Run:
    """A run of a form. `interrupted`: it only asks again; what was said is no answer."""
    return {
        "form": form.name,
        "why": why,
        "hidden": hidden,
        "stage": "asking" if state.active_loop == form.name else "opening",
        "looks": state.active_loop is None or (_listened(state) and not interrupted),
        "asked": state.requested_slot if state.active_loop == form.name else None,
        "events": [],
        "queue": [],
    }


def go_on(
    domain: Domain, state: State, run: Run, fill: Callable[[State], tuple[Filled, Asked]]
) -> Decision | None:
    """What the form does next; None where it refuses: it had asked, and was not answered.

    A decision whose arguments hold `run` names an action that has to run first: give the run back with
    what that has set. Any other one is the end of this run: its arguments hold `events`, what has happened
    before its action, and `then`, what happens behind. `fill` finds what the message sets in a state, and
    which actions have to be asked about it.
    """
    form = domain.forms[run["form"]]
    run = {**run, "events": list(run["events"]), "queue": list(run["queue"])}
    while True:
        if run["queue"]:
            return Decision(run["queue"][0], BY, form.name, 1.0, {"run": run, "rule": run["why"]})
        if run["stage"] == "opening":
            _open(domain, form, state, run, fill)
        elif run["stage"] == "opened":
            _look(
                domain, form, run, run["looks"] and len(run["events"]) == 1 and not _is_done(run["events"])
            )
        elif run["stage"] == "asking":
            _look(domain, form, run, run["looks"])
        elif run["stage"] == "looked" and _refuses(form, state, run):
            return None
        else:
            return _ask(domain, form, state, run)


def told(run: Run, events: list[Event]) -> Run:
    """The run with what the action that it waited for has brought."""
    again = run.get("again", {}).get(run["queue"][0], {})
    after = [*run["events"], *events, *(["slot", *pair] for pair in again.items())]
    return {**run, "queue": run["queue"][1:], "events": after}


def _open(
    domain: Domain, form: Form, state: State, run: Run, fill: Callable[[State], tuple[Filled, Asked]]
) -> None:
    filled, asked = fill(state.but(active_loop=form.name, loop_rejected=False))
    run["events"] = [["loop", form.name], *(["slot", *pair] for pair in filled.items())]
    run["stage"] = "opened"
    validation = f"validate_{form.name}"
    run["queue"] = [*asked, validation] if validation in domain.actions else [*asked]
    run["again"] = asked


def _look(domain: Domain, form: Form, run: Run, looks: bool) -> None:
    """Have what was said validated."""
    validation = f"validate_{form.name}"
    run["stage"] = "looked" if looks else "ready"
    run["before"] = len(run["events"])
    run["queue"] = [validation] if looks and validation in domain.actions else []


def _refuses(form: Form, state: State, run: Run) -> bool:
    """True: it had asked, and neither the answer nor its validation has set anything."""
    asked = run["asked"]
    required = {*form.required_slots, asked}
    validated = any(_sets(event) and event[1] != REQUESTED for event in run["events"][run["before"] :])
    return bool(asked) and not validated and required.isdisjoint(state.filled)


def _ask(domain: Domain, form: Form, state: State, run: Run) -> Decision:
    """Ask for the first required slot that is unset, or end."""
    events = run["events"]
    asked = None
    if not _is_done(events):
        asked = next((event[2] for event in events if _sets(event) and event[1] == REQUESTED), None)
        if not asked:
            slots = dict(state.slots)
            slots |= {event[1]: event[2] for event in events if _sets(event)}
            asked = next((name for name in form.required_slots if slots.get(name) is None), None)
            events.append(["slot", REQUESTED, asked])
    else:
        events.append(["slot", REQUESTED, None])
    arguments = {
        "active_loop": form.name if asked else None,
        "requested_slot": asked,
        "events": events,
        "rule": run["why"],
        "hidden": run["hidden"],
        "then": [] if asked else [["loop", None]],
    }
    return Decision(_question(domain, form.name, asked), BY, form.name, 1.0, arguments)


def _listened(state: State) -> bool:
    return bool(state.moves) and state.moves[-1]["action"] == LISTEN


def _sets(event: Event) -> bool:
    return bool(event[0] == "slot")


def _is_done(events: list[Event]) -> bool:
    """True: a validation has ended the form early."""
    for event in reversed(events):
        if _sets(event) and event[1] == REQUESTED:
            if event[2] is None:
                return True
            break
    loops = [event[1] for event in events if event[0] == "loop"]
    return bool(loops) and loops[-1] is None


def _question(domain: Domain, form: str, slot: str | None) -> str:
    asked = (f"{form}_{slot}", slot) if slot else ()
    candidates = [f"{kind}_ask_{name}" for name in asked for kind in ("action", "utter")]
    known = {*domain.actions, *domain.responses}
    return next((name for name in candidates if name in known), form)
