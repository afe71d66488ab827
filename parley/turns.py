"""Act: one message is answered. The dialogue names actions, they run, what they say goes to the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

from sqlmodel import col, select

from actions.base import Change, Turn
from crm_store import customers, outbox
from crm_store.history import Message
from crm_store.messages import Content, Floor, ParleyError, Understanding
from crm_store.parked import COMING, STILL_WAITING
from nlu.base import LISTEN, Decision, State
from nlu.built_in import FALLBACK
from nlu.matter import read_matter
from nlu.moments import find_moment
from nlu.rasa_dialogue import Reply
from nlu.sessions import in_session
from nlu.system_entities import seen_from
from parley import keywords, remote
from parley.bot import LANGUAGES
from parley.bound import Record
from parley.giving_up import leaves_open
from parley.situation import Situation

MOST_ACTIONS = 10
REPEAT_COMING_AFTER = timedelta(minutes=2)
_ENTRIES = ("faq", "exact")  # decided by: what is said is an FAQ entry


class TooManyActions(ParleyError):
    """The dialogue named more than ten actions for one message: its rules run in a circle."""


@dataclass(slots=True)
class Acted:
    """What became of one message."""

    state: State
    rows: list[dict[str, Any]] = field(default_factory=list)  # for the outbox
    decision: list[dict[str, Any]] = field(default_factory=list)  # the explanation
    floor: Floor | None = None
    decided: Decision | None = None  # first, in this turn; while a person has the floor: would have been
    intent: str = ""  # that the dialogue acted on
    about: str = "re"  # stands in the keys of the rows: what they are said about


def act(situation: Situation) -> Acted:
    """Answer one message under the floor as it is now."""
    _learn_proofs(situation)
    state = situation.state
    before = state.slots.get("language")
    if not before and situation.heard.language not in LANGUAGES:
        before = _known_language(situation) or keywords.language_of(situation.heard)
    language = situation.bot.language_of(situation.heard, before)
    state.slots["language"] = language
    if situation.conversation.floor == "waiting":
        return _still_waiting(situation, state)
    if situation.heard.engine == keywords.ENGINE:
        return _obey(situation, state, language)
    if situation.reply and not situation.reply.away:
        return _relay(situation, situation.reply, state, language)
    return _talk(situation, state, language)


def act_in_silence(situation: Situation) -> Acted:
    """What is done with a message while the bot may not speak: a stop counts whoever has the floor.

    What was understood is kept with the message; the dialogue stands still.
    """
    acted = Acted(situation.state)
    acted.decision.append({"action": None, "by": "floor", "name": situation.conversation.floor})
    imagined = deepcopy(situation.state)
    language = situation.bot.language_of(situation.heard, imagined.slots.get("language"))
    if situation.heard.engine == keywords.ENGINE:
        decision = _command(situation)
    else:
        imagined = situation.bot.dialogue.hear(imagined, situation.heard)
        decision = situation.bot.dialogue.decide(imagined, situation.heard)
        acted.decided, acted.intent = decision, str(imagined.user.get("intent", ""))
    if decision.action in situation.bot.always:
        _, turn = _run(situation, imagined, decision, language)
        acted.decision.append(_explain(decision, turn.changes))
    return acted


def _obey(situation: Situation, state: State, language: str) -> Acted:
    """An exact word of the house: what it asks for is done, and a form that was open is left."""
    acted, decision = Acted(situation.bot.dialogue.leave(state)), _command(situation)
    # Who says stop in Korean is answered in Korean, whatever language the bot speaks otherwise.
    language = situation.heard.language or language
    spoken = replace(acted.state, slots={**acted.state.slots, "language": language})
    contents, turn = _run(situation, spoken, decision, language)
    say(situation, acted, contents, f"action:{decision.action}")
    acted.decision.append(_explain(decision, turn.changes))
    return acted


def _command(situation: Situation) -> Decision:
    intent = situation.heard.intent or ""
    return Decision(keywords.ACTIONS[intent], "house", intent, 1.0)


def _known_language(situation: Situation) -> str | None:
    """That of the customer's page or app, for who has sent no word yet: `zh-CN` counts as `zh`."""
    customer = customers.get_customer(situation.session, situation.conversation.customer_id)
    told = customer.language.replace("_", "-").partition("-")[0].lower()
    return told if told in LANGUAGES else "en" if told else None


