"""What of `config.yml` is honoured: the thresholds of fallback, and how far back stories look."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nlu.reading import Node, Problems

_REPLACED = "is replaced by Parley's own engine; its settings have no effect"
_HONOURED = {"FallbackClassifier", "RulePolicy", "MemoizationPolicy", "AugmentedMemoizationPolicy"}
_HONOURED |= {"CRFEntityExtractor"}

_NEAREST = 0.6  # the same intent, and half of what was before
WANTED = 0.9
_WANTED = "wanted_precision"
_LEAST_WANTED, _MOST_WANTED = 0.5, 0.99

_TRUTHS = {
    "falls_back": "enable_fallback_prediction",
    "check_for_contradictions": "check_for_contradictions",
    "restrict_rules": "restrict_rules",
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When an understanding is good enough. Scores and confidences run from 0 to 1."""

    own: bool = False  # the project says itself when it doubts: training does not choose
    wanted: float = WANTED  # share of answers that should be right, where training chooses
    intent: float = 0.3  # below: not understood
    retrieval: float | None = None  # the same for a retrieval intent, where that is another limit
    ambiguity: float = 0.1  # nearer to the second intent than this: not understood
    faq: float = 0.6  # an FAQ entry answers from here on
    faq_agreed: float = 0.45  # … where the classifier, too, takes the text for an FAQ
    choice: float = 0.1  # an intent or entry is offered as a choice from here on
    none: float = 0.0  # where even the likeliest is below, it is none of them: nothing is offered
    core: float = 0.3
    core_action: str = "action_default_fallback"
    falls_back: bool = True  # to `core_action`, where neither rule nor story says anything
    check_for_contradictions: bool = True
    restrict_rules: bool = True  # to one message of the customer
    max_history: int = 0  # states that a story is compared by; 0: all
    tagged: bool = False  # a tagger finds entities even if held-out examples do not ask for one
    nearest: float = 0.0  # where no story fits, one that is as near as this is asked back; 0: none is
    augmented: bool = True  # stories are also matched when the oldest turns are forgotten


def read_thresholds(fields: dict[str, Node], problems: Problems) -> Thresholds:
    """The thresholds that `pipeline:` and `policies:` set; every other component name is accepted."""
    found = Thresholds()
    named: set[str] = set()
    for key in ("pipeline", "policies"):
        for item in problems.sequence(fields.get(key), key):
            settings = problems.mapping(item, "a component")
            name = problems.text(settings.get("name"), "name").rpartition(".")[2]
            if not name:
                problems.add(item, "expected name: in the component")
            elif name not in {*_HONOURED, *named}:
                problems.warn(item, f"{name} {_REPLACED}")
            named.add(name)
            found = _with(found, name, settings, problems)
    if "MemoizationPolicy" in named and "AugmentedMemoizationPolicy" not in named:
        return replace(found, augmented=False)
    return found


def _with(found: Thresholds, name: str, settings: dict[str, Node], problems: Problems) -> Thresholds:
    def number(key: str, default: float) -> float:
        value = problems.number(settings.get(key), key, default)
        if key != "max_history" and not 0 <= value <= 1:
            problems.add(settings[key], f"expected {key} to lie between 0 and 1")
        return value

    if name == "FallbackClassifier":
        own = "threshold" in settings or "ambiguity_threshold" in settings
        intent = number("threshold", found.intent)
        ambiguity = number("ambiguity_threshold", found.ambiguity)
        wanted = number(_WANTED, found.wanted)
        if not _LEAST_WANTED <= wanted <= _MOST_WANTED:
            problems.add(
                settings[_WANTED], f"expected {_WANTED} to lie between {_LEAST_WANTED} and {_MOST_WANTED}"
            )
        if own and _WANTED in settings:
            problems.add(settings[_WANTED], f"expected either {_WANTED} or thresholds, not both")
        return replace(found, own=own, intent=intent, ambiguity=ambiguity, wanted=wanted)
    if name == "RulePolicy":
        action = problems.text(settings.get("core_fallback_action_name"), "core_fallback_action_name")
        core = number("core_fallback_threshold", found.core)
        truths = {
            key: problems.truth(settings.get(name), name, getattr(found, key))
            for key, name in _TRUTHS.items()
        }
        return replace(found, core=core, core_action=action or found.core_action, **truths)
    if name == "CRFEntityExtractor":
        return replace(found, tagged=True)
    if name.endswith("MemoizationPolicy"):
        near = number("nearest_story_threshold", _NEAREST)
        asks = problems.truth(settings.get("ask_nearest_story"), "ask_nearest_story", False)
        found = replace(found, nearest=near if asks else found.nearest)
        return replace(found, max_history=int(number("max_history", found.max_history)))
    return found
