"""Rasa's action-server protocol, as the one who asks: an action is run over HTTP, its answer read.

Never to be called while a transaction is open: it may take as long as its deadline.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from crm_store.messages import ParleyError
from nlu.endpoints import Endpoint
from nlu.http_client import Answer, HttpServer, NoAnswer

DEADLINE = 10.0  # seconds, for all of it
VERSION = "3.6.21"  # of Rasa, whose protocol this is: servers compare it with their own
KEY_HEADER = "Idempotency-Key"


class ActionFailed(ParleyError):
    """The action server has not run the action."""


@dataclass(frozen=True, slots=True)
class Call:
    """An action to be run. The key is the same however often the same step of a turn is tried."""

    action: str
    key: str
    sender_id: str
    tracker: Mapping[str, Any]
    domain: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """What is sent."""
        sent = {
            "next_action": self.action,
            "sender_id": self.sender_id,
            "tracker": self.tracker,
            "version": VERSION,
        }
        return sent if self.domain is None else {**sent, "domain": self.domain}


@dataclass(frozen=True, slots=True)
class Ran:
    """What a server answered: Rasa's events, and what is to be said. `rejected`: it would not run."""

    events: tuple[Mapping[str, Any], ...] = ()
    responses: tuple[Mapping[str, Any], ...] = ()
    rejected: bool = False


class ActionServer:
    """Runs a project's own actions where they are: one connection a call."""

    def __init__(self, endpoint: Endpoint, deadline: float = DEADLINE) -> None:
        self.endpoint = endpoint
        self._deadline = deadline
        parts = urlsplit(endpoint.url)
        query = "&".join(part for part in (parts.query, urlencode(endpoint.params)) if part)
        self._path = (parts.path or "/") + (f"?{query}" if query else "")
        # What an action does may count twice if it is asked twice.
        self._server = HttpServer(urlunsplit((parts.scheme, parts.netloc, "", "", "")), repeats=False)
        self._headers = dict(endpoint.headers)
        if endpoint.basic_auth:
            signed = b64encode(":".join(endpoint.basic_auth).encode()).decode()
            self._headers["Authorization"] = f"Basic {signed}"

    def run(self, call: Call) -> Ran:
        """Have the action run; `ActionFailed` if the server did not do so in time."""
        answered = self._post(json.dumps(call.to_json()).encode(), {KEY_HEADER: call.key})
        answer = _json(answered.body)
        if answered.status == 400 and isinstance(answer, dict) and answer.get("action_name"):
            return Ran(rejected=True)
        if answered.status != 200:
            raise ActionFailed(f"{self.endpoint.where} answered HTTP {answered.status}")
        return self._read(answer)

    def _read(self, answer: Any) -> Ran:
        told = answer if isinstance(answer, dict) else {"events": answer}
        events, responses = told.get("events", []), told.get("responses", [])
        if not _are_objects(events) or not _are_objects(responses):
            raise ActionFailed(f"expected events and responses from {self.endpoint.where}")
        if not all(isinstance(event.get("event"), str) for event in events):
            raise ActionFailed(f"expected each event from {self.endpoint.where} to say what it is")
        return Ran(tuple(events), tuple(responses))

    def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            return self._server.post(self._path, body, {**self._headers, **headers}, within=self._deadline)
        except NoAnswer as error:
            raise ActionFailed(f"no answer from {self.endpoint.where}: {error}") from error


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _are_objects(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(item, dict) for item in items)
