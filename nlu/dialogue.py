"""The embedded dialogue: rules, stories, forms, ready answers, and what to do when nothing fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from crm_store.messages import Answer, Understanding
from nlu import built_in, forms
from nlu.base import LISTEN, REQUESTED, Decision, State
from nlu.built_in import FALLBACK
from nlu.domain import TWO_STAGE
from nlu.limits import Limits
from nlu.meaning import MOST_CHOICES, OUT_OF_SCOPE, Meaning, Reader
from nlu.moves import Event
from nlu.nearest import Near
from nlu.pipeline import Thresholds
from nlu.policies import Policies
from nlu.project import Project
from nlu.rules import Prediction
from nlu.slot_filling import Hearing, asking_actions, asks_actions, fill_slots
from nlu.snapshots import heard_part
from nlu.tracker import KEPT_TURNS, Tracker

ASK_BACK = "action_ask_back"
HAND_OVER = "action_handover"
UNSUPPORTED = "utter_unsupported"
MOST_ACTIONS = 10
# After these nothing is left to say in the turn, but for the form that was interrupted.
_CONCLUDING = frozenset({"exact", "faq", "generated", "ask_back", "hand_over", "unsupported", "fallback"})
_ANSWERS = frozenset({"exact", "faq", "generated"})
_MISSES = frozenset({"ask_back", "fallback"})


class RuleDialogue:
    """Decides by a fixed order; the first that has something to say wins:

    1. exact: the text is a phrasing of an FAQ entry, letter for letter. Its answer.
    2. form: a form is active and the text filled one of its slots (or nothing had been asked yet).
    3. rule, or else story: for an intent that was understood well enough.
    4. faq: an FAQ entry that is near enough; the threshold is lower where the classifier agrees.
    5. the form asks again, if one is active and has not just done so in vain.
    6. ask_back: with two choices, or three that are about as likely; also from stories that are near, where
       the project wants that. Else a project's own rule for `nlu_fallback` comes before it, unless the
       domain declares `action_ask_back` and there are choices to offer.
    7. hand_over: instead of 5 and 6, when the message before was not understood either.

    A text that asks several things gets the answer to each. After an answer inside a form the form asks
    again. Pure: no state but the project's own words.
    """

    def __init__(
        self,
        project: Project,
        thresholds: Thresholds | None = None,
        policies: Policies | None = None,
        *,
        strict: bool = False,
        chosen: Limits | None = None,
    ) -> None:
        self.strict = strict
        self.project = project
        self.domain = project.domain
        self.thresholds = thresholds or project.thresholds
        self.policies = policies or Policies(project).check()
        self.chosen = None if strict else chosen
        entries = project.entry_responses()
        self.reader = Reader(project.retrieval_intents, entries, self.thresholds, self.chosen)
        self._asks = asks_actions(self.domain)
        goes_back = strict or built_in.takes_back(self.domain, [*project.rules, *project.stories])
        self._turns_kept = KEPT_TURNS if goes_back else 0

    def with_project(self, project: Project) -> RuleDialogue:
        """The same rules and stories over other FAQ entries."""
        return self._but(project, self.chosen)

    def with_limits(self, chosen: Limits) -> RuleDialogue:
        """The same for a model that was trained anew: what its training chose counts."""
        return self._but(self.project, chosen)

    def _but(self, project: Project, chosen: Limits | None) -> RuleDialogue:
        return RuleDialogue(project, self.thresholds, self.policies, strict=self.strict, chosen=chosen)

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
        intent = meaning.intent or (FALLBACK if heard.text else "")
        tracker = Tracker(state, self.domain)
        if not state.started:
            tracker.begin()
        if len(state.done) < MOST_ACTIONS:
            tracker.act(LISTEN, hidden=self._listens_hidden(state))
        tracker.trim(self.policies.depth, self.policies.untold, self._turns_kept)
        hearing = Hearing(heard, intent, as_text=not meaning.exact)
        filled = fill_slots(self.domain, tracker.state, hearing)
        tracker.hear(heard_part(self.domain, intent, heard.entities), intent, filled)
        found = tracker.state
        found.decided_by = ""
        found.text = heard.text if self.policies.rules.book.has_texts else ""
        found.pending = self._asked(found, hearing, filled)
        return found

    def decide(self, state: State, heard: Understanding) -> Decision:
        """The next action, or LISTEN when it is the customer's turn."""
        if state.refused:
            return self._otherwise(state, heard)
        if state.pending and "form" not in state.pending:
            return Decision(state.pending["queue"][0], "slots", arguments={"asked": True})
        if state.pending:
            return self._form(state, state.pending, heard) or self._without_form(state, heard)
        if self._is_concluded(state.decided_by):
            return self._conclude(state, heard)
        if state.done or self.strict:
            return self._by_policies(state, heard)
        meaning = self.reader.read(heard)
        if meaning.exact and meaning.answer:
            return self._answer(meaning.answer, "exact")
        return self._by_form(state, heard) or self._without_form(state, heard)

    def _without_form(self, state: State, heard: Understanding) -> Decision:
        """What others than the form say, which has nothing to say or has refused."""
        if self.strict or state.done:
            return self._rejected(state, heard)
        meaning = self.reader.read(heard)
        return (
            (self._by_rule(state, heard, meaning) if meaning.intent else None)
            or (self._answer(meaning.answer, "faq") if meaning.answer else None)
            or self._by_nearest(state, heard, meaning)
            or self._unclear(state, heard, meaning)
        )

    def after(
        self, state: State, decision: Decision, slots: Mapping[str, Any], events: Sequence[Event] = ()
    ) -> State:
        """The state after an action has run; `slots` are those it set, `events` what else it brought."""
        if decision.action == LISTEN:
            return self._silent(state, decision)
        brought: list[Event] = [*(["slot", name, value] for name, value in slots.items()), *events]
        if decision.arguments.get("asked"):
            return self._answered(state, brought)
        run = decision.arguments.get("run")
        if run:
            return state.but(pending=forms.told(run, brought), decided_by=forms.BY)
        tracker = Tracker(state, self.domain)
        if decision.arguments.get("rejected"):
            tracker.happen([["rejected", decision.arguments["rejected"]]])
        self._done(tracker, decision, brought)
        found = tracker.state
        found.pending = decision.arguments.get("pending", {})
        found.decided_by = decision.by
        found.misses = self._misses(state, decision)
        found.asked_back = [choice["name"] for choice in decision.arguments.get("choices", ())]
        return found

    def refused(self, state: State, decision: Decision) -> State:
        """The state after an action would not run: something else is decided then.

        A form is refused with the action that it had asked for; who was asked what a message sets, sets
        nothing.
        """
        if decision.arguments.get("asked"):
            return self._answered(state, [])
        run = decision.arguments.get("run")
        name = run["form"] if run else decision.action
        tracker = Tracker(state, self.domain)
        tracker.happen([["rejected", name]])
        return tracker.state.but(pending={}, followup="", refused=name)

    def leave(self, state: State) -> State:
        """The state without the form that was open, if one was."""
        if not state.active_loop:
            return state.but(pending={})
        tracker = Tracker(state, self.domain)
        tracker.happen([["loop", None], ["slot", REQUESTED, None]])
        return tracker.state.but(pending={})

    def ask_again(self, state: State, heard: Understanding) -> Decision | None:
        """What the open form asks for, once more; None where none is open or an action has to run first."""
        if state.active_loop not in self.domain.forms:
            return None
        decision = self._asks_again(state, heard, "")
        return None if decision.action == LISTEN or "run" in decision.arguments else decision

    def _otherwise(self, state: State, heard: Understanding) -> Decision:
        """What others say than the action that has refused."""
        prediction = self.policies.predict(state, rejected=state.refused)
        if prediction.action == state.refused:
            return Decision(LISTEN, "listen")
        if prediction.by != "nothing" or self.strict:
            return self._from(prediction, state, heard) or Decision(LISTEN, "listen")
        if state.done:
            return Decision(LISTEN, "listen")
        return self._unclear(state, heard, self.reader.read(heard))

    def _silent(self, state: State, decision: Decision) -> State:
        """After nothing was said: as in Rasa, a form that was rejected stays so until something runs it."""
        if not decision.arguments.get("rejected"):
            return state
        tracker = Tracker(state, self.domain)
        tracker.happen([["rejected", decision.arguments["rejected"]]])
        return tracker.state.but(pending={})

    def _answered(self, state: State, brought: list[Event]) -> State:
        """After an action that was asked what a message sets."""
        tracker = Tracker(state, self.domain)
        tracker.happen(event for event in brought if event[0] == "slot")
        asked, *left = state.pending["queue"]
        tracker.fill(state.pending["again"][asked])
        tracker.state.pending = {**state.pending, "queue": left} if left else {}
        return tracker.state

    def know(self, state: State, slots: Mapping[str, Any]) -> State:
        """The state with slots that were learnt elsewhere, as from the customer's record."""
        tracker = Tracker(state, self.domain)
        if not state.started:
            tracker.begin()
        tracker.fill(dict(slots))
        return tracker.state

    def _done(self, tracker: Tracker, decision: Decision, brought: list[Event]) -> None:
        arguments = decision.arguments
        concluded = self._is_concluded(decision.by) and bool(self.policies.memory)
        hidden = bool(arguments.get("hidden")) or concluded
        if decision.by == forms.BY:
            tracker.act(decision.name, hidden=hidden)
            tracker.happen([*arguments["events"], *brought, *arguments["then"]])
            return
        if arguments.get("words"):
            tracker.happen([["user", {"text": arguments["words"]}]])
        tracker.act(decision.action.partition("/")[0], hidden=hidden)
        tracker.happen([*brought, *arguments.get("events", ())])

    def _listens_hidden(self, state: State) -> bool:
        """Whether stories see that the bot then waited for an answer."""
        if not self.policies.memory or not state.moves:
            return False
        if self._is_concluded(state.decided_by):
            return True
        return self.policies.predict(state).hidden

    def _is_concluded(self, by: str) -> bool:
        return by in _CONCLUDING and not self.strict

    def _misses(self, state: State, decision: Decision) -> int:
        if decision.arguments.get("wordless"):
            return state.misses
        if decision.by in _MISSES or decision.arguments.get("asks_again"):
            return state.misses + 1
        # What follows in the same turn (the form that asks again after a miss) changes nothing.
        return state.misses if state.done else 0

    def _conclude(self, state: State, heard: Understanding) -> Decision:
        further = [answer for answer in heard.more if answer.entry in self.reader.entries]
        if state.decided_by in {"exact", "faq"} and len(state.done) <= len(further):
            return self._answer(further[len(state.done) - 1], "faq")
        if state.active_loop in self.domain.forms and state.decided_by in _ANSWERS:
            return self._asks_again(state, heard, "")
        return Decision(LISTEN, "listen")

    def _by_policies(self, state: State, heard: Understanding) -> Decision:
        """What rules and stories say; where they say nothing, a form that is open asks again."""
        prediction = self.policies.predict(state)
        if prediction.by == "nothing" and not self.strict:
            if state.active_loop in self.domain.forms and state.done[-1:] != [state.active_loop]:
                return self._asks_again(state, heard, "")
            return Decision(LISTEN, "listen")
        return self._from(prediction, state, heard) or self._rejected(state, heard)

    def _rejected(self, state: State, heard: Understanding) -> Decision:
        """The form has refused what was said: others may speak."""
        loop = state.active_loop or ""
        tracker = Tracker(state, self.domain)
        tracker.happen([["rejected", loop]])
        prediction = self.policies.predict(tracker.state, rejected=loop)
        if prediction.by == "nothing" and not self.strict:
            prediction.action = LISTEN
        decision = self._from(prediction, tracker.state, heard) or Decision(LISTEN, "listen")
        return replace(decision, arguments={**decision.arguments, "rejected": loop})

    def _by_form(self, state: State, heard: Understanding) -> Decision | None:
        if state.active_loop not in self.domain.forms or state.loop_rejected:
            return None
        prediction = self.policies.predict(state)
        if prediction.by != forms.BY or prediction.action != state.active_loop:
            return None
        return self._from(prediction, state, heard)

    def _by_rule(self, state: State, heard: Understanding, meaning: Meaning) -> Decision | None:
        """A rule or story; in a form it is asked as if the form had stepped back."""
        inside = state.active_loop in self.domain.forms
        tracker = Tracker(state, self.domain)
        if inside:
            tracker.happen([["rejected", state.active_loop]])
        prediction = self.policies.predict(tracker.state)
        if prediction.by == "nothing":
            return None
        if meaning.is_retrieval and prediction.action == f"utter_{meaning.intent}":
            return self._answer(meaning.answer, "faq") if meaning.answer else None
        decision = self._from(prediction, tracker.state, heard)
        if decision and inside:
            return replace(decision, arguments={**decision.arguments, "rejected": state.active_loop})
        return decision

    def _from(self, prediction: Prediction, state: State, heard: Understanding) -> Decision | None:
        """What a prediction means; None: a form that refuses."""
        if prediction.action in self.domain.forms and prediction.action not in self.domain.actions:
            form = self.domain.forms[prediction.action]
            again = prediction.interrupted or prediction.back_to_loop
            run = forms.begin(form, state, prediction.name, interrupted=again, hidden=prediction.hidden)
            return self._form(state, run, heard)
        if prediction.action == LISTEN:
            return Decision(LISTEN, "listen", prediction.name)
        if prediction.action == TWO_STAGE and TWO_STAGE not in self.domain.actions:
            return self._two_stages(prediction, state, heard)
        arguments: dict[str, Any] = {"hidden": True} if prediction.hidden else {}
        if prediction.by_words:
            arguments["words"] = state.text
        own = built_in.events_of(prediction.action, state, self.domain)
        if own:
            arguments |= self._heard_anew(state, prediction.action, own, heard)
        by = "fallback" if prediction.by == "nothing" else prediction.by
        confidence = heard.confidence or 1.0
        return Decision(prediction.action, by, prediction.name, confidence, arguments)

    def _form(self, state: State, run: forms.Run, heard: Understanding) -> Decision | None:
        def fill(inside: State) -> tuple[forms.Filled, forms.Asked]:
            meaning = self.reader.read(heard)
            hearing = Hearing(heard, meaning.intent or FALLBACK, as_text=not meaning.exact)
            filled = fill_slots(self.domain, inside, hearing)
            return filled, asking_actions(self.domain, inside, hearing, filled) if self._asks else {}

        return forms.go_on(self.domain, state, run, fill)

    def _two_stages(self, prediction: Prediction, state: State, heard: Understanding) -> Decision:
        says, events = built_in.two_stages(state)
        arguments = {
            **self._heard_anew(state, TWO_STAGE, events, heard),
            "then": [],
            "hidden": prediction.hidden,
            "active_loop": None if ["loop", None] in events else TWO_STAGE,
            "requested_slot": None,
            "rule": prediction.name,
        }
        own = {*self.domain.actions, *self.domain.responses}
        if says == built_in.ASK_AFFIRMATION and not self.strict and says not in own:
            says, arguments["choices"] = ASK_BACK, self.reader.choices(heard, self.policies)
        return Decision(says or TWO_STAGE, forms.BY, TWO_STAGE, heard.confidence or 1.0, arguments)

    def _heard_anew(
        self, state: State, action: str, events: list[Event], heard: Understanding
    ) -> dict[str, Any]:
        """The events of an action; where it has the message heard anew, with what fills slots then."""
        if not any(event[0] == "hear" for event in events):
            return {"events": events}
        tracker = Tracker(state, self.domain)
        tracker.act(action)
        tracker.happen(events)
        hearing = Hearing(heard, self.reader.read(heard).intent or FALLBACK)
        filled = fill_slots(self.domain, tracker.state, hearing)
        events = [*events, *(["slot", *pair] for pair in filled.items())]
        return {"events": events, "pending": self._asked(tracker.state, hearing, filled)}

    def _asked(self, state: State, hearing: Hearing, filled: Mapping[str, Any]) -> dict[str, Any]:
        """The actions that have to be asked what the message sets, as they are kept in a state."""
        asked = asking_actions(self.domain, state, hearing, filled) if self._asks else {}
        return {"queue": [*asked], "again": asked} if asked else {}

    def _asks_again(self, state: State, heard: Understanding, why: str) -> Decision:
        form = self.domain.forms[state.active_loop or ""]
        run = forms.begin(form, state, why, interrupted=True)
        return self._form(state, run, heard) or Decision(LISTEN, "listen")

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
        inside = state.active_loop in self.domain.forms
        choices = [] if inside else self.reader.choices(heard, self.policies)
        near = [] if inside else self._nearest(state, heard, meaning)
        if near:
            return self._ask_nearest(near, choices)
        if not (choices and ASK_BACK in self.domain.actions):
            decision = self._by_fallback_rule(state, heard)
            if decision:
                return decision
        if inside:
            again = self._asks_again(state, heard, "")
            return replace(again, arguments={**again.arguments, "asks_again": True})
        arguments = {"choices": choices}
        return Decision(ASK_BACK, "ask_back", confidence=meaning.confidence, arguments=arguments)

    def _nearest(self, state: State, heard: Understanding, meaning: Meaning) -> list[Near]:
        """What stories tell that are not quite like this; nothing unless the project asks for it."""
        if self.policies.nearest is None or not state.moves:
            return []
        moves = state.moves
        newest = [moves[-1]["seen"], state.now]
        if [move["action"] for move in moves[-3:]] == [LISTEN, ASK_BACK, LISTEN]:
            newest = [moves[-3]["seen"], moves[-2]["seen"]]  # as it stood when it was asked back
        meant = self.reader.may_mean(heard, meaning)
        return self.policies.nearest.find(newest, meant, self.thresholds.nearest, MOST_CHOICES)

    def _ask_nearest(self, near: Sequence[Near], others: Sequence[dict[str, Any]]) -> Decision:
        """Ask back whether that is meant: by its label, or in words in which somebody might say it."""
        choices: list[dict[str, Any]] = [
            {"kind": "intent", "name": one.intent, "title": self.project.nlu.find_phrase(one.intent)}
            for one in near
        ]
        named = {one.intent for one in near}
        choices += [choice for choice in others if choice["name"] not in named]
        arguments = {"choices": choices[:MOST_CHOICES]}
        return Decision(ASK_BACK, "ask_back", near[0].story, near[0].score, arguments)

    def _by_nearest(self, state: State, heard: Understanding, meaning: Meaning) -> Decision | None:
        """The customer has said that it is meant: as in that story."""
        if heard.engine != "payload" or meaning.intent not in state.asked_back:
            return None
        near = self._nearest(state, heard, meaning)
        if not near:
            return None
        decision = self._from(Prediction(near[0].action, "nearest", near[0].story), state, heard)
        return decision and replace(decision, confidence=near[0].score)

    def _by_fallback_rule(self, state: State, heard: Understanding) -> Decision | None:
        prediction = self._foretold_unclear(state, heard)
        if prediction.by in {"rule", "story", "form"} and prediction.action != LISTEN:
            decision = self._from(prediction, state, heard)
            if decision:
                return replace(decision, arguments={**decision.arguments, "asks_again": True})
        action = self.thresholds.core_action
        if action in {*self.domain.actions, *self.domain.responses} and not state.active_loop:
            return Decision(action, "fallback", "core fallback", self.thresholds.core)
        return None

    def _foretold_unclear(self, state: State, heard: Understanding) -> Prediction:
        """What rules and stories say to a message that was not understood."""
        tracker = Tracker(state, self.domain)
        if state.moves and state.moves[-1]["action"] == LISTEN:
            # Whatever it was taken for, it counts as not understood.
            tracker.happen([["user", heard_part(self.domain, FALLBACK, heard.entities)]])
        if state.active_loop:
            tracker.happen([["rejected", state.active_loop]])
        return self.policies.predict(tracker.state)
