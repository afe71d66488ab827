"""The wire to an OpenAI-compatible server: one question, one JSON object back, within a deadline.

Whatever the server does (hangs, drips, sends rubbish), the caller gets a `ModelFailed` in time.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from crm_store.messages import ParleyError
from nlu.http_client import Answer, HttpServer, NoAnswer, TooLarge, TooLate

_PATH = "/chat/completions"
MOST_BYTES = 512 * 1024  # of an answer; beyond that it is none
LONGEST_PAUSE = 5.0  # seconds until the second try, whatever the server asks for
# Keys that not every server takes. One that a server complains of is left out, or goes by its other name.
_PICKY: Mapping[str, str] = {
    "response_format": "", "temperature": "", "max_tokens": "max_completion_tokens",
}  # fmt: skip
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)

Fault = Literal["no_answer", "too_slow", "busy", "refused", "broken", "rubbish"]
Messages = Sequence[Mapping[str, str]]  # role and content


class ModelFailed(ParleyError):
    """The language model gave no usable answer. `fault` says which way, `used` what it cost in tokens."""

    def __init__(self, fault: Fault, what: str, used: int | None = None) -> None:
        super().__init__(what)
        self.fault: Fault = fault
        self.used = used  # None: the server may have counted, and did not say what


@dataclass(frozen=True, slots=True)
class Replied:
    """What the model said: a JSON object, and the tokens that question and answer took (None: untold)."""

    value: dict[str, Any]
    tokens: int | None


class Client:
    """Asks one model of one server. Safe to be used from many threads."""

    def __init__(self, base_url: str, model: str, key: str = "", timeout: float = 20.0) -> None:
        """`base_url` as in https://host/v1; `timeout`: seconds for one question, second try included."""
        self._server = HttpServer(base_url, repeats=False)
        self._model = model
        self._key = key
        self._timeout = timeout
        self._left_out: frozenset[str] = frozenset()  # of _PICKY, what this server does not take

    def ask(self, messages: Messages, most_tokens: int, within: float | None = None) -> Replied:
        """The model's answer as a JSON object; ModelFailed if there is none within so many seconds."""
        until = time.monotonic() + min(self._timeout, within or self._timeout)
        found = self._twice(messages, most_tokens, until)
        while found.status == 400 and self._learns_from(found.body):
            found = self._once(messages, most_tokens, until)
        if found.status != 200:
            fault = _fault_of(found.status)
            raise ModelFailed(fault, f"the model's server answered HTTP {found.status}", 0)
        return read_completion(found.body)

    def stop(self) -> None:
        """Cut what is being asked, and ask nothing any more."""
        self._server.stop()

    def _twice(self, messages: Messages, most_tokens: int, until: float) -> Answer:
        """Try again once where nothing can have been answered: no connection, or "too many requests"."""
        pause = 0.2
        try:
            found = self._once(messages, most_tokens, until)
            if found.status != 429:
                return found
            pause = _pause_of(found.headers)
            if time.monotonic() + pause >= until:
                return found
        except ModelFailed as error:
            if error.fault != "no_answer" or error.used is None or time.monotonic() + pause >= until:
                raise
        time.sleep(pause)
        return self._once(messages, most_tokens, until)

    def _once(self, messages: Messages, most_tokens: int, until: float) -> Answer:
        headers = {"Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        body = json.dumps(self._asked(messages, most_tokens), ensure_ascii=False).encode("utf-8", "replace")
        within = until - time.monotonic()
        try:
            return self._server.post(_PATH, body, headers, within=within, largest=MOST_BYTES)
        except NoAnswer as error:
            raise ModelFailed(_fault_without(error), f"{error}", None if error.sent else 0) from None

    def _asked(self, messages: Messages, most_tokens: int) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": self._model,
            "messages": list(messages),
            "stream": False,
            "temperature": 0,
            "max_tokens": most_tokens,
            "response_format": {"type": "json_object"},
        }
        for name in self._left_out:
            value = asked.pop(name)
            if _PICKY[name]:
                asked[_PICKY[name]] = value
        return asked

    def _learns_from(self, body: bytes) -> bool:
        """Whether a refusal names a key that can be done without; from now on it is."""
        said = body[:4000].decode("utf-8", "replace")
        new = {name for name in _PICKY if name in said} - self._left_out
        self._left_out |= new
        return bool(new)


def read_completion(body: bytes) -> Replied:
    """The JSON object in a chat completion; ModelFailed if the body is no completion or holds none."""
    try:
        completion = json.loads(body)
        used = completion.get("usage") or {}
        tokens = used.get("total_tokens")
        choice = completion["choices"][0]
        message = choice["message"]
        said = message.get("content")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise ModelFailed("rubbish", "expected a chat completion from the model's server") from None
    tokens = tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else None
    if message.get("refusal") or not isinstance(said, str) or not said.strip():
        raise ModelFailed("rubbish", "the model declined to answer", tokens)
    if choice.get("finish_reason") == "length":
        raise ModelFailed("rubbish", "the model's answer was cut off", tokens)
    fenced = _FENCED.fullmatch(said)
    try:
        value = json.loads(fenced[1] if fenced else said)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ModelFailed("rubbish", "expected a JSON object from the model", tokens)
    return Replied(value, tokens)


def _fault_without(error: NoAnswer) -> Fault:
    if isinstance(error, TooLate):
        return "too_slow"
    return "rubbish" if isinstance(error, TooLarge) else "no_answer"


def _fault_of(status: int) -> Fault:
    if status == 429:
        return "busy"
    return "refused" if 400 <= status < 500 else "broken"


def _pause_of(headers: Any) -> float:
    try:
        return min(max(float(headers.get("retry-after", "")), 0.0), LONGEST_PAUSE)
    except ValueError:
        return 1.0
