"""The project's own entities: its patterns, its word lists and the phrases that its examples annotate."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from crm_store.messages import Entity
from nlu import system_entities
from nlu.needs import DIGIT, DIGITS, needed
from nlu.phrases import Known, Meaning, Phrases
from nlu.spans import at_word_borders, fold, without_overlaps
from nlu.system_entities import find_all
from nlu.tagger import Tag, Tagger
from nlu.tokens import Tokens, tokenize
from nlu.training_data import TrainingData

LONGEST = 4000  # characters in which entities are looked for
_LAST_WORD = re.compile("([0-9a-z\u00c0-\u024f\u0370-\u052f]+|[^\\s\\w]|\\w)\\s*\\Z")


@dataclass(frozen=True, slots=True)
class Found:
    """What a text names. `hints` are only for the classifier: words of any list, finds of any pattern."""

    entities: tuple[Entity, ...] = ()  # of the project's types
    others: tuple[Entity, ...] = ()  # the system's
    hints: tuple[Entity, ...] = ()


@dataclass(slots=True)
class Look:
    """All that rules find in one text."""

    text: str
    folded: str
    system: list[Entity]
    matches: list[Entity] = field(default_factory=list)  # of the project's patterns
    phrases: list[Entity] = field(default_factory=list)  # of its lists and examples
    hints: list[Entity] = field(default_factory=list)

    def tokens(self, *, with_examples: bool = True) -> Tokens:
        """What a tagger sees of it."""
        listed = [
            (e.start, e.end, e.entity)
            for e in (*self.phrases, *self.hints)
            if with_examples or e.extractor != "example"
        ]
        return tokenize(self.folded, [(e.start, e.end, e.entity) for e in self.system], listed)


@dataclass(slots=True)
class EntityRules:
    """Finds entities without a tokenizer, so that 火锅 is found inside 我想吃火锅套餐."""

    types: frozenset[str] = frozenset()
    cues: dict[str, dict[str, Meaning]] = field(default_factory=dict)  # entity: word before: what it is
    regexes: dict[str, list[str]] = field(default_factory=dict)
    synonyms: dict[str, str] = field(default_factory=dict)  # folded phrase: value
    tagger: Tagger | None = None  # finds also what is in no list; None: the rules do as well
    meanings: Sequence[Meaning] = ()  # what the tagger's labels stand for
    trusting: bool = True  # False: a phrase of an example is no find, the tagger is told of it
    phrases: Phrases = field(default_factory=lambda: Phrases((), {}))
    _patterns: list[tuple[str, re.Pattern[str]]] = field(default_factory=list)
    _always: int = 0  # bits of the patterns that are tried on every text

    def __post_init__(self) -> None:
        self._patterns = [
            (entity, re.compile(pattern, re.IGNORECASE))
            for entity, patterns in self.regexes.items()
            for pattern in patterns
        ]
        for number, (_, pattern) in enumerate(self._patterns):
            self._always |= (needed(pattern.pattern) is None) << number

    @classmethod
    def learn(cls, data: TrainingData, types: Iterable[str]) -> Self:
        """The rules of a project; patterns and word lists count where an entity has their name."""
        declared = frozenset(types)
        phrases, cues = _annotated(data)
        lists: dict[str, list[str]] = defaultdict(list)
        for name, words in data.lookups.items():
            for phrase in {fold(word) for word in words if word.strip()}:
                lists[phrase].append(name)
        shared: dict[Known, Known] = {}
        known: dict[str, Known] = {}
        for phrase in {**phrases, **lists}:
            names = lists.get(phrase, ())
            listed = next((Meaning(name) for name in names if name in declared), None)
            meaning = phrases.get(phrase) or listed
            what = Known(meaning, "example" if phrase in phrases else "lookup", tuple(names))
            known[phrase] = shared.setdefault(what, what)
        return cls(
            types=declared,
            phrases=Phrases(known.items(), _needed_by(data.regexes)),
            cues=cues,
            regexes=dict(data.regexes),
            synonyms={fold(phrase): value for phrase, value in data.synonyms.items()},
        )

    def find(self, text: str, today: date | None = None) -> Found:
        """What a text names. `today` is what dates count from.

        A system type that the project declares (such as `phone`) is filled in among the project's.
        """
        if self.tagger is not None:
            return self.find_many([text], today)[0]
        return self.settle(self.look(text, today))

    def find_many(self, texts: Sequence[str], today: date | None = None) -> list[Found]:
        """As `find`, of many texts in less time."""
        looks = [self.look(text, today) for text in texts]
        if self.tagger is None:
            return [self.settle(look) for look in looks]
        tokens = [look.tokens() for look in looks]
        tagged = [self._tagged(*each) for each in zip(looks, tokens, self.tagger.tag(tokens), strict=True)]
        return [self.settle(look, tags) for look, tags in zip(looks, tagged, strict=True)]

    def look(self, text: str, today: date | None = None) -> Look:
        """What patterns, lists and the system find in a text, overlapping and in no order."""
        text = text[:LONGEST]
        folded = fold(text)
        look = Look(text, folded, find_all(text, today, folded))
        tried = self._always
        for last, (length, known, bits) in self.phrases.find(folded):
            tried |= bits
            if known is not None:
                self._take(known, last + 1 - length, last + 1, look)
        for found in self._patterns_in(text, tried):
            if found.entity in self.types:
                look.matches.insert(0, found)
            else:
                look.hints.append(found)
        return look

    def settle(self, look: Look, tags: Sequence[Entity] = ()) -> Found:
        """What of all that to believe: the longest, patterns before lists, all of them before tags."""
        system = look.system
        # A declared type wins over another that holds it: "a number" is asked for, "3 boxes" said.
        declared = [entity for entity in system if entity.entity in self.types]
        phrases = look.phrases
        if not self.trusting:
            phrases = [phrase for phrase in phrases if phrase.extractor != "example"]
        mine = [*look.matches, *phrases, *declared]
        if tags:
            mine += [e for e in tags if not any(_overlap(e, other) for other in mine)]
        own = without_overlaps(mine) if mine else ()
        others = [entity for entity in system if entity.entity not in self.types]
        if others:
            others = [e for e in without_overlaps(others) if not any(_overlap(e, other) for other in own)]
        return Found(own, tuple(others), tuple(look.hints))

    def _tagged(self, look: Look, tokens: Tokens, tags: Iterable[Tag]) -> list[Entity]:
        found: list[Entity] = []
        for tag in tags:
            start, end = tokens.starts[tag.first], tokens.ends[tag.last - 1]
            meaning, value = self.meanings[int(tag.label)], self._value(look.text[start:end])
            found.append(Entity(meaning.entity, value, start, end, meaning.role, meaning.group, "tagger"))
        return found

    def _take(self, known: Known, start: int, end: int, look: Look) -> None:
        """Note a phrase, unless it is only a piece of a word."""
        if not at_word_borders(look.folded, start, end):
            return
        for name in known.lists:
            look.hints.append(Entity(name, look.folded[start:end], start, end, extractor="lookup"))
        if known.meaning is not None:
            meaning = self._in_context(known.meaning, look.folded[:start])
            value = self._value(look.text[start:end])
            look.phrases.append(
                Entity(meaning.entity, value, start, end, meaning.role, meaning.group, known.origin)
            )

    def _patterns_in(self, text: str, tried: int) -> Iterator[Entity]:
        while tried:
            lowest = tried & -tried
            tried ^= lowest
            entity, pattern = self._patterns[lowest.bit_length() - 1]
            for found in pattern.finditer(text):
                if found.end() > found.start():
                    value = self._value(found.group())
                    yield Entity(entity, value, found.start(), found.end(), extractor="regex")

    def _in_context(self, meaning: Meaning, before: str) -> Meaning:
        cues = self.cues.get(meaning.entity)
        return cues.get(_last_word(before), meaning) if cues else meaning

    def _value(self, said: str) -> str:
        return self.synonyms.get(fold(said), said)

    def to_json(self) -> dict[str, Any]:
        """The rules as a JSON object; `from_json` reads it back."""
        return {
            "types": sorted(self.types),
            "phrases": self.phrases.to_json(),
            "cues": {
                entity: {word: meaning.to_json() for word, meaning in cues.items()}
                for entity, cues in self.cues.items()
            },
            "regexes": self.regexes,
            "synonyms": self.synonyms,
            "trusting": self.trusting,
            "meanings": [meaning.to_json() for meaning in self.meanings],
            "tagger": self.tagger.to_json() if self.tagger else None,
        }

    def arrays(self) -> dict[str, Any]:
        """What of the tagger is numbers, by name."""
        return self.tagger.arrays() if self.tagger else {}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], arrays: Mapping[str, Any]) -> Self:
        """The rules that `to_json` and `arrays` wrote."""
        return cls(
            types=frozenset(value["types"]),
            phrases=Phrases.from_json(value["phrases"], _needed_by(value["regexes"])),
            cues={
                entity: {word: Meaning(*listed) for word, listed in cues.items()}
                for entity, cues in value["cues"].items()
            },
            regexes=dict(value["regexes"]),
            synonyms=dict(value["synonyms"]),
            trusting=value["trusting"],
            tagger=Tagger.from_json(value["tagger"], arrays) if value["tagger"] else None,
            meanings=tuple(Meaning(*listed) for listed in value["meanings"]),
        )


def _overlap(one: Entity, other: Entity) -> bool:
    return one.start < other.end and other.start < one.end


def _needed_by(regexes: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The strings that patterns need: with bits of the patterns, numbered as they come."""
    bits: dict[str, int] = defaultdict(int)
    every = [pattern for patterns in regexes.values() for pattern in patterns]
    for number, pattern in enumerate(every):
        for word in needed(pattern) or ():
            for letters in DIGITS if word == DIGIT else (word,):
                bits[fold(letters)] |= 1 << number
    return bits


