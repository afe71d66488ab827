"""The embedded dialogue: rules, stories, forms, ready answers, and what to do when nothing fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crm_store.messages import Answer, Understanding
from nlu import forms
from nlu.base import LISTEN, Decision, State
from nlu.meaning import OUT_OF_SCOPE, Meaning, Reader
from nlu.pipeline import Thresholds
from nlu.policies import DEFAULTS, Policies, Prediction
from nlu.project import Project
from nlu.slot_filling import Hearing, fill_slots
from nlu.snapshots import heard_part, snapshot

ASK_BACK = "action_ask_back"
HAND_OVER = "action_handover"
UNSUPPORTED = "utter_unsupported"
FALLBACK = "nlu_fallback"
_DEACTIVATE = "action_deactivate_loop"
_RESTART = "action_restart"
# After these nothing is left to say in the turn, but for the form that was interrupted.
_CONCLUDING = frozenset({"exact", "faq", "ask_back", "hand_over", "unsupported", "fallback"})
_MISSES = frozenset({"ask_back", "fallback"})


class RuleDialogue:
    """Decides by a fixed order; the first that has something to say wins:

    1. exact: the text is a phrasing of an FAQ entry, letter for letter. Its answer.
    2. form: a form is active and the text filled one of its slots (or nothing had been asked yet).
    3. rule, or else story: for an intent that was understood well enough.
    4. faq: an FAQ entry that is near enough; the threshold is lower where the classifier agrees.
    5. the form asks again, if one is active and has not just done so in vain.
    6. ask_back: with up to three choices. A project's own rule for `nlu_fallback` comes before it, unless
       the domain declares `action_ask_back` and there are choices to offer.
    7. hand_over: instead of 5 and 6, when the message before was not understood either.

    After an answer inside a form the form asks again. Pure: no state but the project's own words.
    """

    def __init__(
        self, project: Project, thresholds: Thresholds | None = None, policies: Policies | None = None
    ) -> None:
        self.project = project
        self.domain = project.domain
        self.thresholds = thresholds or project.thresholds
        self.policies = policies or Policies(project)
        self.reader = Reader(project, self.thresholds)

    def with_project(self, project: Project) -> RuleDialogue:
        """The same rules and stories over other FAQ entries."""
        return RuleDialogue(project, self.thresholds, self.policies)

    def would_answer(self, heard: Understanding) -> bool:
        """Whether a text finds an answer, a rule or a story by itself, without any dialogue before it.

        To say that a question is beyond the bot is no answer to it.
        """
        meaning = self.reader.read(heard)
        if meaning.intent == OUT_OF_SCOPE:
            return False
        return meaning.answer is not None or self.policies.has_rule(meaning.intent)

    def hear(self, state: State, heard: Understanding) -> State:
        """The state after a user message: slots are filled from it as their mappings say."""
        meaning = self.reader.read(heard)
        if not state.started:
            initial = {
                n: s.initial_value for n, s in self.domain.slots.items() if s.initial_value is not None
            }
            state = state.but(slots={**initial, **state.slots}, started=True)
            history: list[dict[str, Any]] = [{}]
        else:
            history = self._remembered(
                state, hidden=bool(state.history and state.history[-1].get("hidden"))
            )
        intent = meaning.intent or (FALLBACK if heard.text else "")
        filled = fill_slots(self.domain, state, Hearing(heard, intent, as_text=not meaning.exact))
        return state.but(
            slots={**state.slots, **filled},
            filled=list(filled),
            user=heard_part(self.domain, intent, heard.entities),
            history=history,
            done=[],
            decided_by="",
        )

    def decide(self, state: State, heard: Understanding) -> Decision:
        """The next action, or LISTEN when it is the customer's turn."""
        if state.decided_by in _CONCLUDING:
            return self._conclude(state)
        if state.done:
            return self._go_on(state, heard)
        meaning = self.reader.read(heard)
        if meaning.exact and meaning.answer:
            return self._answer(meaning.answer, "exact")
        return (
            self._by_form(state)
            or (self._by_rule(state, heard, meaning) if meaning.intent else None)
            or (self._answer(meaning.answer, "faq") if meaning.answer else None)
            or self._unclear(state, heard, meaning)
        )

    def after(self, state: State, decision: Decision, slots: Mapping[str, Any]) -> State:
        """The state after an action has run; `slots` are those it set."""
        if decision.action == LISTEN:
            return state
        if decision.action == _RESTART:
            return State(slots={"language": state.slots.get("language")}, done=[_RESTART])
        hidden = bool(decision.arguments.get("hidden")) or decision.by in _CONCLUDING
        action = decision.name if decision.by == forms.BY else decision.action
        found = state.but(
            history=self._remembered(state, hidden=hidden),
            slots={**state.slots, **slots},
            done=[*state.done, action],
            decided_by=decision.by,
            misses=self._misses(state, decision),
            asked_back=[choice["name"] for choice in decision.arguments.get("choices", ())],
        )
        if decision.by == forms.BY:
            return forms.advanced(found, decision)
        if decision.action == _DEACTIVATE or decision.arguments.get("ends_loop"):
            return forms.left(found)
        return found.but(loop_rejected=True) if found.active_loop else found

    def _remembered(self, state: State, *, hidden: bool) -> list[dict[str, Any]]:
        now = snapshot(state, self.domain)
        return [*state.history, now | {"hidden": True} if hidden else now][-self.policies.depth :]

    def _misses(self, state: State, decision: Decision) -> int:
        if decision.arguments.get("wordless"):
            return state.misses
        if decision.by in _MISSES or decision.arguments.get("asks_again"):
            return state.misses + 1
        # What follows in the same turn (the form that asks again after a miss) changes nothing.
        return state.misses if state.done else 0

    def _conclude(self, state: State) -> Decision:
        form = self.domain.forms.get(state.active_loop or "")
        if form and state.decided_by in {"exact", "faq"}:
            return forms.next_step(self.domain, form, state, {}, "")
        return Decision(LISTEN, "listen")

    def _go_on(self, state: State, heard: Understanding) -> Decision:
        """The second and later actions of a turn."""
        if state.done[-1] in DEFAULTS.values():
            return Decision(LISTEN, "listen")
        prediction = self.policies.predict(state)
        if prediction and prediction.action != LISTEN:
            return self._from(prediction, state, heard)
        if not prediction and state.active_loop and state.done[-1] != state.active_loop:
            form = self.domain.forms.get(state.active_loop)
            if form:
                return forms.next_step(self.domain, form, state, {}, "")
        return Decision(LISTEN, "listen", prediction.name if prediction else "")

    def _by_form(self, state: State) -> Decision | None:
        form = self.domain.forms.get(state.active_loop or "")
        if form is None or forms.rejects(form, state):
            return None
        return forms.next_step(self.domain, form, state, {}, "")

    def _by_rule(self, state: State, heard: Understanding, meaning: Meaning) -> Decision | None:
        """A rule or story; in a form it is asked as if the form had stepped back."""
        prediction = self.policies.predict(state.but(loop_rejected=bool(state.active_loop)))
        if prediction is None:
            return None
        if meaning.is_retrieval and prediction.action == f"utter_{meaning.intent}":
            return self._answer(meaning.answer, "faq") if meaning.answer else None
        return self._from(prediction, state, heard)

    def _from(self, prediction: Prediction, state: State, heard: Understanding) -> Decision:
        confidence = heard.confidence or 1.0
        form = self.domain.forms.get(prediction.action)
        if form is not None:
            opened = state.but(active_loop=form.name, requested_slot=None)
            meaning = self.reader.read(heard)
            again = state.active_loop == form.name
            filled = {} if again else fill_slots(self.domain, opened, Hearing(heard, meaning.intent))
            return forms.next_step(self.domain, form, opened, filled, prediction.name)
        arguments = {"hidden": True} if prediction.hidden else {}
        if prediction.ends_loop:
            arguments["ends_loop"] = True
        return Decision(prediction.action, prediction.by, prediction.name, confidence, arguments)

    def _answer(self, answer: Answer, by: str) -> Decision:
        arguments = {"entry": answer.entry}
        return Decision(f"utter_{answer.entry}", by, answer.entry, answer.score, arguments)

    def _unclear(self, state: State, heard: Understanding, meaning: Meaning) -> Decision:
        """Nothing fits: the form asks again, a rule for it, a question back, and in the end a person."""
        if not heard.text.strip() and not heard.intent and UNSUPPORTED in self.domain.responses:
            return Decision(UNSUPPORTED, "unsupported")
        wordless = not any(letter.isalnum() for letter in heard.text)
        if state.misses and not wordless:
            return Decision(HAND_OVER, "hand_over", confidence=1.0)
        decision = self._ask_again(state, heard, meaning)
        # A thumb or a row of dots asks for nothing, so nobody has failed to answer it.
        return (
            replace(decision, arguments={**decision.arguments, "wordless": True}) if wordless else decision
        )

    def _ask_again(self, state: State, heard: Understanding, meaning: Meaning) -> Decision:
        form = self.domain.forms.get(state.active_loop or "")
        choices = [] if form else self.reader.choices(heard, self.policies)
        if not (choices and ASK_BACK in self.domain.actions):
            decision = self._by_fallback_rule(state, heard)
            if decision:
                return decision
        if form:
            again = forms.next_step(self.domain, form, state, {}, "")
            return replace(again, arguments={**again.arguments, "asks_again": True})
        arguments = {"choices": choices}
        return Decision(ASK_BACK, "ask_back", confidence=meaning.confidence, arguments=arguments)

    def _by_fallback_rule(self, state: State, heard: Understanding) -> Decision | None:
        unclear = state.but(
            user=heard_part(self.domain, FALLBACK, heard.entities),
            loop_rejected=bool(state.active_loop),
        )
        prediction = self.policies.predict(unclear)
        if prediction and prediction.by in {"rule", "story"} and prediction.action != LISTEN:
            decision = self._from(prediction, unclear, heard)
            return replace(decision, arguments={**decision.arguments, "asks_again": True})
        action = self.thresholds.core_action
        if action in {*self.domain.actions, *self.domain.responses} and not state.active_loop:
            return Decision(action, "fallback", "core fallback", self.thresholds.core)
        return None
