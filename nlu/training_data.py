"""What a project teaches its interpreter: examples of intents, synonyms, patterns and word lists."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crm_store.messages import Entity
from nlu.annotations import read_annotations
from nlu.reading import Node, Problems, ProjectErrors
from nlu.yaml_files import read_yaml, yaml_files

KINDS = ("intent", "synonym", "regex", "lookup")
KEPT = 3  # examples of each intent, to be shown, when a model has been trained


@dataclass(frozen=True, slots=True)
class Example:
    """One text of an intent. A retrieval intent keeps its full name: `faq/opening_hours`."""

    text: str
    intent: str
    entities: tuple[Entity, ...] = ()

    @property
    def base(self) -> str:
        """The intent that the classifier knows: of a retrieval intent the part before the slash."""
        return self.intent.partition("/")[0]

    @property
    def is_retrieval(self) -> bool:
        """True: the example is a phrasing of an FAQ entry."""
        return "/" in self.intent


@dataclass(slots=True)
class TrainingData:
    """All of a project's nlu sections together."""

    examples: list[Example] = field(default_factory=list)
    synonyms: dict[str, str] = field(default_factory=dict)  # phrase: value
    regexes: dict[str, list[str]] = field(default_factory=dict)
    lookups: dict[str, list[str]] = field(default_factory=dict)
    labelled: list[tuple[str, str]] = field(default_factory=list)  # texts, and how pleased they sound
    counted: dict[str, int] = field(default_factory=dict)  # examples of each intent, if few are kept

    @property
    def intents(self) -> list[str]:
        """The intents that examples name, retrieval intents cut to their base, in order of appearance."""
        return list(dict.fromkeys(example.base for example in self.examples))

    @property
    def entries(self) -> dict[str, list[str]]:
        """The phrasings of each FAQ entry by its full name."""
        found: dict[str, list[str]] = {}
        for example in self.examples:
            if example.is_retrieval:
                found.setdefault(example.intent, []).append(example.text)
        return found

    @property
    def entity_types(self) -> set[str]:
        """The entity types that examples annotate."""
        return {entity.entity for example in self.examples for entity in example.entities}

    @property
    def counts(self) -> dict[str, int]:
        """How many examples each intent and each FAQ entry has (or had, where only names were kept)."""
        return self.counted or dict(Counter(example.intent for example in self.examples))

    def find_phrase(self, intent: str) -> str:
        """What somebody who means this may say, rather without an entity; empty where nothing is known."""
        known = [example for example in self.examples if example.intent == intent]
        plain = [example for example in known if not example.entities]
        return next((example.text for example in (*plain, *known)), "")

    def names_only(self) -> TrainingData:
        """What is needed when a model has been trained: every intent, entry and entity type, few texts."""
        kept: list[Example] = []
        seen: Counter[str] = Counter()
        types: set[str] = set()
        for example in self.examples:
            found = {entity.entity for entity in example.entities}
            if seen[example.intent] < KEPT or found - types:
                kept.append(example)
                seen[example.intent] += 1
                types |= found
        return TrainingData(kept, self.synonyms, self.regexes, self.lookups, counted=self.counts)


def read_nlu(node: Node, data: TrainingData, problems: Problems) -> None:
    """Add one `nlu:` section to the training data."""
    for item in problems.sequence(node, "nlu"):
        fields = problems.mapping(item, "an nlu item")
        kinds = [kind for kind in KINDS if kind in fields]
        if len(kinds) != 1:
            problems.add(item, "expected exactly one of intent, synonym, regex, lookup")
            continue
        kind = kinds[0]
        name = problems.text(fields[kind], kind).strip()
        if not name:
            problems.add(item, f"expected a name after {kind}:")
        elif kind == "intent":
            _read_intent(name, fields, data, problems)
        else:
            _read_words(kind, name, fields, data, problems)


def read_training_data(folder: Path) -> TrainingData:
    """The nlu sections of all YAML files under a folder (or of one file); `ProjectErrors` if wrong."""
    problems, data = Problems(), TrainingData()
    files = [folder] if folder.is_file() else list(yaml_files(folder))
    for path in files:
        root = read_yaml(path, str(path), problems)
        section = problems.mapping(root, "the file").get("nlu")
        if section is not None and not path.name.startswith("test_"):
            read_nlu(section, data, problems)
    if problems.errors:
        raise ProjectErrors(problems.errors)
    return data


def _read_intent(name: str, fields: dict[str, Node], data: TrainingData, problems: Problems) -> None:
    if name.count("/") > 1 or name.startswith("/") or name.endswith("/"):
        problems.add(fields["intent"], "expected an intent name with at most one / inside")
        return
    for line, node, number in _examples(fields.get("examples"), fields["intent"], problems):
        try:
            text, entities = read_annotations(line)
        except ValueError as error:
            problems.add(node, str(error), number)
            continue
        if text:
            data.examples.append(Example(text, name, entities))
        for entity in entities:
            said = text[entity.start : entity.end]
            if isinstance(entity.value, str) and entity.value != said:
                data.synonyms.setdefault(said, entity.value)


def _read_words(
    kind: str, name: str, fields: dict[str, Node], data: TrainingData, problems: Problems
) -> None:
    for line, node, number in _examples(fields.get("examples"), fields[kind], problems):
        if kind == "synonym":
            data.synonyms[line] = name
        elif kind == "lookup":
            data.lookups.setdefault(name, []).append(line)
        else:
            try:
                re.compile(line)
            except re.error as error:
                problems.add(node, f"expected a regular expression: {error}", number)
            else:
                data.regexes.setdefault(name, []).append(line)


def _examples(node: Node | None, owner: Node, problems: Problems) -> Iterator[tuple[str, Node, int]]:
    """Each example with its node and line number, from the block form or the list form."""
    if node is None or node.value is None:
        problems.add(owner, "expected examples: | and lines that start with -")
    elif isinstance(node.value, str):
        yield from _block(node, problems)
    else:
        for item in problems.sequence(node, "examples"):
            if isinstance(item.value, dict):
                text = item.value.get("text")
                yield problems.text(text, "text").strip(), text or item, item.line
            else:
                yield problems.text(item, "an example").strip(), item, item.line


def _block(node: Node, problems: Problems) -> Iterator[tuple[str, Node, int]]:
    lines = node.value.splitlines()
    for number, line in enumerate(lines, node.line):
        if line.startswith("-"):
            example = line[1:].strip()
            if example:
                yield example, node, number
        elif line.strip() and not line.lstrip().startswith("#"):
            problems.warn(node, "this line is no example: it does not start with -", number)
