"""`/readyz`: whether this process can do its work, part by part, and what is not as it should be."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from crm_store.migrating import find_version, newest_version
from parley.house import House
from parley.threads import in_thread


class Readiness:
    """Answers `GET /readyz`: 200 if the process is ready, else 503; both say why."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def answer(self, _: Request) -> Response:
        """Every part with `ok` or what is wrong with it."""
        parts, broken = await in_thread(self._look), self._house.broken
        ready = not broken and all(told == "ok" for told in parts.values())
        engines = self._house.worker.bot.engines
        # Without its remote engine the bot answers all the same, with the embedded one.
        degraded = any(engine.is_away for engine in engines)
        status = "not ready" if not ready else "degraded" if degraded else "ready"
        told: dict[str, Any] = {"status": status, **parts}
        told |= {engine.part: "embedded" if engine.is_away else "ok" for engine in engines}
        if self._house.together:  # Without it all goes on, a second later.
            told["redis"] = "ok" if self._house.together.reachable else "away"
        if broken:
            told["broken"] = broken  # parts that have died; the log says of what
        return JSONResponse(told, 200 if ready else 503)

    def _look(self) -> dict[str, str]:
        parts = {"database": "ok", "migrations": "ok", "bot": "ok"}  # No house is opened without its bot.
        try:
            version = find_version(self._house.database)
        except SQLAlchemyError:
            return parts | {"database": "away", "migrations": "unknown"}
        # A newer one is fine: another process is a release ahead, and takes nothing away from this one.
        if version is None or version < newest_version():
            parts["migrations"] = f"at {version or 'nothing'}, expected {newest_version()}"
        return parts
