"""A moment in words: tomorrow (Thursday) at 10:00, as the customer's clock and language have it."""

from __future__ import annotations

from datetime import date, datetime

from actions.base import Turn


def said_moment(turn: Turn, at: datetime) -> str:
    """Day and time in words."""
    local = at.astimezone(turn.zone())
    return _said(turn, "at", local.date(), f"{local:%H:%M}").strip()


def said_day(turn: Turn, day: date) -> str:
    """A day in words."""
    return _said(turn, "day", day, "")


def _said(turn: Turn, form: str, day: date, clock: str) -> str:
    ahead = (day - turn.now.astimezone(turn.zone()).date()).days
    name = {0: "today", 1: "tomorrow"}.get(ahead, "day")
    return label(
        turn,
        f"{form}_{name}",
        weekday=label(turn, f"weekday_{day.weekday()}"),
        month=label(turn, f"month_{day.month}"),
        date=str(day.day),
        clock=clock,
    )


def label(turn: Turn, name: str, **values: str) -> str:
    """The words of a label; empty if there is none."""
    said = turn.say(f"utter_label/{name}", **values)
    return said[0].text if said else ""
