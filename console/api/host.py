"""How an endpoint gets at the rest of the house."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from console.host import Host


async def _host(request: Request) -> Host:
    host: Host = request.app.state.host
    return host


GivenHost = Annotated[Host, Depends(_host)]
