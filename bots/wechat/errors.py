"""WeChat's error codes in words: what each means for the message that was being sent."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone

from crm_store.messages import ParleyError, Sent

BUSY_SECONDS = 5.0
MINUTE_QUOTA_SECONDS = 60.0
UNREACHABLE_SECONDS = 15.0

STALE_TOKEN = frozenset({40001, 40014, 42001})
BAD_PICTURE = frozenset({40004, 40005, 40006, 40007, 40009, 41005, 44001, 45001})

_BUSY, _MINUTE_QUOTA, _DAY_QUOTA = -1, 45011, 45009
_CHINA = timezone(timedelta(hours=8))  # one zone without summer time, in which quotas end at midnight

_WINDOW = {
    45015: "The customer last wrote more than 48 hours ago, or follows this account no longer.",
    45047: "WeChat's allowance of messages since the customer last wrote is used up.",
}
_GONE = {
    40003: "WeChat does not know this customer in this account.",
    43004: "The customer does not follow this account.",
    43019: "The customer is on this account's block list.",
}
_FAILED = {
    40001: "WeChat keeps refusing the access token of this account.",
    40007: "WeChat does not know the media id.",
    40013: "The app id or secret of this channel is wrong.",
    40014: "WeChat keeps refusing the access token of this account.",
    40125: "The app id or secret of this channel is wrong.",
    40164: "This server's address is not on the account's list of allowed addresses.",
    42001: "WeChat keeps refusing the access token of this account.",
    43101: "The customer has not permitted messages of this kind.",
    45002: "WeChat finds the message too long.",
    47003: "WeChat finds the message's fields wrong.",
    48001: "This account has no permission to send customer-service messages.",
    48004: "WeChat has blocked this interface for this account.",
    50002: "WeChat has blocked this account.",
    87014: "WeChat finds the content unsafe.",
}

NOT_REACHED = Sent("queued", reason="WeChat could not be reached.", retry_after=UNREACHABLE_SECONDS)
NO_ANSWER = Sent("unknown", reason="WeChat did not answer: the message may or may not have arrived.")
NO_SENSE = Sent(
    "unknown", reason="WeChat's answer makes no sense: the message may or may not have arrived."
)


class CallFailed(ParleyError):
    """A call of WeChat's API did not succeed."""

    def __init__(self, sent: Sent) -> None:
        super().__init__(sent.reason)
        self.sent = sent  # what that means for the message


def outcome(code: int, message: str, now: datetime) -> Sent:
    """What became of a message that WeChat answered with this `errcode` (not 0) and `errmsg`."""
    text = str(code)
    if code == _BUSY:
        return Sent("queued", reason="WeChat is busy.", code=text, retry_after=BUSY_SECONDS)
    if code == _MINUTE_QUOTA:
        reason = "The account's messages for this minute are used up."
        return Sent("queued", reason=reason, code=text, retry_after=MINUTE_QUOTA_SECONDS)
    if code == _DAY_QUOTA:
        reason = "The account's messages for today are used up; WeChat counts from midnight in China."
        return Sent("queued", reason=reason, code=text, retry_after=until_midnight(now))
    if code in _WINDOW:
        return Sent("skipped", reason=_WINDOW[code], code=text)
    if code in _GONE:
        return Sent("failed", reason=_GONE[code], code=text, gone=True)
    return Sent(
        "failed", reason=_FAILED.get(code, f"WeChat refused the message: {message[:200]}"), code=text
    )


def refused_token(code: int, message: str, now: datetime) -> Sent:
    """The same for the request of an access token, where 40001 speaks of the secret."""
    if code in STALE_TOKEN:
        return Sent("failed", reason=_FAILED[40125], code=str(code))
    return outcome(code, message, now)


def answered_http(status: int) -> Sent:
    """What an HTTP status other than 200 means; a gateway's time-out tells nothing."""
    if status in (429, 503):
        return Sent("queued", reason="WeChat is busy.", code=str(status), retry_after=BUSY_SECONDS)
    if status >= 500:
        return Sent("unknown", reason=NO_ANSWER.reason, code=str(status))
    return Sent("failed", reason=f"WeChat answered with HTTP status {status}.", code=str(status))


def until_midnight(now: datetime) -> float:
    """Seconds until 0:00 in China."""
    here = now.astimezone(_CHINA)
    midnight = datetime.combine(here.date() + timedelta(days=1), time(), _CHINA)
    return (midnight - here).total_seconds()
