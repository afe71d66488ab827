"""Tables of WeChat's events that only report something, and what a template's result means."""

from __future__ import annotations

from collections.abc import Mapping

from crm_store.messages import Status

# Event (lower case): what `Content.data` keeps of it, and where the push has it.
QUIET_EVENTS: Mapping[str, Mapping[str, str]] = {
    "view": {"url": "EventKey", "menu": "MenuId"},
    "view_miniprogram": {"path": "EventKey", "menu": "MenuId"},
    "location": {"latitude": "Latitude", "longitude": "Longitude", "precision": "Precision"},
    "location_select": {
        "key": "EventKey",
        "latitude": "SendLocationInfo.Location_X",
        "longitude": "SendLocationInfo.Location_Y",
        "label": "SendLocationInfo.Label",
    },
    "pic_sysphoto": {"key": "EventKey", "count": "SendPicsInfo.Count"},
    "pic_photo_or_album": {"key": "EventKey", "count": "SendPicsInfo.Count"},
    "pic_weixin": {"key": "EventKey", "count": "SendPicsInfo.Count"},
    "masssendjobfinish": {
        "message": "MsgID",
        "status": "Status",
        "total": "TotalCount",
        "filtered": "FilterCount",
        "sent": "SentCount",
        "errors": "ErrorCount",
    },
    "publishjobfinish": {
        "publish": "PublishEventInfo.publish_id",
        "status": "PublishEventInfo.publish_status",
        "article": "PublishEventInfo.article_id",
    },
    "kf_create_session": {"account": "KfAccount"},
    "kf_close_session": {"account": "KfAccount"},
    "kf_switch_session": {"account": "ToKfAccount", "from_account": "FromKfAccount"},
    "user_authorization_revoke": {"openid": "OpenID", "revoked": "RevokeInfo"},
    "user_info_modified": {"openid": "OpenID", "changed": "RevokeInfo"},
    "debug_demo": {"note": "debug_str"},
}

_TEMPLATE_FAILURES = {
    "user block": "The customer does not accept messages of this account.",
    "system failed": "WeChat could not deliver it because of a fault of its own.",
    "freq limit": "The customer has received too many messages of this kind.",
}


def result_of_template(status: str) -> tuple[Status, str]:
    """What `TEMPLATESENDJOBFINISH` reports of a message: its status, and the reason in words."""
    outcome, _, cause = (part.strip() for part in status.partition(":"))
    if outcome == "success":
        return "delivered", ""
    return "failed", _TEMPLATE_FAILURES.get(
        cause, f"WeChat could not deliver it: {status or 'no reason given'}"
    )
