"""What a model has answered, read strictly: shape, language, and whether what it cites bears it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_store.language import guess_language
from nlu.documents.passages import Passage
from nlu.llm.client import ModelFailed
from nlu.llm.grounding import (
    Warn,
    figures_of,
    grounds_of,
    has_strange_links,
    looks_like_orders,
    normalise_long,
    repeats,
)
from nlu.llm.prompts import Prompt

LONGEST_ANSWER = 1500  # characters
LONGEST_SUMMARY = 1200
SHORTEST_QUOTE = 4
_MOST_CITATIONS = 8
_CERTAIN = ("zh", "en", "ko")  # languages that are told apart well enough to insist on one
Show = Callable[[str], str]  # placeholders back to what they stand for


@dataclass(frozen=True, slots=True)
class Cited:
    """A passage that an answer rests on, and the words of it that it quotes."""

    passage: Passage
    quote: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A model's answer with its grounds. Empty text: the passages do not tell."""

    text: str
    citations: tuple[Cited, ...] = ()
    support: float = 0.0  # see Grounds
    confidence: float = 0.0  # as the model says
    warnings: tuple[Warn, ...] = ()

    @property
    def score(self) -> float:
        """How far it may be trusted, 0 to 1: as far as both its grounds and the model itself say."""
        return min(self.support, self.confidence)

    def may_be_said(self, threshold: float) -> bool:
        """Whether a customer may read it with nobody in between."""
        return bool(self.text and self.citations and not self.warnings and self.score >= threshold)


def read_answer(
    value: Mapping[str, Any],
    prompt: Prompt,
    passages: Sequence[Passage],
    show: Show,
    language: str,
    heard: Sequence[str] = (),
    told: Sequence[str] = (),
) -> Answered:
    """The answer in a model's JSON object; ModelFailed if it is not one, or gives its instructions away.

    `heard`: what customers have said, `told`: what we have. Numbers and links may come from what is ours,
    never from what a customer would like to hear.
    """
    text = show(_text(value, "answer", LONGEST_ANSWER, may_be_empty=True))
    if not text:
        return Answered("")
    check_silence(text, prompt)
    check_language(text, language)
    cited, wrong = _citations(value.get("citations"), passages, show)
    sources = list(dict.fromkeys(one.passage.whole for one in cited))
    grounds = grounds_of(text, sources)
    warnings = list(grounds.warnings)
    if wrong and "uncited" not in warnings:
        warnings.append("uncited")
    if "link" in warnings and not has_strange_links(text, [*sources, *told]):
        warnings.remove("link")
    if "number" in warnings and not figures_of(text) - figures_of("\n".join([*sources, *told])):
        warnings.remove("number")
    if looks_like_orders([text, *sources, *heard]):
        warnings.append("orders")
    return Answered(text, cited, grounds.support, _share(value.get("confidence")), tuple(warnings))


def read_summary(value: Mapping[str, Any], prompt: Prompt, show: Show, language: str) -> str:
    """The summary in a model's JSON object; ModelFailed if it is none."""
    text = show(_text(value, "summary", LONGEST_SUMMARY))
    check_silence(text, prompt)
    check_language(text, language)
    return text


def read_labels(value: Mapping[str, Any], questions: int, choices: Sequence[str]) -> dict[int, str]:
    """Which choice each question (by its place, from 0) asks for; others than those given are left out."""
    listed = value.get("labels")
    if not isinstance(listed, list):
        raise ModelFailed("rubbish", "expected a list of labels from the model")
    found: dict[int, str] = {}
    for one in listed[: 2 * questions]:
        place = one.get("question") if isinstance(one, dict) else None
        choice = one.get("choice") if isinstance(one, dict) else None
        if isinstance(place, int) and 0 < place <= questions and choice in choices:
            found[place - 1] = str(choice)
    return found


def check_silence(text: str, prompt: Prompt) -> None:
    """ModelFailed if a text repeats what the model was told."""
    if prompt.canary in text or repeats(text, prompt.instructions):
        raise ModelFailed("rubbish", "the model repeats its instructions")


def check_language(text: str, language: str) -> None:
    """ModelFailed if a text is in another language than it should be."""
    spoken = guess_language(text)
    if language in _CERTAIN and spoken and spoken != language:
        raise ModelFailed("rubbish", f"expected {language} from the model, got {spoken}")


def _citations(listed: Any, passages: Sequence[Passage], show: Show) -> tuple[tuple[Cited, ...], bool]:
    """Those that hold; whether there are others, of a passage that was not given or not in its words."""
    if not isinstance(listed, list):
        return (), True
    found: list[Cited] = []
    for one in listed[:_MOST_CITATIONS]:
        place = one.get("passage") if isinstance(one, dict) else None
        quote = one.get("quote") if isinstance(one, dict) else None
        if not (isinstance(place, int) and 0 < place <= len(passages) and isinstance(quote, str)):
            continue
        quote, passage = show(quote).strip(" \t\n\"'“”…"), passages[place - 1]
        if len(quote) >= SHORTEST_QUOTE and normalise_long(quote) in normalise_long(passage.whole):
            found.append(Cited(passage, quote))
    return tuple(dict.fromkeys(found)), len(found) < len(listed)


def _text(value: Mapping[str, Any], name: str, longest: int, *, may_be_empty: bool = False) -> str:
    said = value.get(name)
    if not isinstance(said, str) or len(said) > longest or not (said.strip() or may_be_empty):
        raise ModelFailed("rubbish", f"expected `{name}` of at most {longest} characters from the model")
    return said.strip()


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return 0.0
    return float(value)
