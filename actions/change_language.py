"""Answer in another language from now on."""

from __future__ import annotations

from collections.abc import Iterable

from actions.base import Turn, action
from actions.heard import find_heard, learn
from crm_store.messages import Content

LANGUAGES = ("zh", "en")  # in which the responses are written


@action("action_change_language")
def change_language(turn: Turn) -> Iterable[Content]:
    """Switch to the language that was named; ask which if none was, say so if it is not spoken."""
    language = find_heard(turn, "language")
    if language is None:
        return turn.say("utter_which_language")
    if language not in LANGUAGES:
        return turn.say("utter_language_unsupported")
    learn(turn, "language", language)
    turn.language = language
    turn.set_slot("language", language)
    return turn.say("utter_language_changed")
