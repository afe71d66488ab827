"""What the API is given by whoever assembles the house, and how an endpoint gets at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from crm_store.db import Database
from crm_store.messages import Address


@dataclass(frozen=True, slots=True)
class Host:
    """The rest of the house. Both calls are made from worker threads, and only after a commit."""

    database: Database
    now: Callable[[], datetime]
    queued: Callable[[str], None]  # something waits in the outbox of the channel of this name
    floor_changed: Callable[[Address, str], None]  # who may speak on this address now


async def _host(request: Request) -> Host:
    host: Host = request.app.state.host
    return host


GivenHost = Annotated[Host, Depends(_host)]
