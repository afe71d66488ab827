"""The form of a campaign: its fields read from what was sent, and its schedule as people say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pages
from console.conditions import Rows, read_rows, rows_of
from console.visits import Visit
from crm_store.campaigns import Campaign

WHENS = ("now", "at", "daily", "weekdays", "weekly", "monthly", "cron")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
BUTTONS = 3


@dataclass(frozen=True, slots=True)
class When:
    """A schedule as the form has it."""

    kind: str = "now"
    at: str = ""  # local, as `datetime-local` writes it
    time: str = "10:00"
    weekday: str = "mon"
    monthday: str = "1"
    cron: str = ""
    timezone: str = ""

    def schedule(self, zone: str) -> dict[str, Any]:
        """The schedule that it says; what is wrong with it is told by `check_schedule`."""
        if self.kind == "at":
            return {"kind": "at", "at": _aware(self.at, self.timezone or zone)}
        if self.kind == "now":
            return {"kind": "now"}
        hour, _, minute = self.time.partition(":")
        days = {
            "daily": "* * *",
            "weekdays": "* * mon-fri",
            "weekly": f"* * {self.weekday}",
            "monthly": f"{self.monthday} * *",
        }.get(self.kind)
        cron = f"{int(minute or 0)} {int(hour)} {days}" if days and _is_time(self.time) else self.cron
        return {"kind": "cron", "cron": cron, "timezone": self.timezone or zone}


def when_of(schedule: Mapping[str, Any], zone: str) -> When:
    """A schedule as the form shows it."""
    if schedule.get("kind") == "at":
        at = datetime.fromisoformat(schedule["at"]).astimezone(ZoneInfo(zone))
        return When("at", at=at.strftime("%Y-%m-%dT%H:%M"))
    if schedule.get("kind") != "cron":
        return When()
    cron, own = str(schedule["cron"]), str(schedule["timezone"])
    fields = cron.split()
    if len(fields) == 5 and fields[0].isdigit() and fields[1].isdigit() and fields[3] == "*":
        time = f"{int(fields[1]):02}:{int(fields[0]):02}"
        if fields[2] == "*" and fields[4] in ("*", "mon-fri", *DAYS):
            kind = {"*": "daily", "mon-fri": "weekdays"}.get(fields[4], "weekly")
            day = fields[4] if kind == "weekly" else "mon"
            return When(kind, time=time, weekday=day, timezone=own, cron=cron)
        if fields[4] == "*" and fields[2].isdigit():
            return When("monthly", time=time, monthday=fields[2], timezone=own, cron=cron)
    return When("cron", cron=cron, timezone=own)


@dataclass(frozen=True, slots=True)
class Written:
    """A campaign as it stands in the form."""

    name: str
    rows: Rows
    texts: list[dict[str, Any]]
    channels: list[str]
    when: When

    def fields(self, zone: str) -> dict[str, Any]:
        """What is saved. ValueError for conditions that are no JSON."""
        return {
            "name": self.name,
            "params": {"segment": self.rows.definition()},
            "texts": self.texts,
            "channels": self.channels,
            "schedule": self.when.schedule(zone),
        }

    def text(self, language: str) -> Mapping[str, Any]:
        """The text in a language."""
        return next((t for t in self.texts if t["language"] == language), {"text": "", "buttons": []})


def written_of(campaign: Campaign, zone: str) -> Written:
    """A campaign as the form shows it."""
    rows = rows_of(campaign.params.get("segment", {}))
    texts, when = list(campaign.texts), when_of(campaign.schedule, zone)
    return Written(campaign.name, rows, texts, list(campaign.channels), when)


def read_form(visit: Visit) -> Written:
    """The form that was sent."""
    kind = visit.text("when")
    when = When(
        kind if kind in WHENS else "now",
        **{name: visit.text(name) for name in ("at", "time", "weekday", "monthday", "cron", "timezone")},
    )
    texts = [text for language in _languages(visit) if (text := _text(visit, language))["text"]]
    known = [name for name in visit.texts("channel") if name in visit.host.policies]
    return Written(visit.text("name"), read_rows(visit), texts, known, when)


def _languages(visit: Visit) -> list[str]:
    """The default one first."""
    first = visit.text("first")
    return sorted(pages.LANGUAGES, key=lambda code: code != first)


def _text(visit: Visit, language: str) -> dict[str, Any]:
    titles, says = visit.texts(f"title_{language}"), visit.texts(f"says_{language}")
    buttons = [
        {"title": title.strip(), "payload": said.strip() or title.strip()}
        for title, said in zip(titles, says, strict=False)
        if title.strip()
    ]
    return {"language": language, "text": visit.text(f"text_{language}"), "buttons": buttons[:BUTTONS]}


def _is_time(value: str) -> bool:
    hour, _, minute = value.partition(":")
    return hour.isdigit() and minute.isdigit() and len(value) <= 5


def _aware(local: str, zone: str) -> str:
    try:
        return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).isoformat()
    except (ValueError, KeyError, OSError):
        return local  # it is refused with words
