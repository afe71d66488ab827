"""Does a text say no more than the passages it names? Told by words, numbers, links and negations.

It compares wording, it does not understand: what passes stands nearly word for word in a passage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from crm_store.wording import normalise
from nlu.concepts import stem
from nlu.numerals import CHARACTERS, ENGLISH, read_number
from nlu.spans import fold
from nlu.system_entities import find_all

Warn = Literal["uncited", "link", "number", "claim", "orders"]
ENOUGH = 0.5  # of a sentence's words: with fewer in the passages, an agent is warned
_LEAST_TERMS = 2
_SENTENCE = re.compile(r"[^。！？!?；;\n.]+(?:\.(?=\S)[^。！？!?；;\n.]+)*")
_WORD = re.compile("[a-z\u00c0-\u024f]+(?:['’][a-z]+)?")
_RUN = re.compile("[\u3040-\u30ff\u3400-\u9fff]+|[\uac00-\ud7af]+")
_FIGURE = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_CLOCK = re.compile(r"(?<!\d)([01]?\d|2[0-4]):([0-5]\d)(?!\d)")
_NUMERAL = re.compile(f"[{CHARACTERS}]{{2,}}|[{CHARACTERS}](?=[折成天周月年元块角分次号点件时日斤克度倍])")
_LINKS = ("url", "email", "phone")
_COMMON = frozenset(
    re.findall(
        "[a-z]+",
        "a an the and or but if of to in on at for from with by as is are was were be been it its "
        "this that these those you your we our us they their he she his her i my me will would "
        "can could may might shall should do does did have has had there here so than then also "
        "just about into over up out please thank thanks yes what when where which who why how "
        "any all some ",
    )
)
_COMMON_HAN = frozenset("的了是在和与及也都就您你我们们的请可以吗呢啊哦吧为有到从把对这那个们会能要")
_NEGATIONS = re.compile(
    # Not those of 非常, 未来, 特别 and 不仅.
    r"\b(?:not|no|never|none|without|cannot|nor|neither)\b|n['’]t\b|不(?!仅|但|同)|没|非(?!常)|未(?!来)|勿"
    r"|(?<![特区分级类])别(?!人)|않|못|없|아니|안 "
)
# What a company is held to: a word of one of these groups must stand in the passages, too.
_PROMISES = tuple(
    re.compile(group)
    for group in (
        r"\bfree\b|免费|无料|무료|赠送",
        r"\bguarantee|\bwarrant|保证|保修|质保|보증|보장",
        r"\bdiscount|\boff\b|折扣|优惠|打折|할인",
        r"\brefund|\bcompensat|退款|赔偿|환불|보상",
    )
)
_ORDERS = re.compile(
    r"(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instruction|previous|above|prior|rule|prompt)"
    r"|system prompt|developer message|you are now|new instructions?:|reveal .{0,30}(?:prompt|instruction)"
    r"|(?:忽略|无视|忘记|不要理会|不管).{0,12}(?:以上|之前|前面|上面|所有|指令|指示|规则|提示)"
    r"|系统提示|提示词|你现在是|从现在(?:开始|起)你"
    r"|(?:이전|위의|모든).{0,10}(?:지시|명령|규칙).{0,10}무시|시스템 ?프롬프트|너는 이제|당신은 이제",
    re.DOTALL,
)
_LEAK = 24  # characters of the instructions in a row are no accident


@dataclass(frozen=True, slots=True)
class Grounds:
    """How well a text is borne out, and what speaks against it.

    `support`: of its weakest sentence the share of words that stand in the passages; `overall`: of all.
    """

    support: float
    overall: float
    warnings: tuple[Warn, ...] = ()


def grounds_of(text: str, passages: Sequence[str]) -> Grounds:
    """Hold a text against the passages that it names; with none it has no grounds at all."""
    if not passages:
        return Grounds(0.0, 0.0, ("uncited", *(("link",) if has_strange_links(text, ()) else ())))
    source = "\n".join(passages)
    warnings: list[Warn] = []
    if has_strange_links(text, passages):
        warnings.append("link")
    if figures_of(text) - figures_of(source):
        warnings.append("number")
    shares, claims = _held_against(text, source)
    overall = sum(known for known, _ in shares) / (sum(all_ for _, all_ in shares) or 1)
    if claims or overall < ENOUGH:
        warnings.append("claim")
    return Grounds(min((known / all_ for known, all_ in shares), default=0.0), overall, tuple(warnings))


def has_strange_links(text: str, passages: Sequence[str]) -> bool:
    """Whether it names a web address, an e-mail address or a phone number that stands in none of them."""
    known = fold("\n".join(passages))
    digits = re.sub(r"\D", "", known)
    return any(
        (re.sub(r"\D", "", said) not in digits) if kind == "phone" else said not in known
        for kind, said in _links(text)
    )


def looks_like_orders(texts: Iterable[str]) -> bool:
    """Whether a text that should be material speaks to the model instead."""
    return any(_ORDERS.search(fold(text)) for text in texts)


def repeats(text: str, instructions: str) -> bool:
    """Whether a text holds a piece of the instructions that were given to the model."""
    said, told = normalise_long(text), normalise_long(instructions)
    return any(told[i : i + _LEAK] in said for i in range(0, max(1, len(told) - _LEAK), 4))


def normalise_long(text: str) -> str:
    """As `crm_store.wording.normalise`, of texts that are longer than it looks at."""
    return " ".join(normalise(text[i : i + 500]) for i in range(0, len(text), 500))


def figures_of(text: str) -> frozenset[float | str]:
    """All numbers a text names, in digits or words; 9:30 is one."""
    folded = fold(text)
    found: set[Any] = {f"{int(hour)}:{minutes}" for hour, minutes in _CLOCK.findall(folded)}
    text = folded = _CLOCK.sub(" ", folded)
    found |= {float(one.replace(",", "")) for one in _FIGURE.findall(folded)}
    found |= {read_number(one) for one in _NUMERAL.findall(folded)}
    found |= {ENGLISH[word] for word in _WORD.findall(folded) if word in ENGLISH and word != "one"}
    for entity in find_all(text, folded=folded):
        if entity.entity in ("money", "quantity") and isinstance(entity.value, dict):
            found.add(entity.value.get("amount"))
        elif entity.entity == "number":
            found.add(entity.value)
    return frozenset(one if isinstance(one, str) else float(one) for one in found if one)


def _links(text: str) -> Iterator[tuple[str, str]]:
    folded = fold(text)
    for entity in find_all(text, folded=folded):
        if entity.entity in _LINKS:
            yield entity.entity, folded[entity.start : entity.end]
    if "://" in folded:
        yield from (
            ("url", one.rstrip(".,;:!?)'\"。，")) for one in re.findall(r"\w+://[^\s，。）]+", folded)
        )


def _held_against(text: str, source: str) -> tuple[list[tuple[int, int]], bool]:
    """Of each sentence the words that stand in the source, and all; whether one denies or promises more."""
    folded, against = fold(text), fold(source)
    known = set(_terms(against))
    claims = any(group.search(folded) and not group.search(against) for group in _PROMISES)
    shares = []
    sentences = [(set(_terms(one)), one) for one in _SENTENCE.findall(against)]
    for said in _SENTENCE.findall(folded):
        terms = list(_terms(said))
        if len(terms) < _LEAST_TERMS:
            continue
        shares.append((sum(term in known for term in terms), len(terms)))
        nearest = max(sentences, key=partial(_overlap, frozenset(terms)), default=(set(), ""))[1]
        claims = claims or bool(_NEGATIONS.search(said)) != bool(_NEGATIONS.search(nearest))
    return shares, claims


def _overlap(terms: frozenset[str], sentence: tuple[set[str], str]) -> float:
    return len(terms & sentence[0]) / (1 + len(terms | sentence[0]))


def _terms(folded: str) -> Iterator[str]:
    for word in _WORD.findall(folded):
        if word not in _COMMON:
            yield stem(word)
    for run in _RUN.findall(folded):
        for place in range(len(run) - 1):
            pair = run[place : place + 2]
            if not set(pair) <= _COMMON_HAN:
                yield pair
