"""What Rasa looks for in rules: contradictions, what is left out, and what stories do not see of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nlu.base import LISTEN
from nlu.domain import UNSET, Domain
from nlu.moves import Event
from nlu.pipeline import Thresholds
from nlu.reading import Problem
from nlu.rules import Rules, always_known
from nlu.snapshots import SNIPPET, Snapshot, Untold, action_of, named, snapshots
from nlu.unrolling import Unrolled

Sources = dict[
    str, list[tuple[str, str]]
]  # what was applied: the rules that it came from, and their action


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of the check."""

    problems: list[Problem] = field(default_factory=list)
    untold: Untold = field(default_factory=Untold)
    unfollowed: frozenset[str] = frozenset()  # sources that no story follows

    def hides(self, source: str) -> bool:
        """True: a turn by this source is not seen by stories."""
        return source in self.unfollowed


@dataclass(frozen=True, slots=True)
class _Guess:
    action: str
    source: str
    by_itself: bool = False  # a built-in intent or a form decided, not a rule


@dataclass(slots=True)
class _Where:
    """Where a rule or story stands: what decides before any rule."""

    before: str = ""
    intent: str = ""
    loop: str = ""
    rejected: bool = False

    def happen(self, events: Iterable[Event]) -> None:
        for event in events:
            if event[0] == "user":
                self.intent = event[1].get("intent", "")
            elif event[0] == "loop":
                self.loop = "" if event[1] in {None, UNSET} else event[1]
                self.rejected = False


def check_rules(
    rules: Rules, limits: Thresholds, told_rules: Sequence[Unrolled], told_stories: Sequence[Unrolled]
) -> Checked:
    """Play all rules and stories against the rules. Lines that only lead astray are taken out."""
    domain = rules.domain
    problems = list(_incomplete(told_rules, domain))
    sources: Sources = defaultdict(list)
    for rule in told_rules:
        for action, guess in _played(rules, limits, rule):
            pair = (guess.source, guess.action) if guess.by_itself else (rule.story.name, action)
            sources[guess.source].append(pair)
    followed: set[str] = set()
    for told in [*told_stories, *told_rules]:
        for action, guess in _played(rules, limits, told):
            if guess.action == action:
                if not told.story.is_rule:
                    followed.add(guess.source)
            elif not _leads_astray(rules, told, guess):
                problems += _contradiction(told, action, guess, sources)
    unfollowed = frozenset({*sources, *always_known(domain.forms)} - followed)
    return Checked(problems, _untold(told_rules, told_stories, domain), unfollowed)


def _untold(rules: Sequence[Unrolled], stories: Sequence[Unrolled], domain: Domain) -> Untold:
    by_rules = [states for rule in rules for states, _ in rule.examples(domain)]
    by_stories = [states for story in stories for states, _ in story.examples(domain)]
    return Untold(
        frozenset(named("slots", by_rules) - named("slots", by_stories)),
        frozenset(named("active_loop", by_rules) - named("active_loop", by_stories) - {UNSET}),
    )


def _played(rules: Rules, limits: Thresholds, told: Unrolled) -> Iterable[tuple[str, _Guess]]:
    """Each action that can be foretold, with what the rules say there."""
    domain = rules.domain
    states = snapshots(told.start(domain), told.moves, domain)
    where = _Where()
    where.happen(told.head)
    certain = False
    for number, move in enumerate(told.moves):
        action = move["action"]
        if action != SNIPPET and certain:
            guess = _guess(rules, limits, told, states[: number + 1], where)
            if where.loop and guess.action == where.loop != action:
                where.rejected = True
                guess = _guess(rules, limits, told, states[: number + 1], where)
            if guess.action:
                yield action, guess
        certain = action != SNIPPET
        where.before = action
        where.rejected = where.rejected and action != where.loop
        where.happen(move["events"])


def _guess(
    rules: Rules, limits: Thresholds, told: Unrolled, states: Sequence[Snapshot], where: _Where
) -> _Guess:
    first = rules.first(where.before, where.intent, where.loop, rejected=where.rejected)
    if first:
        return _Guess(first.action, first.source, by_itself=True)
    found = rules.find(states, where.loop)
    if found and found.action:
        return _Guess(found.action, found.source)
    if not told.story.is_rule:
        return _Guess("", "")
    action = limits.core_action if limits.falls_back else LISTEN
    return _Guess(action, found.source if found else repr(states))


def _leads_astray(rules: Rules, told: Unrolled, guess: _Guess) -> bool:
    """True: the line only says that nothing more comes, and another rule goes on there. It is taken out."""
    line = rules.book.lines.get(guess.source)
    if (
        told.story.is_rule
        or line is None
        or guess.action != LISTEN
        or guess.source.count("prev_action") > 1
    ):
        return False
    begins = guess.source[:-2]
    if not any(key.startswith(begins) and key != guess.source for key in rules.book.lines):
        return False
    rules.book.forget(line)
    return True


def _contradiction(told: Unrolled, action: str, guess: _Guess, sources: Sources) -> Iterable[Problem]:
    against = sorted({name for name, other in sources.get(guess.source, ()) if other != action})
    if against:
        kind = "rule" if told.story.is_rule else "story"
        names = ", ".join(map(repr, against))
        said = (
            f"expected {guess.action} instead of {action} in the {kind} {told.story.name!r}, "
            f"as {names} says; or make them differ in their conditions"
        )
        yield Problem(told.story.file, told.story.line, said)


def _incomplete(rules: Sequence[Unrolled], domain: Domain) -> Iterable[Problem]:
    """What an action sets in one rule it has to set in every rule."""
    slots: dict[str, set[str]] = defaultdict(set)
    loops: dict[str, set[str]] = defaultdict(set)
    for rule in rules:
        for move in rule.plain:
            if any(event[0] == "user" for event in move["events"]):
                events = _before_user(move["events"])
            else:
                events = move["events"]
            for event in events:
                if event[0] == "slot" and _is_featured(domain, event[1]):
                    slots[move["action"]].add(event[1])
                elif event[0] == "loop":
                    loops[move["action"]].add(event[1])
    seen = {*slots, *loops}
    for rule in rules:
        states = snapshots(rule.start(domain), rule.plain, domain)
        actions = [*(move["action"] for move in rule.plain[1:]), LISTEN]
        for state, following in zip(states[1:], actions, strict=True):
            action = action_of(state)
            if action not in seen or SNIPPET in (action, following):
                continue
            missing = slots[action] - set(state.get("slots", {}))
            loop = state.get("active_loop", {}).get("name")
            wanted = set() if loop in loops[action] else loops[action]
            yield from _missing(rule, action, missing, wanted)


def _before_user(events: Sequence[Event]) -> list[Event]:
    number = next(number for number, event in enumerate(events) if event[0] == "user")
    return list(events[:number])


def _is_featured(domain: Domain, name: str) -> bool:
    slot = domain.slots[name]
    return slot.influences and slot.type != "any"


def _missing(rule: Unrolled, action: str, slots: set[str], loops: set[str]) -> Iterable[Problem]:
    where = f"behind {action} in the rule {rule.story.name!r}"
    if slots:
        said = f"expected slot_was_set with {', '.join(sorted(slots))} {where}, as other rules have it"
        yield Problem(rule.story.file, rule.story.line, said)
    if loops:
        names = " or ".join(sorted("null" if loop == UNSET else loop for loop in loops))
        said = f"expected active_loop: {names} {where}, as other rules have it"
        yield Problem(rule.story.file, rule.story.line, said)
