"""Web sign-in: a code for a visitor of the shop's page, and what the code tells of them."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from bots.simulators.wechat.calls import Call, endpoint
from bots.simulators.wechat.customers import Customer
from bots.simulators.wechat.errors import ApiError
from bots.simulators.wechat.platform import Platform
from bots.simulators.wechat.visits import Visit

CODE_LASTS = timedelta(minutes=5)
SCOPES = ("snsapi_base", "snsapi_userinfo")


def sign_in(platform: Platform, customer: Customer, scope: str, snapshot: bool = False) -> str:
    """A code for a visitor, good once and for five minutes; 48001 for an account without the right."""
    if not platform.account.may("oauth"):
        raise ApiError(48001)
    if scope not in SCOPES:
        raise ValueError(f"expected a scope out of {', '.join(SCOPES)}, got {scope!r}")
    code = secrets.token_urlsafe(24)
    platform.visits[code] = Visit(customer, scope, platform.now() + CODE_LASTS, snapshot)
    return code


@endpoint("/sns/oauth2/access_token", method="GET", token=False)
def exchange(platform: Platform, call: Call) -> dict[str, Any]:
    """Who stands behind a code: 40029 for an unknown or old one, 40163 for a used one."""
    if call.query.get("appid") != platform.account.app_id:
        raise ApiError(40013)
    if call.query.get("secret") != platform.account.secret:
        raise ApiError(40125)
    visit = platform.visits.get(call.query.get("code", ""))
    if visit is None or platform.now() >= visit.ends_at:
        raise ApiError(40029)
    if visit.used:
        raise ApiError(40163)
    visit.used = True
    found: dict[str, Any] = {
        "access_token": visit.token,
        "expires_in": 7200,
        "refresh_token": secrets.token_urlsafe(80),
        "openid": visit.customer.openid,
        "scope": visit.scope,
    }
    if visit.scope == "snsapi_userinfo":
        found["unionid"] = visit.customer.unionid
    return found | ({"is_snapshotuser": 1} if visit.snapshot else {})


@endpoint("/sns/userinfo", method="GET", token=False)
def userinfo(platform: Platform, call: Call) -> dict[str, Any]:
    """Name and unionid of a visitor who consented."""
    token, openid = call.query.get("access_token", ""), call.query.get("openid", "")
    found = [visit for visit in platform.visits.values() if visit.used and visit.token == token]
    if not found:
        raise ApiError(40001)
    customer = found[0].customer
    if openid != customer.openid:
        raise ApiError(40003)
    if found[0].scope != "snsapi_userinfo":
        raise ApiError(48001)
    return {
        "openid": customer.openid,
        "nickname": customer.name,
        "headimgurl": "",
        "unionid": customer.unionid,
    }
