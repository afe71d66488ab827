"""Parked turns over the API."""

from __future__ import annotations

import pytest

from crm_store.messages import Address
from tests.console.api.shop import NOBODY, Shop, check_problem
from tests.console.test_parked import TRACE, set_parked


def park(shop: Shop, text: str = "Where is it?", who: str = "anna") -> str:
    return str(set_parked(shop.database, shop.say(text, address=Address("shop", who)).message_id))


def test_parked_turns_are_listed_newest_first_with_their_error(shop: Shop) -> None:
    ids = [park(shop, f"text {n}", f"p{n}") for n in range(3)]
    found = shop.everything("/parked", 2)
    assert [item["id"] for item in found] == ids[::-1]
    assert (found[0]["text"], found[0]["error"], found[0]["traceback"], found[0]["attempts"]) == (
        "text 2", "OrderUnknown", TRACE, 3,
    )  # fmt: skip


@pytest.mark.parametrize(("deed", "action"), [("replay", "replayed"), ("dismiss", "dismissed")])
def test_a_turn_is_replayed_or_dismissed_once_and_audited(shop: Shop, deed: str, action: str) -> None:
    turn = park(shop)
    assert shop.post(f"/parked/{turn}/{deed}").json()["id"] == turn
    assert shop.get("/parked")["items"] == []
    check_problem(shop.post(f"/parked/{turn}/{deed}"), 409)
    check_problem(shop.post(f"/parked/{NOBODY}/{deed}"), 404)
    (entry,) = shop.get("/audit", token=shop.tokens["admin"])["items"]
    assert (entry["action"], entry["noun_id"]) == (f"turn.{action}", turn)
    assert entry["changes"] == {"error": "OrderUnknown", "attempts": 3}


def test_who_may_only_read_may_replay_nothing(shop: Shop) -> None:
    turn = park(shop)
    for deed in ("replay", "dismiss"):
        check_problem(shop.post(f"/parked/{turn}/{deed}", token=shop.tokens["read"]), 403)
    assert len(shop.get("/parked", token=shop.tokens["read"])["items"]) == 1
