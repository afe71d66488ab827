"""What the API and the page do to parked turns, in one place; told to the house after the commit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog
from sqlmodel import Session

from console.host import Host
from crm_store import parked
from crm_store.parked import Parked

log = structlog.get_logger()
Deed = Callable[[Session, UUID, str, datetime], Parked]


def replay(host: Host, actor: str, message_id: UUID) -> Parked:
    """Have a turn tried again; a worker finds it within a second."""
    return _do(host, actor, message_id, "turn.replayed", parked.replay)


def dismiss(host: Host, actor: str, message_id: UUID) -> Parked:
    """Take a turn from the list."""
    return _do(host, actor, message_id, "turn.dismissed", parked.dismiss)


def _do(host: Host, actor: str, message_id: UUID, event: str, deed: Deed) -> Parked:
    with host.database.writing() as session:
        found = deed(session, message_id, actor, host.now())
    host.changed(found.conversation.id)
    host.floor_changed(found.conversation.address, found.conversation.floor)
    log.info(event, message_id=str(message_id), actor=actor)
    return found
