"""FAQ entries that come from elsewhere than the project's files, taught and answered like its own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from nlu.project import Project
from nlu.responses import Variation
from nlu.training_data import Example

LANGUAGE = "language"  # the slot by which responses ask for a language


@dataclass(frozen=True, slots=True)
class Entry:
    """A question in several phrasings, its answer, and the title under which it is offered."""

    name: str  # "faq/opening_hours"
    phrasings: tuple[str, ...] = ()
    answers: tuple[Variation, ...] = ()
    titles: tuple[Variation, ...] = ()


def entries_of(project: Project) -> list[Entry]:
    """The project's own entries, as its files have them."""
    responses = project.domain.responses
    return [
        Entry(
            name,
            tuple(phrasings),
            tuple(responses.get(f"utter_{name}", ())),
            tuple(responses.get(f"utter_label/{name}", ())),
        )
        for name, phrasings in project.nlu.entries.items()
    ]


def with_phrasings(project: Project, phrasings: Mapping[str, Sequence[str]]) -> Project:
    """The project to train from: these entries have these phrasings alone, all others their own.

    An entry of the project that is named without a phrasing is not taught at all. An intent that is no
    entry keeps its own examples beside these.
    """
    if not phrasings:
        return project
    instead = {name for name in phrasings if "/" in name}
    kept = [example for example in project.nlu.examples if example.intent not in instead]
    added = [Example(text, name) for name, texts in phrasings.items() for text in texts]
    return replace(project, nlu=replace(project.nlu, examples=[*kept, *added]))


def with_answers(project: Project, entries: Iterable[Entry]) -> Project:
    """The project to answer from: these entries in place of its own of the same name.

    An entry without answers is one that does not answer, whatever the project's files say.
    """
    examples = {example.intent: example for example in project.nlu.examples if example.is_retrieval}
    responses = dict(project.domain.responses)
    for entry in entries:
        said = {f"utter_{entry.name}": entry.answers, f"utter_label/{entry.name}": entry.titles}
        for name, variations in said.items():
            responses.pop(name, None)
            if variations:
                responses[name] = list(variations)
        examples[entry.name] = Example("", entry.name)
    plain = [example for example in project.nlu.examples if not example.is_retrieval]
    return replace(
        project,
        nlu=replace(project.nlu, examples=[*plain, *examples.values()]),
        domain=replace(project.domain, responses=responses),
    )


def spoken_in(variations: Sequence[Variation]) -> list[tuple[str, Variation]]:
    """Each wording with the language it is for ("": any), taken out of its conditions."""
    found = []
    for variation in variations:
        languages = [str(value) for name, value in variation.conditions if name == LANGUAGE]
        others = tuple(pair for pair in variation.conditions if pair[0] != LANGUAGE)
        found.append((languages[0] if languages else "", replace(variation, conditions=others)))
    return found


def for_languages(told: Sequence[tuple[str, Variation]], own: str) -> tuple[Variation, ...]:
    """Wordings with their languages as variations of one response.

    Whoever writes in a language without a wording gets that for any language, else the company's `own`,
    else the first. A wording for a channel counts before one for all, within its language.
    """
    languages = list(dict.fromkeys(language for language, _ in told if language))
    order = ["", own, *languages]
    found: list[Variation] = []
    for channel in dict.fromkeys(["", *(variation.channel for _, variation in told)]):
        for language in languages:
            fitting = _fitting(told, language, channel)
            found += [
                replace(v, channel=channel, conditions=((LANGUAGE, language), *v.conditions))
                for v in fitting
            ]
        rest = next((some for language in order if (some := _fitting(told, language, channel))), [])
        found += [replace(variation, channel=channel) for variation in rest]
    return tuple(found)


def _fitting(told: Sequence[tuple[str, Variation]], language: str, channel: str) -> list[Variation]:
    mine = [variation for spoken, variation in told if spoken == language]
    return [v for v in mine if v.channel == channel] or [v for v in mine if not v.channel]
