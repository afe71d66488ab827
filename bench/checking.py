"""Whether the database holds what was acknowledged: each message once, each answered once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import text

from crm_store.db import Database

_HEARD = text("SELECT key, count(*) FROM messages WHERE direction = 'in' GROUP BY key")
# An answer of several messages has several rows, but says nothing twice.
_ANSWERS = text(
    """
    SELECT heard.key, answer.text, answer.status, count(*)
    FROM messages AS heard
    LEFT JOIN messages AS answer ON answer.reply_to = heard.id AND answer.direction = 'out'
    WHERE heard.direction = 'in'
    GROUP BY heard.key, answer.text, answer.status
    """
)


def faults(url: str, acknowledged: Sequence[str]) -> list[str]:
    """What is missing or too much in the database, in words; nothing if all is well."""
    database = Database(url)
    stored: Counter[str] = Counter()
    try:
        with database.reading() as session:
            for key, number in session.connection().execute(_HEARD):
                stored[key] = number
            answers = session.connection().execute(_ANSWERS).all()
    finally:
        database.close()
    counts: Counter[str] = Counter()
    for key in acknowledged:
        if stored[key] != 1:
            counts[f"acknowledged and stored {stored[key]} times"] += 1
    known = set(acknowledged)
    for key, said, status, count in answers:
        if key not in known:
            continue
        if said is None:
            counts["acknowledged and not answered"] += 1
        elif count > 1:
            counts["given the same answer twice"] += 1
        elif status not in ("accepted", "delivered", "read"):
            counts[f"answered, with the status {status}"] += 1
    return [f"{number} messages were {what}" for what, number in sorted(counts.items())]
