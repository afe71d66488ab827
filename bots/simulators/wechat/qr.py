"""QR codes with a parameter: what a shop prints on its counter, and who came through which."""

from __future__ import annotations

from html import escape
from typing import Any

from starlette.responses import Response

from bots.simulators.wechat.calls import Call, endpoint
from bots.simulators.wechat.errors import ApiError
from bots.simulators.wechat.platform import Platform

DEFAULT_SECONDS = 60
MAX_SECONDS = 2_592_000
PERMANENT_MAX = 100_000
SCENE_LENGTHS = range(1, 65)
_KINDS = ("QR_SCENE", "QR_STR_SCENE", "QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE")


@endpoint("/cgi-bin/qrcode/create", right="qr")
def create(platform: Platform, call: Call) -> dict[str, Any]:
    """A new code, temporary (60 s to 30 days) or permanent (at most 100,000)."""
    body = call.json()
    kind = body.get("action_name")
    if kind not in _KINDS:
        raise ApiError(40052)
    scene = _scene(body, kind)
    seconds: int | None = None
    if kind.startswith("QR_LIMIT"):
        if platform.tickets.permanent() >= PERMANENT_MAX:
            raise ApiError(45029)
    else:
        seconds = body.get("expire_seconds", DEFAULT_SECONDS)
        if not isinstance(seconds, int) or not 1 <= seconds <= MAX_SECONDS:
            raise ApiError(40053, f"expire_seconds takes 1 to {MAX_SECONDS}")
    return _issue(platform, scene, seconds)


def _scene(body: dict[str, Any], kind: str) -> str:
    info = body.get("action_info")
    scene = info.get("scene") if isinstance(info, dict) else None
    if not isinstance(scene, dict):
        raise ApiError(40053, "action_info.scene is missing")
    if "STR" in kind:
        text = scene.get("scene_str")
        if not isinstance(text, str) or len(text) not in SCENE_LENGTHS:
            raise ApiError(40053, "scene_str takes 1 to 64 characters")
        return text
    number = scene.get("scene_id")
    highest = PERMANENT_MAX if "LIMIT" in kind else 2**32 - 1
    if not isinstance(number, int) or not 1 <= number <= highest:
        raise ApiError(40053, f"scene_id takes 1 to {highest}")
    return str(number)


def _issue(platform: Platform, scene: str, seconds: int | None) -> dict[str, Any]:
    ticket = platform.tickets.issue(scene, platform.now(), seconds)
    platform.changes.notify()
    lasts = {} if seconds is None else {"expire_seconds": seconds}
    return {"ticket": ticket.ticket, **lasts, "url": ticket.url}


@endpoint("/cgi-bin/showqrcode", method="GET", token=False)
def show(platform: Platform, call: Call) -> Response:
    """A picture that stands for the code. Nothing can read it: it is scanned on the simulator's page."""
    ticket = platform.tickets.find(call.query.get("ticket", ""))
    if ticket is None:
        return Response(status_code=404)
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 240" font-family="sans-serif">'
        '<rect width="240" height="240" fill="#fff"/>'
        '<g fill="none" stroke="#111" stroke-width="12"><path d="M30 30h48v48h-48zM162 30h48v48h-48z'
        'M30 162h48v48h-48z"/></g>'
        f'<text x="120" y="126" text-anchor="middle" font-size="16">{escape(ticket.scene)}</text></svg>'
    )
    return Response(svg, media_type="image/svg+xml")
