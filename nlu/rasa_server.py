"""The interpreter that asks a Rasa server: `POST /model/parse`, one text at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crm_store.language import guess_language
from crm_store.messages import Answer, Entity, Understanding, clean
from crm_store.wording import normalise
from nlu.payload import typed
from nlu.rasa_wire import TIMEOUT, EngineUnavailable, Wire
from nlu.tone import read_tone

_SHOWN_INTENTS = 10
_SHOWN_ANSWERS = 5


class RasaServer:
    """Understands texts with a Rasa server, over connections that are kept open."""

    remote = True

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        self._wire = Wire(url, "/model/parse", timeout, repeats=True)

    def understand(self, texts: Sequence[str]) -> list[Understanding]:
        """One understanding a text, in order; `EngineUnavailable` if the server does not answer."""
        return [self._understand(text) for text in texts]

    def close(self) -> None:
        """Close the connections that are kept."""
        self._wire.close()

    def _understand(self, text: str) -> Understanding:
        if not text.strip():
            return Understanding(text=text, engine="rasa")
        result = self._wire.post({"text": typed(clean(text))})
        try:
            return read_parse_result(text, result)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            told = f"expected Rasa's parse result from {self._wire.where}: {type(error).__name__}"
            raise EngineUnavailable(told) from error


def read_parse_result(text: str, result: Mapping[str, Any]) -> Understanding:
    """Rasa's parse result as an understanding of `text`; KeyError, TypeError, ValueError if it is none."""
    intent = result["intent"]
    tone = read_tone(normalise(text))
    ranking = tuple((_text(i["name"]), _share(i["confidence"])) for i in result.get("intent_ranking", ()))
    return Understanding(
        text=text,
        intent=_text(intent["name"] or "") or None,
        confidence=_share(intent.get("confidence") or 0.0),
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
        entity=_text(item["entity"]),
        value=item.get("value"),
        start=int(item["start"]),
        end=int(item["end"]),
        role=item.get("role"),
        group=item.get("group"),
        extractor=item.get("extractor") or "",
    )


def _answers(selectors: Mapping[str, Any]) -> tuple[Answer, ...]:
    found = [
        Answer(_text(item["intent_response_key"]), _share(item["confidence"]))
        for name, selector in selectors.items()
        if name != "all_retrieval_intents"
        for item in selector.get("ranking", ())
    ]
    return tuple(sorted(found, key=lambda answer: -answer.score)[:_SHOWN_ANSWERS])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return clean(value)


def _share(value: Any) -> float:
    """A number from 0 to 1; ValueError for all else, NaN too."""
    found = float(value)
    if not -0.001 <= found <= 1.001:
        raise ValueError("expected a number from 0 to 1")
    return min(1.0, max(0.0, found))
