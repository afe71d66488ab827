"""The actions of the table bot, for Rasa's own action server: it runs this file in Rasa's environment."""

# What it imports is there, and not here.
# mypy: ignore-errors

import json

from rasa_sdk import Action, FormValidationAction, ValidationAction
from rasa_sdk.events import AllSlotsReset, ConversationPaused, FollowupAction, SlotSet
from rasa_sdk.interfaces import ActionExecutionRejection


class ValidateTableForm(FormValidationAction):
    def name(self):
        return "validate_table_form"

    def validate_people(self, value, dispatcher, tracker, domain):
        if value > 8:
            dispatcher.utter_message(response="utter_too_many", people=int(value), most=8)
            return {"people": None}
        return {"people": int(value)}


class ValidateMappings(ValidationAction):
    def validate_lucky(self, value, dispatcher, tracker, domain):
        return {"lucky": value * 2}


class AskTime(Action):
    def name(self):
        return "action_ask_time"

    def run(self, dispatcher, tracker, domain):
        times = [{"title": "7 p.m.", "payload": "at seven"}, {"title": "8 p.m.", "payload": "at eight"}]
        dispatcher.utter_message(text="When?", buttons=times)
        return []


class Confirm(Action):
    def name(self):
        return "action_confirm"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(response="utter_booked", greeting="see you")
        dispatcher.utter_message(
            image="https://example.org/table.png", attachment="https://example.org/a.pdf"
        )
        card = {"kind": "link", "text": "Map", "data": {"url": "https://example.org/map"}}
        dispatcher.utter_message(json_message=card)
        return [SlotSet("booking", "T-7")]


class Look(Action):
    def name(self):
        return "action_look"

    def run(self, dispatcher, tracker, domain):
        seen = {
            "sender": tracker.sender_id,
            "text": tracker.latest_message["text"],
            "intent": tracker.latest_message["intent"]["name"],
            "again": tracker.get_intent_of_latest_message(),
            "number": next(tracker.get_latest_entity_values("number"), None),
            "lucky": tracker.get_slot("lucky"),
            "booking": tracker.get_slot("booking"),
            "loop": tracker.active_loop_name,
            "channel": tracker.get_latest_input_channel(),
            "paused": tracker.is_paused(),
            "before": tracker.latest_action_name,
            "confirmed": tracker.last_executed_action_has("action_confirm"),
            "said": [e["text"] for e in tracker.events if e["event"] == "user"],
            "heard": [e["text"] for e in tracker.events if e["event"] == "bot"],
            "forms": domain["forms"],
        }
        dispatcher.utter_message(text=json.dumps(seen))
        return []


class Refuse(Action):
    def name(self):
        return "action_refuse"

    def run(self, dispatcher, tracker, domain):
        raise ActionExecutionRejection(self.name())


class Forget(Action):
    def name(self):
        return "action_forget"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text="forgotten")
        return [AllSlotsReset()]


class Silence(Action):
    def name(self):
        return "action_silence"

    def run(self, dispatcher, tracker, domain):
        return [ConversationPaused()]


class Break(Action):
    def name(self):
        return "action_break"

    def run(self, dispatcher, tracker, domain):
        raise ValueError("broken")


class Followed(Action):
    def name(self):
        return "action_followed"

    def run(self, dispatcher, tracker, domain):
        return [SlotSet("booking", "followed"), FollowupAction("action_look")]
