"""A Rasa 3 project folder, read and checked: what the bot knows, and the words it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from crm_store.messages import Content
from nlu.bound_slots import Bound, check_record, read_record
from nlu.built_in import SAYS, WORDS
from nlu.domain import BUILT_IN_INTENTS, Domain, read_domain
from nlu.encoder import Encoder
from nlu.encoder_files import BadEncoder
from nlu.labels import read_labels
from nlu.migration import is_old, migrate
from nlu.pipeline import Thresholds, read_thresholds
from nlu.reading import Node, Problem, Problems, ProjectErrors
from nlu.responses import choose, read_responses
from nlu.steps import Does, Either, Heard, Loop, Sets, Step, Story, read_stories
from nlu.training_data import TrainingData, read_nlu
from nlu.yaml_files import read_yaml, yaml_files

_DOMAIN_KEYS = {"intents", "entities", "slots", "forms", "actions", "responses", "session_config"}
_NOT_OURS = {"endpoints.yml", "credentials.yml", "endpoints.yaml", "credentials.yaml"}
_LEFT_OUT = {"results", "models", ".rasa"}
DOMAINS = ("domain.yml", "domain.yaml", "domain")
_OWN = {*DOMAINS, "config.yml", "config.yaml", "record.yml", "record.yaml", "data", "tests"}
_BY_WORDS = "is not followed: only rules go by a message's very words, stories need its intent"
_EXPECTED = "expected a folder with domain.yml and data/"
_FEATURES_VERSION = 3  # another number makes every stored model stale


@dataclass(slots=True)
class Project:
    """All that a bot's files say. Built by `read_project`."""

    path: Path = field(default_factory=Path)
    domain: Domain = field(default_factory=Domain)
    nlu: TrainingData = field(default_factory=TrainingData)
    rules: list[Story] = field(default_factory=list)
    stories: list[Story] = field(default_factory=list)
    tests: list[Story] = field(default_factory=list)
    thresholds: Thresholds = field(default_factory=Thresholds)
    bound: dict[str, Bound] = field(default_factory=dict)  # slots that are the customer's record
    warnings: list[Problem] = field(default_factory=list)
    old_domains: list[dict[str, Node]] = field(default_factory=list)  # of Rasa 2, while files are read
    random: Random = field(default_factory=Random)
    encoder: Path | None = None  # folder of a sentence encoder to mix in

    @property
    def intents(self) -> set[str]:
        """Every intent that may be meant: declared, taught or built in; retrieval intents by base name."""
        return {*self.domain.intents, *self.nlu.intents, *BUILT_IN_INTENTS}

    @property
    def entity_types(self) -> set[str]:
        """The entity types that the project declares, annotates or lists words for."""
        return {*self.domain.entities, *self.nlu.entity_types}

    @property
    def retrieval_intents(self) -> set[str]:
        """Base names of retrieval intents: "faq" where there is `faq/opening_hours`."""
        return {name.partition("/")[0] for name in self.nlu.entries}

    def entry_responses(self) -> dict[str, str]:
        """The response of each FAQ entry that has one: `faq/opening_hours` → `utter_faq/opening_hours`."""
        pairs = {entry: f"utter_{entry}" for entry in self.nlu.entries}
        return {entry: name for entry, name in pairs.items() if name in self.domain.responses}

    def respond(self, name: str, slots: Mapping[str, Any], channel: str = "") -> list[Content]:
        """A response as content, slots filled in; empty where the name or a fitting variation is missing.

        `slots` holds `language` too ("zh", "en", …), which variations may ask for in a condition.
        """
        if name.startswith(WORDS):
            return [Content("text", name.removeprefix(WORDS))]
        name = name if name in self.domain.responses else SAYS.get(name, name)
        variation = choose(self.domain.responses.get(name, ()), slots, channel, self.random)
        if variation is None:
            return []
        if variation.is_plain:
            return variation.contents({})
        return variation.contents({**dict.fromkeys(self.domain.slots), **slots})

    def fingerprint(self) -> str:
        """Changes when a model has to be trained anew: a digest of what the interpreter learns from."""
        data = self.nlu
        taught = {
            "version": _FEATURES_VERSION,
            "examples": [[e.text, e.intent, [x.to_json() for x in e.entities]] for e in data.examples],
            "synonyms": data.synonyms,
            "regexes": data.regexes,
            "lookups": data.lookups,
            "entities": sorted(self.domain.entities),
            "tagged": self.thresholds.tagged,
            "wanted": 0 if self.thresholds.own else self.thresholds.wanted,
            "labelled": data.labelled,
        }
        if self.encoder:
            taught["encoder"] = Encoder(self.encoder).digest()
        written = json.dumps(taught, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()


def read_project(path: Path, random: Random | None = None) -> Project:
    """The project in a folder (or in one file); `ProjectErrors` names everything that is wrong in it.

    A file's kind is told by its top-level keys. Beside a domain and `data/` only `config.yml`, `tests/` and
    our `record.yml` are read, as Rasa does; in any other folder every YAML file. Stories in files named
    `test_…` or under `tests/` are test stories. `random` chooses among equal variations.
    """
    project, problems = Project(path=path, random=random or Random()), Problems()
    for file, name in _files(path, problems):
        root = read_yaml(file, name, problems)
        if root is not None:
            _read_file(root, _is_test(file, path), project, problems)
    project.nlu.labelled = read_labels(path, problems)
    migrate(project.old_domains, project.domain, problems)
    project.old_domains = []
    if project.thresholds.restrict_rules:
        problems.errors += [
            Problem(rule.file, rule.line, f"expected at most one user step in the rule {rule.name!r}")
            for rule in project.rules
            if rule.turns > 1
        ]
    if not problems.errors:
        _check(project, problems)
        check_record(project.bound, project.domain, problems)
    if problems.errors:
        raise ProjectErrors(problems.errors)
    project.warnings = problems.warnings
    return project


def _files(path: Path, problems: Problems) -> Iterator[tuple[Path, str]]:
    if path.is_file():
        yield path, path.name
        return
    if not path.is_dir():
        problems.errors.append(Problem(str(path), 1, _EXPECTED))
        return
    own = _is_laid_out(path)
    files = list(yaml_files(path))
    if not files:
        problems.errors.append(Problem(str(path), 1, _EXPECTED))
    for file in files:
        parts = file.relative_to(path).parts
        if file.name in _NOT_OURS or _LEFT_OUT & set(parts):
            continue
        if own and parts[0] not in _OWN and not file.name.startswith("test_"):
            _tell_left_out(file, path, problems)
        else:
            yield file, str(file.relative_to(path))


def _is_laid_out(path: Path) -> bool:
    """Whether the folder is one that Rasa would run as it stands; else all files in it count."""
    return (path / "data").is_dir() and any((path / name).exists() for name in DOMAINS)


def _tell_left_out(file: Path, root: Path, problems: Problems) -> None:
    """A copy, a second configuration: what Rasa does not look at either. Said where it could be meant."""
    if file.parent == root:
        said = (
            "is not read: a bot's files are domain.yml, config.yml and those under domain/, data/, tests/"
        )
        problems.warnings.append(Problem(file.name, 1, said))


def _is_test(file: Path, root: Path) -> bool:
    folders = file.relative_to(root).parts[:-1] if file != root else ()
    return file.name.startswith("test_") or "tests" in folders


def _read_file(root: Node, is_test: bool, project: Project, problems: Problems) -> None:
    fields = problems.mapping(root, "the file")
    if "stories" in fields:
        stories = read_stories(fields["stories"], "story", problems)
        (project.tests if is_test else project.stories).extend(stories)
    if is_test:
        return
    if "record" in fields:
        read_record(fields["record"], project.bound, problems)
    if "nlu" in fields:
        read_nlu(fields["nlu"], project.nlu, problems)
    if "rules" in fields:
        project.rules += read_stories(fields["rules"], "rule", problems)
    if {"pipeline", "policies", "encoder"} & set(fields):
        project.thresholds = read_thresholds(fields, problems)
        project.encoder = _read_encoder(fields.get("encoder"), project.path, problems)
    if set(fields) & (_DOMAIN_KEYS - {"responses"}):
        read_domain(fields, project.domain, problems)
        if is_old(fields, problems):
            project.old_domains.append(fields)
    else:
        read_responses(fields.get("responses"), project.domain.responses, problems)


def _read_encoder(node: Node | None, folder: Path, problems: Problems) -> Path | None:
    """The folder that `encoder:` of `config.yml` names; a relative one counts from the project's."""
    named = problems.text(node, "encoder") if node is not None else ""
    if node is None or not named:
        return None
    path = (folder if folder.is_dir() else folder.parent) / Path(named).expanduser()
    try:
        Encoder(path.resolve())
    except BadEncoder as error:
        problems.add(node, str(error))
        return None
    return path.resolve()


def _check(project: Project, problems: Problems) -> None:
    """Names that rules, stories, forms and slots use must exist, where there is a domain to hold them."""
    domain = project.domain
    if not domain.intents and not domain.actions and not domain.responses:
        return
    known = _Known(project.intents, _action_names(project), set(domain.slots), {*domain.forms})
    for story in [*project.rules, *project.stories]:
        # Published projects have stories that name what nobody declares; Rasa trains on them all the same.
        noted = problems.errors if story.is_rule else problems.warnings
        steps = (*story.conditions, *story.steps)
        for step, line in zip(steps, (*[story.line] * len(story.conditions), *story.lines), strict=True):
            noted += [Problem(story.file, line, said) for said in known.missing(step)]
            if not story.is_rule and isinstance(step, Heard) and not step.intent:
                problems.warnings.append(Problem(story.file, line, _BY_WORDS))
    for form in domain.forms.values():
        for slot in form.required_slots:
            if slot not in domain.slots:
                said = f"expected the slot {slot!r}, required by the form {form.name!r}, under slots:"
                problems.errors.append(Problem("domain.yml", 1, said))


def _action_names(project: Project) -> set[str]:
    bases = {f"utter_{base}" for base in project.retrieval_intents}
    return project.domain.action_names | bases


@dataclass(frozen=True, slots=True)
class _Known:
    intents: set[str]
    actions: set[str]
    slots: set[str]
    loops: set[str]

    def missing(self, step: Step) -> list[str]:
        if isinstance(step, Either):
            return [said for inner in step.steps for said in self.missing(inner)]
        if isinstance(step, Heard) and step.intent.partition("/")[0] not in {*self.intents, ""}:
            return [f"expected the intent {step.intent!r} to be declared under intents:"]
        if isinstance(step, Does) and step.action not in {*self.actions, "", "..."}:
            return [f"expected {step.action!r} to be declared as action, form or response"]
        if isinstance(step, Sets):
            unknown = sorted(set(step.values) - self.slots - {"requested_slot"})
            return [f"expected the slot {name!r} to be declared under slots:" for name in unknown]
        if isinstance(step, Loop) and step.name not in {*self.loops, None, "action_two_stage_fallback"}:
            return [f"expected the form {step.name!r} to be declared under forms:"]
        return []
