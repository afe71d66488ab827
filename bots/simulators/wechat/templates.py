"""Template messages: one fixed form to one follower, and the event that tells what became of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bots.simulators.wechat.calls import Call, endpoint
from bots.simulators.wechat.errors import ApiError
from bots.simulators.wechat.platform import Platform
from bots.simulators.wechat.screen import Piece, Seen

# What may become of a template message, in the platform's words.
OUTCOMES = ("success", "failed:user block", "failed: system failed", "failed:freq limit")
_PLACE = re.compile(r"\{\{(\w+)\.DATA\}\}")


@endpoint("/cgi-bin/message/template/send", right="template")
def send_template(platform: Platform, call: Call) -> dict[str, Any]:
    """Send a template message to a follower; its fate follows as TEMPLATESENDJOBFINISH.

    A `client_msg_id` that was used before brings the first answer again and no second message.
    """
    body = call.json()
    customer = platform.get_customer(body.get("touser"))
    template_id = body.get("template_id")
    known = platform.account.templates
    if not isinstance(template_id, str) or not template_id or (known and template_id not in known):
        raise ApiError(40037)
    values = _values(body.get("data"))
    if not customer.following:
        raise ApiError(43004)
    own_id = str(body.get("client_msg_id") or "")
    if own_id in platform.template_ids:
        return {"errcode": 0, "errmsg": "ok", "msgid": platform.template_ids[own_id]}
    msgid = platform.new_id()
    if own_id:
        platform.template_ids[own_id] = msgid
    if customer.templates == "success":
        platform.show(customer, _draw(known.get(template_id, ""), template_id, values, body))
    platform.report(customer, "TEMPLATESENDJOBFINISH", {"MsgID": msgid, "Status": customer.templates})
    return {"errcode": 0, "errmsg": "ok", "msgid": msgid}


def _values(data: Any) -> dict[str, str]:
    if not isinstance(data, dict) or not data:
        raise ApiError(47003, "data is empty")
    for name, part in data.items():
        if not isinstance(part, dict) or not isinstance(part.get("value"), str | int | float):
            raise ApiError(47003, f"data.{name}.value is missing")
    return {name: str(part["value"]) for name, part in data.items()}


def _draw(text: str, template_id: str, values: Mapping[str, str], body: Mapping[str, Any]) -> Seen:
    shown = _PLACE.sub(lambda place: values.get(place[1], ""), text or "\n".join(values.values()))
    # Of a link and a mini program the mini program wins.
    program = body.get("miniprogram")
    page = str(program.get("pagepath", "")) if isinstance(program, dict) else ""
    data = {"template_id": template_id, "url": "" if page else str(body.get("url") or ""), "pagepath": page}
    return Seen("template", shown, how="template", pieces=(Piece(shown),), data=data)
