"""The rail: the places of the console, in their order. A new page with a place of its own adds its line."""

from __future__ import annotations

from dataclasses import dataclass

from crm_store.staff import Staff


@dataclass(frozen=True, slots=True)
class Stop:
    """One place: `name` is its icon (`console/ui/icons.html`) and its words (`rail.toml`)."""

    name: str
    path: str
    right: str


RAIL: tuple[Stop, ...] = (
    Stop("inbox", "/console/inbox", "inbox"),
    Stop("customers", "/console/customers", "customers"),
    Stop("followups", "/console/followups", "inbox"),
    Stop("faq", "/console/faq", "faq"),
    Stop("campaigns", "/console/campaigns", "campaigns"),
    Stop("segments", "/console/segments", "campaigns"),
    Stop("stories", "/console/stories", "stories"),
    Stop("quick_replies", "/console/quick-replies", "inbox"),
    Stop("parked", "/console/parked", "parked"),
    Stop("staff", "/console/staff", "staff"),
)


def stops_of(staff: Staff) -> list[Stop]:
    """The places that a person may go to."""
    return [stop for stop in RAIL if staff.may(stop.right)]


def home_of(staff: Staff) -> str:
    """Where a person begins: at their main work."""
    stops = {stop.name: stop.path for stop in stops_of(staff)}
    return stops.get("inbox") or stops.get("campaigns") or next(iter(stops.values()), "/console/account")