def on_their_clock(situation: Situation) -> Understanding:
    """What was heard, dates and times in the customer's zone where that is known to be another."""
    heard = situation.heard
    if not any(e.entity in ("date", "time") for e in (*heard.entities, *heard.system_entities)):
        return heard
    zone = customers.find_zone(situation.session, situation.conversation.customer_id)
    if zone is None or zone.key == situation.bot.settings.get("timezone"):
        return heard
    return seen_from(heard, situation.now.astimezone(zone))


def _relay(situation: Situation, reply: Reply, state: State, language: str) -> Acted:
    """What a remote dialogue has said becomes ours; where the embedded one stands does not change."""
    heard = situation.heard
    decision = Decision("", "rasa", heard.intent or "", heard.confidence)
    dropped = [Change("dropped", part, None) for part in reply.dropped]
    # What Rasa did to say that, its REST channel does not tell.
    acted = Acted(state, decision=[_explain(decision, dropped) | {"action": None}])
    if heard.intent == FALLBACK:
        acted.decided, acted.intent = Decision("", "fallback"), FALLBACK
    for step in reply.steps:
        if isinstance(step, Content):
            say(situation, acted, [step], "dialogue:rasa")
        elif step in situation.bot.actions:
            decision = Decision(step, "rasa", heard.intent or "", heard.confidence)
            contents, turn = _run(situation, state, decision, language)
            say(situation, acted, contents, f"action:{step}")
            acted.decision.append(_explain(decision, turn.changes))
            acted.floor = turn.floor or acted.floor
        else:
            acted.decision.append(_explain(Decision(step, "unknown"), ()))
    return acted


def _talk(situation: Situation, state: State, language: str) -> Acted:
    state = in_session(state, situation.bot.project.domain, situation.now)
    situation.heard = on_their_clock(situation)
    record = None if situation.facts is None else Record(situation, situation.facts)
    if record:
        state = record.know(state)
    acted = Acted(situation.bot.dialogue.hear(state, situation.heard))
    if record:
        acted.state = record.learn(acted.state)
    acted.intent = str(acted.state.user.get("intent", ""))
    if situation.reply:
        acted.decision.append({"action": None, "by": "away", "name": "rasa"})
    notes = remote.Notes(acted.state, situation.now.timestamp()) if situation.bot.server else None
    for _ in range(MOST_ACTIONS):
        decision = situation.bot.dialogue.decide(acted.state, situation.heard)
        if decision.action == LISTEN:
            if record:
                _note_changes(acted, record)
            return acted
        if situation.instead and not acted.decided and leaves_open(decision, acted.intent, acted.state):
            decision = situation.instead
        acted.decided = acted.decided or decision
        if notes and decision.action in situation.bot.elsewhere and decision.by not in _ENTRIES:
            _run_elsewhere(situation, acted, decision, notes, language)
        else:
            run_here(situation, acted, decision, notes, language)
        if record:
            acted.state = record.learn(acted.state)
            _note_changes(acted, record)
    raise TooManyActions


def _note_changes(acted: Acted, record: Record) -> None:
    """What was learnt from slots, with the step that had it learnt."""
    changes = _told(record.take_changes())
    if not changes:
        return
    if not acted.decision:
        acted.decision.append({"action": None, "by": "record", "name": "slots", "changes": []})
    step = acted.decision[-1]
    step["changes"] = [*step["changes"], *(one for one in changes if one not in step["changes"])]


def run_here(
    situation: Situation, acted: Acted, decision: Decision, notes: remote.Notes | None, language: str
) -> None:
    """Run an action of the house, or say a response of the domain, and go on from there."""
    contents, turn = _run(situation, acted.state, decision, language)
    say(situation, acted, contents, f"action:{decision.action}")
    acted.decision.append(_explain(decision, turn.changes))
    acted.floor = turn.floor or acted.floor
    if notes:
        notes.add(decision, turn.set_slots, contents)
    acted.state = situation.bot.dialogue.after(acted.state, decision, turn.set_slots)


