"""Mass sends: to all, to a tag, to a list of openids; four a month to each for a service account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bots.simulators.wechat.calls import Call, endpoint
from bots.simulators.wechat.customers import Customer
from bots.simulators.wechat.errors import ApiError
from bots.simulators.wechat.limits import day_of, month_of
from bots.simulators.wechat.messages import OK, draw_message
from bots.simulators.wechat.platform import Platform

A_MONTH = 4
LIST_SIZES = range(2, 10_001)
CLIENT_ID_KEPT = timedelta(hours=24)


@endpoint("/cgi-bin/message/mass/sendall", right="mass")
def send_to_all(platform: Platform, call: Call) -> dict[str, Any]:
    """Send to all followers, or to those with a tag."""
    body = call.json()
    chosen = body.get("filter")
    if not isinstance(chosen, dict):
        raise ApiError(47001, "filter is missing")
    if chosen.get("is_to_all"):
        return _send(platform, body, platform.customers.followers())
    tag = chosen.get("tag_id")
    if tag not in platform.tags:
        raise ApiError(45159)
    return _send(platform, body, [c for c in platform.customers.followers() if tag in c.tags])


@endpoint("/cgi-bin/message/mass/send", right="mass_by_openid")
def send_to_list(platform: Platform, call: Call) -> dict[str, Any]:
    """Send to 2 to 10,000 openids."""
    body = call.json()
    openids = body.get("touser")
    if not isinstance(openids, list) or len(openids) not in LIST_SIZES:
        raise ApiError(40003, "touser takes a list of 2 to 10000 openids")
    return _send(platform, body, [platform.get_customer(openid) for openid in openids])


@endpoint("/cgi-bin/message/mass/preview", right="mass")
def preview(platform: Platform, call: Call) -> dict[str, Any]:
    """Show one follower what would be sent; counts for nothing."""
    body = call.json()
    customer = platform.get_customer(body.get("touser"))
    seen = draw_message(platform, body, "mass")
    if not customer.following:
        raise ApiError(43004)
    platform.show(customer, seen)
    return dict(OK)


def _send(platform: Platform, body: dict[str, Any], chosen: list[Customer]) -> dict[str, Any]:
    now, month = platform.now(), month_of(platform.now())
    seen = draw_message(platform, body, "mass")
    own_id = str(body.get("clientmsgid") or "")
    if own_id and (used := platform.client_ids.get(own_id)) and now < used + CLIENT_ID_KEPT:
        raise ApiError(45065)
    service = platform.account.kind.startswith("service")
    if not service and day_of(now) in platform.mass_days:
        raise ApiError(45028)
    if not chosen:
        raise ApiError(40130)
    able = [c for c in chosen if c.following and (not service or c.mass_received[month] < A_MONTH)]
    if not able:
        raise ApiError(45028)
    if own_id:
        platform.client_ids[own_id] = now
    platform.mass_days.add(day_of(now))
    for customer in able:
        customer.mass_received[month] += 1
        platform.show(customer, seen)
    msg_id = platform.new_id()
    counts = {
        "TotalCount": len(chosen),
        "FilterCount": len(able),
        "SentCount": len(able),
        "ErrorCount": 0,
    }
    platform.report(able[0], "MASSSENDJOBFINISH", {"MsgID": msg_id, "Status": "send success", **counts})
    return {
        "errcode": 0,
        "errmsg": "send job submission success",
        "msg_id": msg_id,
        "msg_data_id": platform.new_id(),
    }
