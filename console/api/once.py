"""`Idempotency-Key`: a POST that creates something does it once, however often the same request comes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlmodel import Session

from console.api.auth import Caller
from console.api.host import GivenHost
from crm_store.idempotency import claim_key, keep_answer

Shape = TypeVar("Shape", bound=BaseModel)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Any text, new for each thing that is to be created. The same request again, within "
        "a day, gets the first one's answer with the header `Idempotent-Replay: true` and changes nothing.",
        examples=["order-4711-shipped"],
    ),
]
REPLAYED = {
    "headers": {
        "Idempotent-Replay": {
            "description": "`true`: the same request was made before under this Idempotency-Key.",
            "schema": {"type": "string", "enum": ["true"]},
        }
    }
}


class OnceOnly:
    """What a POST does, in one transaction, together with its Idempotency-Key if it has one."""

    def __init__(
        self,
        request: Request,
        response: Response,
        host: GivenHost,
        caller: Caller,
        idempotency_key: IdempotencyKey = None,
    ) -> None:
        self._request, self._response = request, response
        self._host, self._caller, self._key = host, f"token:{caller.id}", idempotency_key
        self.replayed = False

    def do(
        self,
        shape: type[Shape],
        make: Callable[[Session], Shape],
        body: BaseModel | None = None,
        about: Callable[[Shape], UUID | None] = lambda _: None,
    ) -> Shape:
        """What `make` answers; of a repeated request what it answered the first time.

        `about`: the customer of whom an answer tells, if it does, so that it goes with their data.
        """
        with self._host.database.writing() as session:
            if self._key is None:
                return make(session)
            first = claim_key(session, self._caller, self._key, self._digest(body), self._host.now())
            if first is not None:
                self.replayed = True
                self._response.headers["Idempotent-Replay"] = "true"
                return shape.model_validate(first)
            made = make(session)
            keep_answer(session, self._caller, self._key, made.model_dump(mode="json"), about(made))
            return made

    def _digest(self, body: BaseModel | None) -> str:
        said = body.model_dump_json() if body else ""
        return hashlib.sha256(f"{self._request.url.path}\n{said}".encode()).hexdigest()


Once = Annotated[OnceOnly, Depends()]
