"""Everything the page shows, as one JSON object."""

from __future__ import annotations

from typing import Any

from bots.simulators.wechat.account import RIGHTS
from bots.simulators.wechat.customers import Customer
from bots.simulators.wechat.deeds import API_FAULTS, PUSH_FAULTS, Deeds
from bots.simulators.wechat.platform import Platform
from bots.simulators.wechat.templates import OUTCOMES

SHOWN = 25  # pushes and calls
SCREEN = 120  # lines of a conversation


def state(deeds: Deeds, openid: str) -> dict[str, Any]:
    """The account, the logs, and the conversation of one customer (else of the first)."""
    platform, everybody = deeds.platform, deeds.platform.customers.all()
    chosen = platform.customers.find(openid) or (everybody[0] if everybody else None)
    return {
        "version": platform.changes.version,
        "now": platform.now().isoformat(),
        "account": _account(deeds),
        "customers": [_person(customer) for customer in everybody],
        "customer": _customer(platform, chosen) if chosen else None,
        "menu": platform.menu,
        "tickets": _tickets(platform),
        "tokens": _tokens(platform),
        "limits": _limits(platform),
        "pushes": [push.to_json() for push in reversed(deeds.pusher.log)][:SHOWN],
        "calls": [called.to_json() for called in reversed(platform.calls)][:SHOWN],
        "faults": [
            {"kind": fault.kind, "match": fault.match, "times": fault.times}
            for fault in platform.faults.waiting()
        ],
    }


def _account(deeds: Deeds) -> dict[str, Any]:
    account = deeds.account
    return {
        "name": account.name,
        "app_id": account.app_id,
        "original_id": account.original_id,
        "webhook": account.webhook,
        "kind": account.kind,
        "kinds": list(RIGHTS),
        "mode": account.mode,
        "modes": ["plain", *(["compatible", "safe"] if account.aes_key else [])],
        "format": account.format,
        "deadline": account.deadline,
        "tries": account.tries,
        "verified": deeds.pusher.verified,
        "verification": deeds.pusher.verification,
        "push_faults": [
            kind
            for kind in PUSH_FAULTS
            if kind != "old_key" or (account.previous_aes_key and account.aes_key)
        ],
        "api_faults": API_FAULTS,
        "template_outcomes": OUTCOMES,
    }


def _person(customer: Customer) -> dict[str, Any]:
    last = customer.screen[-1] if customer.screen else None
    return {
        "openid": customer.openid,
        "name": customer.name,
        "following": customer.following,
        "shown": customer.shown,
        "last": {"kind": last.kind, "text": last.text[:80], "note": last.data.get("note", "")}
        if last
        else None,
    }


def _customer(platform: Platform, customer: Customer) -> dict[str, Any]:
    now = platform.now()
    return {
        "openid": customer.openid,
        "name": customer.name,
        "following": customer.following,
        "typing": bool(customer.typing_until and now < customer.typing_until),
        "templates": customer.templates,
        "left": customer.allowance.left(now),
        "windows": [
            {"trigger": name, "left": b.left, "count": b.count, "ends_at": b.ends_at.isoformat()}
            for name, b in customer.allowance.buckets(now).items()
        ],
        "screen": [seen.to_json() for seen in customer.screen[-SCREEN:]],
    }


def _tickets(platform: Platform) -> list[dict[str, Any]]:
    now = platform.now()
    return [
        {
            "ticket": ticket.ticket,
            "scene": ticket.scene,
            "ends_at": ticket.ends_at.isoformat() if ticket.ends_at else None,
            "works": ticket.works(now),
        }
        for ticket in reversed(platform.tickets.all())
    ][:SHOWN]


def _tokens(platform: Platform) -> list[dict[str, Any]]:
    now = platform.now()
    return [
        {
            "kind": token.kind,
            "begins": token.value[:6],
            "ends_at": token.ends_at.isoformat(),
            "works": token.works(now),
        }
        for token in platform.tokens.latest()
    ]


def _limits(platform: Platform) -> list[dict[str, Any]]:
    now = platform.now()
    return [
        {"path": path, "used": used, "limit": limit}
        for path, limit in platform.account.daily_limits.items()
        if (used := platform.limits.used(path, now))
    ]
