"""The platform's error codes and the words that come with them."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from crm_store.messages import ParleyError

TEXTS = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40004: "invalid media type",
    40007: "invalid media_id",
    40008: "invalid message type",
    40009: "invalid image size",
    40013: "invalid appid",
    40029: "invalid code",
    40016: "invalid button size",
    40018: "invalid button name size",
    40037: "invalid template_id",
    40052: "invalid action name",
    40053: "invalid action info",
    40066: "invalid url",
    40125: "invalid appsecret",
    40130: "invalid openid list size, at least two openid",
    40163: "code been used",
    41001: "access_token missing",
    41005: "media data missing",
    42001: "access_token expired",
    43001: "require GET method",
    43002: "require POST method",
    43004: "require subscribe",
    44002: "empty post data",
    44004: "empty content",
    45002: "content size out of limit",
    45008: "article size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit",
    45015: "response out of time limit or subscription is canceled",
    45028: "has no masssend quota",
    45029: "qrcode count out of limit",
    45047: "out of response count limit",
    45056: "create too many tag, over the limit",
    45065: "clientmsgid exist",
    45072: "invalid command",
    45157: "invalid tag name",
    45159: "invalid tag id",
    46003: "menu no exist",
    47001: "data format error",
    47003: "argument invalid!",
    48001: "api unauthorized",
    48006: "forbid to clear quota because of reaching the limit",
}
_BARE = {45011, 45065}  # These two are known to come without a request id.


class ApiError(ParleyError):
    """A call that the platform refuses, inside an HTTP 200."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(f"{code} {TEXTS.get(code, 'error')} {detail}".rstrip())
        self.code = code
        self.detail = detail

    def body(self, now: datetime) -> dict[str, Any]:
        """The JSON body: errcode and errmsg, with a request id at its end where the platform adds one."""
        words = " ".join(part for part in (TEXTS.get(self.code, "error"), self.detail) if part)
        if self.code not in _BARE:
            words += f" rid: {int(now.timestamp()):x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
        return {"errcode": self.code, "errmsg": words}