def _run_elsewhere(
    situation: Situation, acted: Acted, decision: Decision, notes: remote.Notes, language: str
) -> None:
    done = remote.run(situation, acted.state, decision, notes, language)
    say(situation, acted, done.contents, f"action:{decision.action}")
    changes, dialogue = done.changes, situation.bot.dialogue
    if done.person:
        acted.floor = "waiting"
        changes = [*changes, Change("floor", "floor", "waiting")]
    step = _explain(decision, changes)
    acted.decision.append({**step, "rejected": True} if done.rejected else step)
    if done.rejected:
        acted.state = dialogue.refused(acted.state, decision)
    else:
        acted.state = dialogue.after(acted.state, decision, {}, done.events)


def _run(
    situation: Situation, state: State, decision: Decision, language: str
) -> tuple[Sequence[Content], Turn]:
    bot, conversation = situation.bot, situation.conversation

    def say(name: str, values: Any) -> list[Content]:
        return bot.say(name, {"language": language, **values}, conversation.channel)

    turn = Turn(
        session=situation.session,
        now=situation.now,
        customer_id=conversation.customer_id,
        conversation_id=conversation.id,
        message_id=situation.message.id,
        text=situation.heard.text,
        understanding=situation.heard,
        slots=dict(state.slots),
        language=language,
        say_response=say,
        arguments=decision.arguments,
        settings=bot.settings,
        read_moment=find_moment,
        read_matter=read_matter,
    )
    name = decision.action
    if decision.by in _ENTRIES:
        # An entry's answer is an action too, so that what answers can grow beyond a response.
        name, turn.arguments = "action_answer_faq", {"entry": decision.name}
    action = bot.actions.get(name)
    if action is not None:
        return list(action(turn)), turn
    return turn.say(decision.action), turn


def say(
    situation: Situation, acted: Acted, contents: Sequence[Content], source: str, about: str = ""
) -> None:
    """Draft this for the outbox. `about` tells it from an answer to the message, if it is none."""
    for content in contents:
        acted.rows.append(
            outbox.draft(
                situation.conversation,
                content,
                sender="bot",
                source=source,
                now=situation.now,
                due_at=max(situation.answer_at, situation.now),
                # It stands beside the message's own in the index, which is looked at anyway.
                key=f"{situation.message.key} {about or acted.about}:{len(acted.rows)}",
                reply_to=situation.message.id,
            )
        )


def _explain(decision: Decision, changes: Sequence[Change]) -> dict[str, Any]:
    return {
        "action": decision.action,
        "by": decision.by,
        "name": decision.name,
        "confidence": round(decision.confidence, 4),
        "changes": _told(changes),
    }


def _told(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [{"what": c.what, "name": c.name, "value": c.value} for c in changes]


def _still_waiting(situation: Situation, state: State) -> Acted:
    acted = act_in_silence(situation)
    if not _told_lately(situation):
        values = {"language": state.slots["language"]}
        contents = situation.bot.say("utter_still_waiting", values, situation.conversation.channel)
        say(situation, acted, contents, STILL_WAITING)
    return acted


def _told_lately(situation: Situation) -> bool:
    query = select(Message.id).where(
        col(Message.conversation_id) == situation.conversation.id,
        col(Message.source) == STILL_WAITING,
        col(Message.created_at) > situation.now - REPEAT_COMING_AFTER,
    )
    return situation.session.exec(query.limit(1)).first() is not None


def _learn_proofs(situation: Situation) -> None:
    for proof in situation.message.proofs:
        customers.set_attribute(
            situation.session,
            situation.conversation.customer_id,
            proof["kind"],
            proof["value"],
            source="message",
            source_id=situation.message.id,
            now=situation.now,
        )
        if situation.facts is not None:
            situation.facts["attribute", proof["kind"]] = proof["value"]


def handed_over(situation: Situation) -> Acted:
    """What happens when a message could not be answered: a person gets the conversation."""
    acted = Acted(situation.state, floor="waiting")
    language = situation.state.slots.get("language") or situation.bot.language
    contents = situation.bot.say(
        "utter_handover_coming", {"language": cast(str, language)}, situation.conversation.channel
    )
    # Under a key of its own: the message may be replayed, and is then answered under its usual one.
    say(situation, acted, contents, COMING, f"parked {situation.now.isoformat()}")
    return acted
