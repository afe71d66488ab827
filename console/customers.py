"""Customers: the list, the page of one with all that is known and happened, and editing it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.responses import Response

from console import drawing
from console.happened import changes_of, channel_of, namer, plainly
from console.known import Known, known_of
from console.routing import Routes
from console.visits import Visit
from crm_store import audit, customers, edits, masking, search, timeline
from crm_store.conversations import last_heard
from crm_store.customers import Customer
from crm_store.edits import Edit, Editor
from crm_store.identities import Identity, identities_of
from crm_store.messages import ParleyError, Refused
from crm_store.timeline import KINDS, Entry, Kind, Place

routes = Routes()
LIST, HERE = "/console/customers", "/console/customers/{id}"
PER_PAGE, OF_TIMELINE = 50, 40
MOST_LOOKED_AT = 1000
MOST_FIELDS = 50
NEW_FIELDS = 3  # rows for attributes that are not there yet
# What a filter of the timeline shows.
FILTERS: Mapping[str, tuple[Kind, ...]] = {
    "all": KINDS,
    "talk": ("message", "note"),
    "events": ("event",),
    "campaigns": ("campaign",),
    "followups": ("followup",),
    "changes": ("change",),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A customer in the list."""

    customer: Customer
    name: str
    phone: str
    tags: Sequence[str]
    accounts: Sequence[Identity]
    heard_at: Any


@dataclass(frozen=True, slots=True)
class Group:
    """What stands together in the timeline: messages of one conversation in a row, or one other entry."""

    entries: list[Entry]

    @property
    def kind(self) -> str:
        """What it is; notes stand between the messages they are about."""
        return "talk" if self.entries[0].kind in ("message", "note") else self.entries[0].kind


@routes.page(LIST, right="customers")
def list_customers(visit: Visit) -> Response:
    """Customers, the newest first; with `q` those found, with `tag` those who carry it."""
    tag, asked = visit.query.get("tag", ""), visit.query.get("q", "").strip()
    with visit.database.reading() as session:
        found, more = _found(session, visit, asked, tag)
        return visit.draw(
            "customers/list.html",
            rows=_rows(session, found),
            more=found[-1].id if more else None,
            tag=tag,
            asked=asked,
            tags=customers.common_tags(session),
        )


def _found(session: Session, visit: Visit, asked: str, tag: str) -> tuple[Sequence[Customer], bool]:
    if asked:
        # With a tag more of them are looked at, as most may not carry it.
        hits = search.find_customers(session, asked, limit=MOST_LOOKED_AT if tag else PER_PAGE)
        found = customers.customers_in(session, [hit.customer_id for hit in hits], tag=tag)
        return found[:PER_PAGE], False
    try:
        after = UUID(visit.query["after"]) if "after" in visit.query else None
    except ValueError:
        after = None
    rows = customers.newest_customers(session, tag=tag, after=after, limit=PER_PAGE + 1)
    return rows[:PER_PAGE], len(rows) > PER_PAGE


def _rows(session: Session, found: Sequence[Customer]) -> list[Row]:
    """The rows of a page, with four queries however many there are."""
    ids = [row.id for row in found]
    facts = {
        who: {fact.name: str(fact.value) for fact in each}
        for who, each in customers.attributes_of(session, ids).items()
    }
    tags, accounts = customers.tags_of(session, ids), identities_of(session, ids)
    heard = last_heard(session, ids)
    rows = []
    for row in found:
        known = facts.get(row.id, {})
        phone = masking.mask_phone(known["phone"]) if "phone" in known else ""
        rows.append(
            Row(
                row,
                row.display_name or known.get("name", ""),
                phone,
                tags.get(row.id, ()),
                accounts.get(row.id, ()),
                heard.get(row.id),
            )
        )
    return rows


@routes.page(HERE, right="customers")
def show_customer(visit: Visit) -> Response:
    """One customer; with `part=timeline` only the next piece of the timeline, for the page's script."""
    return draw_customer(visit)


def draw_customer(
    visit: Visit, *, status: int = 200, revealed: Collection[str] = (), **more: Any
) -> Response:
    """The customer's page. `more` is what a form that was refused has to say."""
    only = visit.query.get("only", "all")
    shown = FILTERS.get(only, KINDS)
    after = Place.parse(visit.query.get("after", ""))
    with visit.database.reading() as session:
        known = known_of(session, visit.id(), visit.host.policies, visit.now, revealed)
        entries, rest = timeline.page_of(session, visit.id(), kinds=shown, after=after, limit=OF_TIMELINE)
        values: dict[str, Any] = {
            "known": known,
            "groups": _grouped(entries),
            "rest": rest,
            "only": only if only in FILTERS else "all",
            "filters": list(FILTERS),
            "common_tags": customers.common_tags(session),
            "may_edit": visit.staff.may("edit_customers") and not known.customer.erased_at,
            "new_fields": NEW_FIELDS,
            "tried": {},
            "edit_error": "",
            "tag_error": "",
            "erase_error": "",
            "planning": {},
            "stamp": edits.stamp,
            "changed": changes_of,
            "plainly": plainly,
            "channel_of": channel_of,
            "by": namer(visit),
        }
        return visit.draw("customers/customer.html", status=status, **values | more)


