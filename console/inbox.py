"""The inbox: the list of conversations, narrowed by tab and channel, or found by words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from sqlmodel import Session, col, select
from starlette.responses import HTMLResponse, Response

from console.routing import Routes
from console.visits import Visit, number_of
from crm_store import inbox
from crm_store.channels import ChannelRow
from crm_store.conversations import Conversation
from crm_store.inbox import Counts, Entry, Place
from crm_store.search import Snippet, find_conversations
from crm_store.staff import list_staff

PAGE = 40
LONGEST_WORDS = 200  # characters of a search
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

    tab: str  # "found": what was searched for
    channel: str
    words: str  # that were searched for
    snippets: Mapping[UUID, Snippet]  # where they stand, by conversation
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
    words = visit.query.get("q", "").strip()[:LONGEST_WORDS]
    if words:
        found, snippets, more = _search(session, words, visit.query.get("before", ""))
    else:
        found, more = _narrowed(session, visit, tab, channel)
        snippets = {}
    return Shown(
        tab="found" if words else tab,
        channel=channel,
        words=words,
        snippets=snippets,
        channels=channels,
        entries=inbox.entries(session, found),
        counts=inbox.count(session),
        more=more,
        people=names_of_staff(session),
    )


def _search(
    session: Session, words: str, before: str
) -> tuple[list[Conversation], dict[UUID, Snippet], str]:
    hits = find_conversations(session, words, limit=PAGE + 1, before=number_of(before))
    snippets = {hit.conversation_id: hit.snippet for hit in hits[:PAGE]}
    query = select(Conversation).where(col(Conversation.id).in_(snippets))
    found = {each.id: each for each in session.exec(query)}
    last = hits[PAGE - 1].seq if len(hits) > PAGE else None
    more = urlencode({"q": words, "before": last}) if last else ""
    return [found[each] for each in snippets if each in found], snippets, more


def _narrowed(session: Session, visit: Visit, tab: str, channel: str) -> tuple[list[Conversation], str]:
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
    page = found[:PAGE]
    more = {"tab": tab, "channel": channel, "before": _written(page[-1])} if found[PAGE:] else {}
    return page, urlencode(more)


def names_of_staff(session: Session) -> dict[str, str]:
    """What colleagues are called, by their short name."""
    return {each.name: each.called for each in list_staff(session)}


def agents_of(session: Session) -> dict[str, str]:
    """Those who may have a conversation."""
    working = [each for each in list_staff(session) if each.may("inbox") and not each.disabled_at]
    return {each.name: each.called for each in working}


def remember(response: Response, shown: Shown) -> Response:
    """Have the list beside a conversation show the same; a search stands in the address."""
    if shown.words:
        return response
    response.set_cookie(
        _COOKIE, f"{shown.tab}.{shown.channel}", path="/console", httponly=True, samesite="lax"
    )
    return response


def _wanted(visit: Visit) -> tuple[str, str]:
    tab, _, channel = visit.request.cookies.get(_COOKIE, "").partition(".")
    tab = visit.query.get("tab", tab)
    return tab if tab in TABS else "waiting", visit.query.get("channel", channel)


def _written(conversation: Conversation) -> str:
    heard_at = conversation.heard_at or conversation.created_at
    return f"{heard_at.isoformat()}~{conversation.id}".replace("+00:00", "Z")


def _place(text: str) -> Place | None:
    at, _, conversation_id = text.partition("~")
    try:
        return datetime.fromisoformat(at), UUID(conversation_id)
    except ValueError:
        return None
