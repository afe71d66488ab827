"""Put an e-mail address on the record."""

from __future__ import annotations

import re
from collections.abc import Iterable

from actions.base import Turn, action
from actions.heard import find_heard, learn
from crm_store.masking import mask_email
from crm_store.messages import Content

LONGEST = 254  # characters of an address, RFC 5321
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"
)
_TYPED_WIDE = str.maketrans("＠．。", "@..")


def normalise_email(written: str) -> str | None:
    """The address in a text with its domain in lower case; None if there is none."""
    found = _EMAIL.search(written.translate(_TYPED_WIDE))
    if not found or len(found[0]) > LONGEST:
        return None
    mailbox, _, domain = found[0].rpartition("@")
    return f"{mailbox}@{domain.lower()}"


@action("action_leave_email")
def leave_email(turn: Turn) -> Iterable[Content]:
    """Keep the address and say it back, partly hidden; ask again if it is none."""
    address = normalise_email(find_heard(turn, "email") or turn.text)
    if address is None:
        turn.set_slot("email", None)
        return turn.say("utter_email_unusable")
    learn(turn, "email", address, shown=mask_email(address))
    turn.set_slot("email", address)
    return turn.say("utter_email_saved", masked=mask_email(address))