def _grouped(entries: Sequence[Entry]) -> list[Group]:
    groups: list[Group] = []
    for entry in entries:
        talks = entry.kind in ("message", "note")
        last = groups[-1] if groups else None
        if talks and last and last.kind == "talk":
            same = last.entries[0].row.conversation_id == entry.row.conversation_id
            if same and last.entries[0].at.date() == entry.at.date():
                last.entries.append(entry)
                continue
        groups.append(Group([entry]))
    for group in groups:
        group.entries.reverse()  # Within a talk one reads downwards.
    return groups


@routes.deed(HERE + "/edit", right="edit_customers")
def edit_customer(visit: Visit) -> Response:
    """Change names and attributes; whoever saw other values than there are now is told."""
    with visit.database.reading() as session:
        known = known_of(session, visit.id(), visit.host.policies, visit.now)
    wanted = _edit_of(visit, known)
    try:
        with visit.database.writing() as session:
            edits.edit(session, visit.id(), wanted, editor_of(visit), visit.now)
    except ParleyError as error:
        said = drawing.reason_in(visit.language, str(error))
        tried = {name: visit.text(f"to.{name}") for name in wanted.was}
        status = 409 if isinstance(error, Refused) else 422
        return draw_customer(visit, status=status, edit_error=said, tried=tried)
    return visit.go(_path(visit), "customers.saved")


def _edit_of(visit: Visit, known: Known) -> Edit:
    """What the form changes: fields that are as they were are not written over those of others."""
    attributes: dict[str, Any] = {}
    for fact in known.facts:
        written = visit.text(f"to.attributes.{fact.name}")
        if f"to.attributes.{fact.name}" not in visit.form or (fact.name in masking.MASKED and not written):
            continue  # A number that is shown in part is only replaced by a whole one.
        if written != str(fact.value):
            attributes[fact.name] = _typed(written, fact.value) if written else None
    for number in range(NEW_FIELDS):
        name = visit.text(f"new.{number}.name")
        if name:
            attributes[name] = visit.text(f"new.{number}.value") or None
    was = {
        key.removeprefix("was."): str(value)
        for key, value in visit.form.items()
        if key.startswith("was.") and _is_changed(visit, key, known, attributes)
    }
    return Edit(
        display_name=visit.text("to.display_name")[:200],
        language=visit.text("to.language")[:20],
        attributes=attributes,
        was=was,
    )


def _is_changed(visit: Visit, key: str, known: Known, attributes: Mapping[str, Any]) -> bool:
    name = key.removeprefix("was.")
    return name in ("display_name", "language") or name.removeprefix("attributes.") in attributes


def _typed(written: str, before: Any) -> Any:
    """A number stays a number."""
    if isinstance(before, int | float) and not isinstance(before, bool):
        try:
            number = float(written)
        except ValueError:
            return written
        return int(number) if number.is_integer() else number
    return written


@routes.deed(HERE + "/tags", right="edit_customers")
def change_tags(visit: Visit) -> Response:
    """Put a tag on, or take one off."""
    added, removed = visit.text("add"), visit.text("remove")
    wanted = Edit(add_tags=[added] if added else [], remove_tags=[removed] if removed else [])
    try:
        with visit.database.writing() as session:
            edits.edit(session, visit.id(), wanted, editor_of(visit), visit.now)
    except ParleyError as error:
        return draw_customer(visit, status=422, tag_error=drawing.reason_in(visit.language, str(error)))
    return visit.go(visit.text("back") or _path(visit))


@routes.deed(HERE + "/reveal", right="edit_customers")
def reveal(visit: Visit) -> Response:
    """Show a number or an address in full, this once; it is noted who has seen it."""
    name = visit.text("name")
    if name in masking.MASKED:
        with visit.database.writing() as session:
            audit.note(
                session, actor=visit.actor, action="customer.revealed", noun="customer",
                noun_id=visit.id(), customer_id=visit.id(), changes={"seen": name}, now=visit.now,
            )  # fmt: skip
    return draw_customer(visit, revealed={name})


def editor_of(visit: Visit) -> Editor:
    """Who edits, as the audit and the record name them."""
    return Editor(actor=visit.actor, source=f"agent:{visit.staff.name}")


def zone_of(visit: Visit) -> ZoneInfo:
    """The reader's zone, as the page's script tells it; without it the company's."""
    try:
        return ZoneInfo(visit.text("zone") or visit.host.timezone)
    except (LookupError, ValueError, OSError):
        return ZoneInfo(visit.host.timezone)


def _path(visit: Visit) -> str:
    return LIST + f"/{visit.id()}"
