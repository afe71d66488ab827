"""The form of an FAQ entry: from its fields to a draft, and from an entry to what its fields hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from console.visits import Visit
from crm_store.faq import Wording
from crm_store.faq_edits import Draft

LANGUAGES = ("zh", "en", "ko", "")  # that an editor offers; "": whoever writes in another one


@dataclass(slots=True)
class Panel:
    """The answers in one language: that for all channels first."""

    language: str
    answers: list[Wording] = field(default_factory=list)

    @property
    def is_filled(self) -> bool:
        """Whether there is anything in it."""
        return any(answer.text or answer.more for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Fields:
    """What the form shows."""

    draft: Draft
    panels: list[Panel]
    first_day: str  # "2026-03-01" or empty
    last_day: str

    @property
    def opened(self) -> str:
        """The language whose answers are shown first."""
        return next((panel.language for panel in self.panels if panel.is_filled), self.panels[0].language)


def read_draft(visit: Visit, before: Draft | None) -> Draft:
    """What the form says. What it has no field for stays as it was `before`."""
    kept = {(a.language, a.channel): a.more for a in (before.answers if before else ())}
    places = [name.split(":", 2)[1:] for name in visit.form if name.startswith("text:")]
    answers = [_answer(visit, one, other, kept.get((one, other), {})) for one, other in places]
    for language in {language for language, _ in places}:
        channel, text = visit.text(f"new_channel:{language}"), visit.text(f"new_text:{language}")
        if channel and text:
            answers.append(Wording(text, language, channel))
    titles = {name.partition(":")[2]: visit.text(name) for name in visit.form if name.startswith("title:")}
    return Draft(
        phrasings=tuple(visit.text("phrasings").splitlines()),
        answers=tuple(answers),
        titles={**(before.titles if before else {}), **titles},
        active=bool(visit.text("active")),
        valid_from=_midnight(visit, _day(visit, "first_day")),
        valid_until=_midnight(visit, _day(visit, "last_day"), timedelta(days=1)),
        name=before.name if before else visit.text("name"),
    ).tidy()


def fields_of(visit: Visit, draft: Draft) -> Fields:
    """What the form shows of a draft."""
    languages = list(dict.fromkeys([*LANGUAGES[:-1], *(a.language for a in draft.answers), ""]))
    panels = [Panel(one, _general_first(draft.answers, one)) for one in languages]
    until = _local(visit, draft.valid_until)
    return Fields(
        draft,
        panels,
        first_day=_iso(_local(visit, draft.valid_from)),
        last_day=_iso(until - timedelta(days=1) if until else None),
    )


def buttons_in_words(more: Mapping[str, Any]) -> str:
    """Buttons as lines: their title, and after a bar what a tap says if that is something else."""
    lines = [
        b["title"] if b["payload"] == b["title"] else f"{b['title']} | {b['payload']}"
        for b in more.get("buttons", ())
    ]
    return "\n".join(lines)


def read_buttons(lines: str) -> list[dict[str, str]]:
    """Buttons from such lines."""
    pairs = [line.partition("|") for line in lines.splitlines() if line.strip()]
    return [
        {"title": title.strip(), "payload": payload.strip() or title.strip()}
        for title, _, payload in pairs
        if title.strip()
    ]


def _answer(visit: Visit, language: str, channel: str, kept: Mapping[str, Any]) -> Wording:
    place = f"{language}:{channel}"
    more = {name: part for name, part in kept.items() if name not in ("image", "buttons")}
    if image := visit.text(f"image:{place}"):
        more["image"] = image
    if buttons := read_buttons(visit.text(f"buttons:{place}")):
        more["buttons"] = buttons
    return Wording(visit.text(f"text:{place}"), language, channel, more)


def _general_first(answers: Sequence[Wording], language: str) -> list[Wording]:
    mine = [answer for answer in answers if answer.language == language]
    general = [answer for answer in mine if not answer.channel] or [Wording("", language)]
    return [*general, *(answer for answer in mine if answer.channel)]


def _day(visit: Visit, name: str) -> date | None:
    try:
        return date.fromisoformat(visit.text(name))
    except ValueError:
        return None


def _midnight(visit: Visit, day: date | None, after: timedelta = timedelta()) -> datetime | None:
    """When a day begins, or so long after; None, which is for ever, where the calendar ends."""
    try:
        return (
            datetime.combine(day + after, time(), ZoneInfo(visit.host.timezone)).astimezone(UTC)
            if day
            else None
        )
    except OverflowError:
        return None


def _local(visit: Visit, moment: datetime | None) -> date | None:
    try:
        return moment.astimezone(ZoneInfo(visit.host.timezone)).date() if moment else None
    except OverflowError:  # As a program may have said it.
        return None


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""
