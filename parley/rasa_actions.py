"""`POST /actions/webhook`: Rasa's action-server protocol, so that a Rasa bot can run the house's actions.

Who asks shows a bearer token with the scope `actions`; `sender_id` is the address. What an action changes
is written here; what it says goes back to Rasa, which says it: nothing,
while a person has the floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import structlog
from sqlmodel import Session
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from actions.base import Turn
from crm_store.conversations import Held, hold_open, save_held
from crm_store.history import Message, last_said
from crm_store.messages import Content, Floor
from crm_store.tokens import find_token
from nlu.matter import read_matter
from nlu.moments import find_moment
from parley.bot import Bot
from parley.house import House
from parley.rasa_calls import LARGEST, Asked, Declined, read_call, response_of
from parley.threads import in_thread

PATH = "/actions/webhook"
log = structlog.get_logger()


@dataclass(slots=True)
class Answered:
    """What is told to Rasa, and to the rest of the house."""

    events: list[dict[str, Any]]
    responses: list[dict[str, Any]]
    conversation_id: UUID
    floor: Floor | None = None  # it has changed to this


class RasaActions:
    """Runs actions of a house for a Rasa bot."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        try:
            await in_thread(self._admit, request.headers.get("authorization", ""))
            asked = read_call(await _body(request), request.headers.get("content-encoding", ""))
            answered = await in_thread(self._run, asked)
        except Declined as declined:
            told = {"error": str(declined), "action_name": declined.action}
            challenge = {"www-authenticate": 'Bearer realm="parley"'} if declined.status == 401 else None
            return JSONResponse(told, declined.status, challenge)
        except Exception as error:
            log.exception("action.broken", error=type(error).__name__)
            return JSONResponse({"error": "the action has failed", "action_name": ""}, 500)
        self._house.changed(answered.conversation_id)
        if answered.floor:
            self._house.floor_changed(asked.address, answered.floor)
        return JSONResponse({"events": answered.events, "responses": answered.responses})

    def _admit(self, header: str) -> None:
        kind, _, secret = header.partition(" ")
        if kind.lower() != "bearer" or not secret.strip():
            raise Declined(401, "expected the header Authorization: Bearer TOKEN")
        with self._house.database.reading() as session:
            token = find_token(session, secret.strip())
        if token is None:
            raise Declined(401, "the token is not one of ours")
        if not token.allows("actions"):
            raise Declined(403, f"this needs a token with scope actions, this one's is {token.scope}")

    def _run(self, asked: Asked) -> Answered:
        bot = self._house.worker.bot
        if asked.action not in bot.actions:
            raise Declined(404, f"there is no action {asked.action}", asked.action)
        with self._house.database.writing() as session:
            held = hold_open(session, [asked.address]).get(asked.address)
            message = last_said(session, asked.address) if held else None
            if held is None or message is None:
                raise Declined(404, "nobody has written from this address", asked.action)
            if held.floor != "bot" and asked.action not in bot.always:
                return Answered([], [], held.id)
            return self._act(session, bot, held, message, asked)

    def _act(self, session: Session, bot: Bot, held: Held, message: Message, asked: Asked) -> Answered:
        turn = _turn(session, bot, held, message, asked, self._house)
        contents, speaks = list(bot.actions[asked.action](turn)), held.floor == "bot"
        if turn.floor and speaks:
            held.floor, held.floor_since = turn.floor, turn.now
            held.read_seq = max(held.read_seq, (message.seq or 1) - 1)
            save_held(session, [held])
        if message.work is None:
            message.decision = [*(message.decision or ()), _step(asked.action, turn)]
            session.add(message)
        events = [{"event": "slot", "name": name, "value": value} for name, value in turn.set_slots.items()]
        responses = [response_of(content) for content in contents] if speaks else []
        return Answered(events, responses, held.id, turn.floor if speaks else None)


def _turn(session: Session, bot: Bot, held: Held, message: Message, asked: Asked, house: House) -> Turn:
    language = bot.language_of(asked.heard, cast(str | None, asked.slots.get("language")))

    def say(name: str, values: Any) -> list[Content]:
        return bot.say(name, {"language": language, **values}, held.channel)

    return Turn(
        session=session,
        now=house.now(),
        customer_id=held.customer_id,
        conversation_id=held.id,
        message_id=message.id,
        text=asked.heard.text,
        understanding=asked.heard,
        slots=dict(asked.slots),
        language=language,
        say_response=say,
        settings=bot.settings,
        read_moment=find_moment,
        read_matter=read_matter,
    )


def _step(action: str, turn: Turn) -> dict[str, Any]:
    changes = [{"what": c.what, "name": c.name, "value": c.value} for c in turn.changes]
    return {"action": action, "by": "rasa", "name": "", "confidence": 1.0, "changes": changes}


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST:
                raise Declined(413, "the body is too large")
    except ClientDisconnect:
        raise Declined(400, "the sender went away") from None
    return bytes(body)
