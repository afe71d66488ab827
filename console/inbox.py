"""The inbox: the list of conversations, narrowed by tab and channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select
from starlette.responses import HTMLResponse, Response

from console.routing import Routes
from console.visits import Visit
from crm_store import inbox
from crm_store.channels import ChannelRow
from crm_store.inbox import Counts, Entry, Place
from crm_store.staff import list_staff

PAGE = 40
TABS: Mapping[str, tuple[str, ...]] = {
    "waiting": ("waiting",),
    "mine": ("agent",),
    "all": ("waiting", "agent", "bot"),
    "closed": ("closed",),
}
_COOKIE = "parley_inbox"
routes = Routes()


@dataclass(frozen=True, slots=True)
class Shown:
    """What the list beside everything shows."""

    tab: str
    channel: str
    channels: list[str]
    entries: list[Entry]
    counts: Counts
    more: str  # the query of the next page; empty at the end
    people: Mapping[str, str]  # what colleagues are called, by their short name


@routes.page("/console/inbox", right="inbox")
def show_inbox(visit: Visit) -> Response:
    """The list alone; on a wide screen with room for a conversation beside it."""
    with visit.database.reading() as session:
        shown = list_for(session, visit)
    if visit.query.get("part"):
        return HTMLResponse(visit.part("inbox/rows.html", shown=shown, people=shown.people, open_id=None))
    return remember(visit.draw("inbox/inbox.html", shown=shown, people=shown.people), shown)


def list_for(session: Session, visit: Visit) -> Shown:
    """What this person looks at: by the query, else as they looked last."""
    tab, channel = _wanted(visit)
    channels = list(session.exec(select(ChannelRow.name).order_by(col(ChannelRow.name))))
    channel = channel if channel in channels else ""
    found = inbox.list_inbox(
        session,
        floors=TABS[tab],
        channel=channel,
        agent=visit.staff.name if tab == "mine" else "",
        before=_place(visit.query.get("before", "")),
        limit=PAGE + 1,
    )
    if tab == "mine" and channel:
        found = [each for each in found if each.channel == channel]
    more, page = found[PAGE:], found[:PAGE]
    return Shown(
        tab=tab,
        channel=channel,
        channels=channels,
        entries=inbox.entries(session, page),
        counts=inbox.count(session),
        more=f"tab={tab}&channel={channel}&before={_written(page[-1])}" if more else "",
        people=names_of_staff(session),
    )


def names_of_staff(session: Session) -> dict[str, str]:
    """What colleagues are called, by their short name."""
    return {each.name: each.called for each in list_staff(session)}


def remember(response: Response, shown: Shown) -> Response:
    """Have the list beside a conversation show the same."""
    response.set_cookie(
        _COOKIE, f"{shown.tab}.{shown.channel}", path="/console", httponly=True, samesite="lax"
    )
    return response


def _wanted(visit: Visit) -> tuple[str, str]:
    tab, _, channel = visit.request.cookies.get(_COOKIE, "").partition(".")
    tab = visit.query.get("tab", tab)
    return tab if tab in TABS else "waiting", visit.query.get("channel", channel)


def _written(conversation: Any) -> str:
    return f"{conversation.heard_at.isoformat()}~{conversation.id}".replace("+00:00", "Z")


def _place(text: str) -> Place | None:
    at, _, conversation_id = text.partition("~")
    try:
        return datetime.fromisoformat(at), UUID(conversation_id)
    except ValueError:
        return None