def _last_word(before: str) -> str:
    found = _LAST_WORD.search(before[-40:])
    return found[1] if found else ""


def _annotated(data: TrainingData) -> tuple[dict[str, Meaning], dict[str, dict[str, Meaning]]]:
    """What each annotated phrase mostly is, and which word before it tells its role or group."""
    seen: dict[str, Counter[Meaning]] = defaultdict(Counter)
    patterns = {
        name: [re.compile(pattern, re.IGNORECASE) for pattern in found]
        for name, found in data.regexes.items()
    }
    told: set[str] = set()
    before: dict[str, dict[str, Counter[Meaning]]] = defaultdict(lambda: defaultdict(Counter))
    for example in data.examples:
        for entity in example.entities:
            phrase = fold(example.text[entity.start : entity.end])
            meaning = Meaning(entity.entity, entity.role, entity.group)
            if phrase.strip() and entity.entity not in system_entities.TYPES:
                seen[phrase][meaning] += 1
            span = (entity.start, entity.end)
            if any(
                f.span() == span for p in patterns.get(entity.entity, ()) for f in p.finditer(example.text)
            ):
                told.add(phrase)
            word = _last_word(fold(example.text[: entity.start]))
            before[entity.entity][word][meaning] += 1
    # What a pattern finds by what is around it (a name) is no word that means the same everywhere.
    phrases = {phrase: counts.most_common(1)[0][0] for phrase, counts in seen.items() if phrase not in told}
    cues = {
        entity: {word: counts.most_common(1)[0][0] for word, counts in words.items()}
        for entity, words in before.items()
        if len({meaning for counts in words.values() for meaning in counts}) > 1
    }
    return phrases, cues
