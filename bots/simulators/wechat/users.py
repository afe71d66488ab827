"""Followers as the account may know them, their tags, and its own menu."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bots.simulators.wechat.calls import Call, endpoint
from bots.simulators.wechat.customers import Customer
from bots.simulators.wechat.errors import ApiError
from bots.simulators.wechat.messages import OK
from bots.simulators.wechat.platform import Platform

PAGE = 10_000
BATCH = 100
TAGS_MAX = 100
TAG_NAME_MAX = 30
TAGGED_AT_ONCE = 50
FIRST_TAG = 100  # 0, 1 and 2 are the platform's own.


def _info(customer: Customer) -> dict[str, Any]:
    if not customer.following or customer.followed_at is None:
        return {"subscribe": 0, "openid": customer.openid}
    number = customer.scene.isdecimal()
    return {
        "subscribe": 1,
        "openid": customer.openid,
        # Names and pictures have been empty here since 2021.
        "nickname": "",
        "headimgurl": "",
        "language": customer.language,
        "subscribe_time": int(customer.followed_at.timestamp()),
        "unionid": customer.unionid,
        "remark": customer.remark,
        "groupid": 0,
        "tagid_list": sorted(customer.tags),
        "subscribe_scene": "ADD_SCENE_QR_CODE" if customer.by_scan else "ADD_SCENE_SEARCH",
        "qr_scene": int(customer.scene) if number else 0,
        "qr_scene_str": "" if number else customer.scene,
    }


@endpoint("/cgi-bin/user/info", right="users", method="GET")
def info(platform: Platform, call: Call) -> dict[str, Any]:
    """One follower; of somebody who left only that they left."""
    return _info(platform.get_customer(call.query.get("openid")))


@endpoint("/cgi-bin/user/info/batchget", right="users")
def infos(platform: Platform, call: Call) -> dict[str, Any]:
    """Up to 100 at once."""
    asked = call.json().get("user_list")
    if not isinstance(asked, list) or not 1 <= len(asked) <= BATCH:
        raise ApiError(47001, "user_list takes 1 to 100 openids")
    openids = [item.get("openid") if isinstance(item, dict) else None for item in asked]
    return {"user_info_list": [_info(platform.get_customer(openid)) for openid in openids]}


@endpoint("/cgi-bin/user/get", right="users", method="GET")
def followers(platform: Platform, call: Call) -> dict[str, Any]:
    """The openids of all followers, 10,000 a page."""
    openids = [customer.openid for customer in platform.customers.followers()]
    after = call.query.get("next_openid", "")
    if after and after not in openids:
        raise ApiError(40003)
    start = openids.index(after) + 1 if after else 0
    page = openids[start : start + PAGE]
    found: dict[str, Any] = {"total": len(openids), "count": len(page)}
    return found | ({"data": {"openid": page}} if page else {}) | {"next_openid": page[-1] if page else ""}


@endpoint("/cgi-bin/user/info/updateremark", right="users")
def remark(platform: Platform, call: Call) -> dict[str, Any]:
    """The account's own name for a follower."""
    body = call.json()
    platform.get_customer(body.get("openid")).remark = str(body.get("remark", ""))[:30]
    return dict(OK)


@endpoint("/cgi-bin/tags/create", right="users")
def create_tag(platform: Platform, call: Call) -> dict[str, Any]:
    """A new tag with a name that is not taken."""
    tag = call.json().get("tag")
    name = tag.get("name") if isinstance(tag, dict) else None
    if not isinstance(name, str) or not 1 <= len(name) <= TAG_NAME_MAX or name in platform.tags.values():
        raise ApiError(45157)
    if len(platform.tags) >= TAGS_MAX:
        raise ApiError(45056)
    number = max(platform.tags, default=FIRST_TAG - 1) + 1
    platform.tags[number] = name
    return {"tag": {"id": number, "name": name}}


@endpoint("/cgi-bin/tags/get", right="users", method="GET")
def tags(platform: Platform, call: Call) -> dict[str, Any]:
    """All tags and how many have each."""
    everybody = platform.customers.followers()
    return {
        "tags": [
            {"id": number, "name": name, "count": sum(number in c.tags for c in everybody)}
            for number, name in platform.tags.items()
        ]
    }


def _tagged(platform: Platform, call: Call) -> tuple[int, Iterable[Customer]]:
    body = call.json()
    number, openids = body.get("tagid"), body.get("openid_list")
    if not isinstance(number, int) or number not in platform.tags:
        raise ApiError(45159)
    if not isinstance(openids, list) or not 1 <= len(openids) <= TAGGED_AT_ONCE:
        raise ApiError(40003, "openid_list takes 1 to 50 openids")
    return number, [platform.get_customer(openid) for openid in openids]


@endpoint("/cgi-bin/tags/members/batchtagging", right="users")
def tag_members(platform: Platform, call: Call) -> dict[str, Any]:
    """Give a tag to up to 50 followers."""
    number, chosen = _tagged(platform, call)
    for customer in chosen:
        customer.tags.add(number)
    return dict(OK)


@endpoint("/cgi-bin/tags/members/batchuntagging", right="users")
def untag_members(platform: Platform, call: Call) -> dict[str, Any]:
    """Take a tag from up to 50 followers."""
    number, chosen = _tagged(platform, call)
    for customer in chosen:
        customer.tags.discard(number)
    return dict(OK)


@endpoint("/cgi-bin/menu/create", right="menu")
def create_menu(platform: Platform, call: Call) -> dict[str, Any]:
    """Set the menu: at most three buttons, at most five below each."""
    buttons = call.json().get("button")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise ApiError(40016)
    for button in buttons:
        if not isinstance(button, dict) or not button.get("name"):
            raise ApiError(40018)
        if len(button.get("sub_button") or ()) > 5:
            raise ApiError(40016)
    platform.menu = buttons
    platform.changes.notify()
    return dict(OK)


@endpoint("/cgi-bin/menu/get", right="menu", method="GET")
def menu(platform: Platform, call: Call) -> dict[str, Any]:
    """The menu as it was set; 46003 if there is none."""
    if not platform.menu:
        raise ApiError(46003)
    return {"menu": {"button": platform.menu}}


@endpoint("/cgi-bin/menu/delete", right="menu", method="GET")
def delete_menu(platform: Platform, call: Call) -> dict[str, Any]:
    """Take the menu away."""
    platform.menu = []
    platform.changes.notify()
    return dict(OK)
