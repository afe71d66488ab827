"""Random small Rasa projects, and random dialogues with them. Plain data, the standard library alone.

A project is a JSON object: `domain`, `rules` and `stories` as their YAML files would say it, `policies`,
`actions` (the events that each custom action returns) and `dialogues` (turns: intent, entities, text).
"""

from __future__ import annotations

from random import Random
from typing import Any

Json = dict[str, Any]
RULED = ("greet", "deny", "affirm", "stop")  # each has one rule at most; stories begin with the others
INTENTS = ("greet", "order", "inform", "affirm", "deny", "ask", "stop")
ENTITIES = ("city", "size", "colour")
SLOTS = ("place", "amount", "sure", "kind", "seen", "note")
TYPES = ("text", "float", "bool", "categorical", "list", "any")
FORMS = ("order_form", "visit_form")
WORDS = ("a", "b", "c")


class Inventor:
    """Invents one project from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.slots = {name: self._slot(name, kind) for name, kind in zip(SLOTS, TYPES, strict=True)}
        self.forms = {name: self._form() for name in FORMS[: self.random.choice((0, 1, 1, 2, 2))]}
        self.actions: dict[str, list[Json]] = {f"action_{word}": self._events() for word in WORDS}
        for form in self.forms:
            if self.random.random() < 0.35:
                self.actions[f"validate_{form}"] = self._validation(form)
        if self._chance(0.15):
            self.actions["action_validate_slot_mappings"] = self._sets(2)
        if self._chance(0.3):
            self.actions["action_fill"] = self._sets(2)
        self.two_stages = self._chance(0.25)
        self.end_to_end = self._chance(0.15)
        self.domain = self._domain()

    def project(self, dialogues: int = 30) -> Json:
        """The project with its dialogues."""
        rules = self._rules()
        stories = [self._story(number, rules) for number in range(self.random.randint(0, 6))]
        found = {
            "domain": self.domain,
            "rules": rules,
            "stories": stories,
            "policies": self._policies(),
            "actions": self.actions,
        }
        walks = [*stories, *rules]
        return found | {"dialogues": [self._dialogue(walks) for _ in range(dialogues)]}

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _slot(self, name: str, kind: str) -> Json:
        slot: Json = {"type": kind}
        if kind == "categorical":
            slot["values"] = ["red", "blue"]
        if kind == "any" or self._chance(0.3):
            slot["influence_conversation"] = False
        elif self._chance(0.15):
            slot["initial_value"] = self._value(kind)
        slot["mappings"] = [self._mapping(kind) for _ in range(self.random.choice((1, 1, 2)))]
        return slot

    def _value(self, kind: str) -> Any:
        choices: dict[str, tuple[Any, ...]] = {
            "text": ("x", "y"), "float": (0.0, 0.5, 7), "bool": (True, False),
            "categorical": ("red", "BLUE", "green"), "list": (["x"], ["x", "y"], []), "any": ("x", 3),
        }  # fmt: skip
        return self.random.choice(choices[kind])

    def _mapping(self, kind: str) -> Json:
        how = self.random.choices(
            ("from_entity", "from_intent", "from_trigger_intent", "from_text", "custom"), (6, 2, 1, 1, 1)
        )[0]
        mapping: Json = {"type": how}
        if how == "from_entity":
            mapping["entity"] = self.random.choice(ENTITIES)
            if mapping["entity"] == "city" and self._chance(0.5):
                mapping["role"] = self.random.choice(("from", "to"))
        elif how in {"from_intent", "from_trigger_intent"}:
            mapping["value"] = self._value(kind)
            mapping["intent"] = self.random.choice(INTENTS)
        elif how == "custom" and self._chance(0.5):
            mapping["action"] = "action_fill"
        if how != "custom" and "intent" not in mapping and self._chance(0.3):
            key = self.random.choice(("intent", "not_intent"))
            mapping[key] = self.random.choice((self.random.choice(INTENTS), ["inform", "affirm"]))
        if how != "custom" and (how == "from_text" or self._chance(0.3)):
            mapping["conditions"] = [self._condition() for _ in range(self.random.choice((1, 1, 2)))]
        return mapping

    def _condition(self) -> Json:
        condition: Json = {"active_loop": self.random.choice((*FORMS, None))}
        if condition["active_loop"] and self._chance(0.6):
            condition["requested_slot"] = self.random.choice(SLOTS)
        return condition

    def _form(self) -> Json:
        form: Json = {"required_slots": self.random.sample(SLOTS, self.random.randint(1, 3))}
        if self._chance(0.25):
            form["ignored_intents"] = [self.random.choice(INTENTS)]
        return form

    def _sets(self, most: int) -> list[Json]:
        names = self.random.sample(SLOTS, self.random.randint(0, most))
        kinds = dict(zip(SLOTS, TYPES, strict=True))
        return [
            {
                "event": "slot",
                "name": name,
                "value": None if self._chance(0.25) else self._value(kinds[name]),
            }
            for name in names
        ]

    def _events(self) -> list[Json]:
        if self._chance(0.55):
            return []
        return [*self._sets(2), *([self._rare_event()] if self._chance(0.07) else [])]

    def _rare_event(self) -> Json:
        kinds = ("followup", "followup", "reset_slots", "active_loop", "rewind", "undo", "restart")
        name = self.random.choice(kinds)
        if name == "followup":
            named = self.random.choice(("utter_d", "action_listen", "action_b", "nowhere"))
            return {"event": name, "name": named}
        return {"event": name, "name": None} if name == "active_loop" else {"event": name}

    def _validation(self, form: str) -> list[Json]:
        required = self.forms[form]["required_slots"]
        events = [event for event in self._sets(3) if event["name"] in required and self._chance(0.7)]
        if self._chance(0.2):
            events.append({"event": "slot", "name": "requested_slot", "value": None})
        return events

    def _domain(self) -> Json:
        intents: list[Any] = [*INTENTS]
        if self._chance(0.4):
            intents[2] = {"inform": {"use_entities": self.random.choice(([], ["city"], True))}}
        if self._chance(0.2):
            intents[5] = {"ask": {"ignore_entities": ["size"]}}
        entities: list[Any] = [{"city": {"roles": ["from", "to"]}}, "size", "colour"]
        if self._chance(0.3):
            entities[2] = {"colour": {"influence_conversation": False}}
        responses = {f"utter_{word}": [{"text": word}] for word in (*WORDS, "d")}
        responses |= {f"utter_ask_{slot}": [{"text": f"{slot}?"}] for slot in SLOTS}
        if self._chance(0.5):
            responses["utter_default"] = [{"text": "default"}]
        responses |= {"utter_ask_rephrase": [{"text": "again?"}], "utter_restart": [{"text": "anew"}]}
        return {
            "version": "3.1", "e2e_actions": ["said"] if self.end_to_end else [],
            "intents": intents, "entities": entities, "slots": self.slots,
            "responses": responses, "forms": self.forms, "actions": sorted(self.actions),
        }  # fmt: skip

    def _policies(self) -> list[Json]:
        memory: Json = {"name": self.random.choice(("MemoizationPolicy", "AugmentedMemoizationPolicy"))}
        if self._chance(0.4):
            memory["max_history"] = self.random.randint(1, 6)
        rule: Json = {"name": "RulePolicy"}
        if self._chance(0.25):
            rule["check_for_contradictions"] = False
        if self._chance(0.7):
            rule["restrict_rules"] = False
        if self._chance(0.15):
            rule["enable_fallback_prediction"] = False
        if self._chance(0.1):
            rule["core_fallback_action_name"] = "utter_d"
        return [memory, rule]

    def _said(self) -> Json:
        step: Json = {"intent": self.random.choice(INTENTS)}
        if self._chance(0.3):
            step["entities"] = [self._entity()]
        return step

    def _entity(self) -> Any:
        name = self.random.choice(ENTITIES)
        if self._chance(0.5):
            return name
        value: Json = {name: self.random.choice(("x", "red"))}
        if name == "city" and self._chance(0.5):
            value["role"] = self.random.choice(("from", "to"))
        return value

    def _done(self) -> list[Json]:
        """An action and the slots that it is known to set."""
        name = self.random.choice(
            [*(f"utter_{word}" for word in WORDS), *(f"action_{word}" for word in WORDS)]
        )
        events = self.actions.get(name, ())
        sets = [{event["name"]: event["value"]} for event in events if event["event"] == "slot"]
        return [{"action": name}, *([{"slot_was_set": sets}] if sets else [])]

    def _state(self) -> Json:
        name = self.random.choice(SLOTS[:5])
        value = None if self._chance(0.3) else self._value(dict(zip(SLOTS, TYPES, strict=True))[name])
        return {"slot_was_set": [{name: value}]}

    def _rules(self) -> list[Json]:
        rules = []
        for form in self.forms:
            rules += self._form_rules(form)
        if self._chance(0.15):
            turns = [{"intent": "inform"}, *self._done(), {"intent": "affirm"}, *self._done()]
            rules.append({"rule": "two turns", "steps": turns})
        if self.two_stages:
            loop = "action_two_stage_fallback"
            steps: list[Json] = [{"intent": "nlu_fallback"}, {"action": loop}, {"active_loop": loop}]
            rules.append({"rule": "two stages", "steps": steps})
        elif self._chance(0.2):
            rules.append({"rule": "unclear", "steps": [{"intent": "nlu_fallback"}, *self._done()]})
        if self.end_to_end:
            rules.append({"rule": "by words", "steps": [{"user": "t1"}, *self._done()]})
        intents = self.random.sample(RULED, self.random.randint(1, len(RULED)))
        for number, intent in enumerate(intents):
            rule: Json = {"rule": f"rule {number}"}
            if self._chance(0.3):
                rule["condition"] = [self._state()]
            if self._chance(0.1):
                rule["conversation_start"] = True
            steps = [self._said() | {"intent": intent}]
            for _ in range(self.random.choice((1, 1, 2))):
                steps += self._done()
            if self._chance(0.1):
                rule["wait_for_user_input"] = False
            rules.append(rule | {"steps": steps})
        return rules

    def _form_rules(self, form: str) -> list[Json]:
        start = "order" if form == FORMS[0] else "ask"
        rules: list[Json] = [
            {"rule": f"start {form}", "steps": [{"intent": start}, {"action": form}, {"active_loop": form}]}
        ]
        if self._chance(0.85):
            steps = [{"action": form}, {"active_loop": None}, {"slot_was_set": [{"requested_slot": None}]}]
            if self._chance(0.8):
                steps += self._done()
            rules.append({"rule": f"end {form}", "condition": [{"active_loop": form}], "steps": steps})
        if self._chance(0.4):
            rules.append(
                {
                    "rule": f"leave {form}",
                    "condition": [{"active_loop": form}],
                    "steps": [
                        {"intent": "stop"}, {"action": "action_deactivate_loop"}, {"active_loop": None},
                        *self._done(),
                    ],
                }
            )  # fmt: skip
        if self._chance(0.4):
            back = [{"action": form}, {"active_loop": form}] if self._chance(0.6) else []
            asked = [{"slot_was_set": [{"requested_slot": "place"}]}] if self._chance(0.3) else []
            rules.append(
                {
                    "rule": f"digress in {form}",
                    "condition": [{"active_loop": form}, *asked],
                    "steps": [{"intent": self.random.choice(("greet", "deny"))}, *self._done(), *back],
                }
            )
        return rules

    def _story(self, number: int, rules: list[Json]) -> Json:
        steps: list[Json] = []
        if self._chance(0.1):
            steps.append({"checkpoint": "later"})
        for _ in range(self.random.randint(1, 4)):
            if rules and self._chance(0.3):
                steps += self._retold(self.random.choice(rules))
            elif self.forms and self._chance(0.4):
                steps += self._form_turns(self.random.choice(sorted(self.forms)))
            else:
                free = [i for i in INTENTS if i not in RULED] if self._chance(0.9) else INTENTS
                said = self._said() | {"intent": self.random.choice(free)}
                steps.append({"or": [said, self._said()]} if self._chance(0.08) else said)
                for _ in range(self.random.choice((1, 1, 2))):
                    steps += self._done()
                if self.end_to_end and self._chance(0.3):
                    steps.append({"bot": "said"})
        if self._chance(0.15) and steps and "checkpoint" not in steps[0]:
            steps.append({"checkpoint": "later"})
        return {"story": f"story {number}", "steps": steps or [{"intent": "ask"}, *self._done()]}

    def _retold(self, rule: Json) -> list[Json]:
        """What a rule says, as part of a story."""
        return (
            [step for step in rule["steps"] if "requested_slot" not in str(step)]
            if "intent" in rule["steps"][0]
            else []
        )

    def _form_turns(self, form: str) -> list[Json]:
        steps: list[Json] = [{"intent": "order"}, {"action": form}, {"active_loop": form}]
        if self._chance(0.5):
            steps += [{"intent": self.random.choice(("deny", "inform", "stop"))}, *self._done()]
            if self._chance(0.7):
                steps += [{"action": form}]
            else:
                return [*steps, {"action": "action_deactivate_loop"}, {"active_loop": None}]
        elif self._chance(0.4):
            steps += [{"intent": "inform"}, {"action": form}]
        filled = [{"slot_was_set": [{"place": "x"}]}] if self._chance(0.3) else []
        return [*steps, *filled, {"active_loop": None}, *self._done()]

    def _dialogue(self, walks: list[Json]) -> list[Json]:
        turns: list[Json] = []
        while len(turns) < self.random.randint(3, 9):
            if walks and self._chance(0.6):
                steps = self.random.choice(walks)["steps"]
                said = [
                    s for step in steps for s in ([step] if "intent" in step else step.get("or", ())[:1])
                ]
                turns += [self._turn(step) for step in said]
            else:
                turns.append(self._turn(self._said()))
            if self._chance(0.3):
                turns += [self._turn({"intent": "inform"}) for _ in range(self.random.randint(1, 3))]
            if self._chance(0.12):
                turns += [self._turn({"intent": intent}) for intent in self._out_of_order()]
        return turns[:10]

    def _out_of_order(self) -> list[str]:
        """What is said that no rule of ours is about."""
        if self.two_stages:
            unclear = [self.random.choice(("nlu_fallback", "out_of_scope", "greet")) for _ in range(3)]
            return ["nlu_fallback", *unclear[: self.random.randint(1, 3)]]
        one = self.random.choice(
            ("back", "back", "restart", "session_start", "nlu_fallback", "out_of_scope")
        )
        return [one] * (self.random.randint(1, 2) if one == "back" else 1)

    def _turn(self, step: Json) -> Json:
        entities = []
        for item in step.get("entities", ()):
            named = {"entity": item, "value": "x"} if isinstance(item, str) else {}
            for key, value in item.items() if isinstance(item, dict) else ():
                named |= {"role": value} if key == "role" else {"entity": key, "value": value}
            entities.append(named)
        if step["intent"] == "inform" or self._chance(0.1):
            for _ in range(self.random.choice((0, 1, 1, 2))):
                name = self.random.choice(ENTITIES)
                found: Json = {"entity": name, "value": self.random.choice(("x", "y", "red", "2"))}
                if name == "city" and self._chance(0.5):
                    found["role"] = self.random.choice(("from", "to"))
                entities.append(found)
        return {"intent": step["intent"], "entities": entities, "text": f"t{self.random.randint(1, 3)}"}


def invent(seed: int, dialogues: int = 30) -> Json:
    """The project of that seed."""
    return Inventor(seed).project(dialogues)
