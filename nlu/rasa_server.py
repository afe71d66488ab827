"""The interpreter that asks a Rasa server: `POST /model/parse`, one text at a time."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from crm_store.language import guess_language
from crm_store.messages import Answer, Entity, ParleyError, Understanding, clean
from crm_store.wording import normalise
from nlu.tone import read_tone

TIMEOUT = 30.0  # seconds
_SHOWN_INTENTS = 10
_SHOWN_ANSWERS = 5


class EngineUnavailable(ParleyError):
    """The Rasa server cannot be reached or does not answer as one."""


class RasaServer:
    """Understands texts with a Rasa server. Each thread keeps one connection open."""

    remote = True

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"expected rasa_url as in http://127.0.0.1:5005, got {url!r}")
        self._https = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._path = f"{parts.path.rstrip('/')}/model/parse"
        self._timeout = timeout
        self._kept = threading.local()

    def understand(self, texts: Sequence[str]) -> list[Understanding]:
        """One understanding a text, in order; `EngineUnavailable` if the server does not answer."""
        return [self._understand(text) for text in texts]

    def close(self) -> None:
        """Close the connection that this thread keeps."""
        kept: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is not None:
            kept.close()
            self._kept.connection = None

    def _understand(self, text: str) -> Understanding:
        if not text.strip():
            return Understanding(text=text, engine="rasa")
        # A text that begins with a slash would be taken as an intent by the server.
        asked = clean(text)
        asked = asked if not asked.lstrip().startswith("/") else f" {asked.lstrip().lstrip('/')}"
        status, body = self._post(json.dumps({"text": asked}).encode())
        try:
            result = json.loads(body)
        except ValueError:
            result = None
        if status != 200 or not isinstance(result, dict):
            raise EngineUnavailable(f"expected a parse result from {self._where}, got HTTP {status}")
        try:
            return read_parse_result(text, result)
        except (KeyError, TypeError, ValueError) as error:
            raise EngineUnavailable(
                f"expected Rasa's parse result from {self._where}: {error!r}"
            ) from error

    @property
    def _where(self) -> str:
        return f"{self._host}:{self._port or (443 if self._https else 80)}{self._path}"

    def _post(self, body: bytes) -> tuple[int, bytes]:
        kept: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is not None:
            try:
                return self._exchange(kept, body)
            except (http.client.RemoteDisconnected, ConnectionError):
                self._drop(kept)  # The server had closed an idle connection: parsing again does no harm.
            except (OSError, http.client.HTTPException) as error:
                self._drop(kept)  # What still comes on it would answer the wrong question.
                raise EngineUnavailable(
                    f"no answer from the Rasa server at {self._where}: {error!r}"
                ) from error
        connection = self._connect()
        try:
            answer = self._exchange(connection, body)
        except (OSError, http.client.HTTPException) as error:
            self._drop(connection)
            raise EngineUnavailable(
                f"no answer from the Rasa server at {self._where}: {error!r}"
            ) from error
        self._kept.connection = connection
        return answer

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        self._kept.connection = None

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self._timeout)

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
        connection.request("POST", self._path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()


def read_parse_result(text: str, result: Mapping[str, Any]) -> Understanding:
    """Rasa's parse result as an understanding of `text`; KeyError, TypeError, ValueError if it is none."""
    intent = result["intent"]
    tone = read_tone(normalise(text))
    ranking = tuple((item["name"], float(item["confidence"])) for item in result.get("intent_ranking", ()))
    return Understanding(
        text=text,
        intent=intent["name"] or None,
        confidence=float(intent.get("confidence") or 0.0),
        ranking=ranking[:_SHOWN_INTENTS],
        entities=tuple(_entity(item) for item in result.get("entities", ())),
        answers=_answers(result.get("response_selector") or {}),
        language=guess_language(text),
        engine="rasa",
        sentiment=tone.sentiment,
        urgent=tone.urgent,
        flags=tone.flags,
    )


def _entity(item: Mapping[str, Any]) -> Entity:
    return Entity(
        entity=item["entity"],
        value=item.get("value"),
        start=int(item["start"]),
        end=int(item["end"]),
        role=item.get("role"),
        group=item.get("group"),
        extractor=item.get("extractor") or "",
    )


def _answers(selectors: Mapping[str, Any]) -> tuple[Answer, ...]:
    found = [
        Answer(item["intent_response_key"], float(item["confidence"]))
        for name, selector in selectors.items()
        if name != "all_retrieval_intents"
        for item in selector.get("ranking", ())
    ]
    return tuple(sorted(found, key=lambda answer: -answer.score)[:_SHOWN_ANSWERS])
