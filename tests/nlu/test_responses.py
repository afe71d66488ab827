"""Responses: which wording is chosen, and how slots get into it."""

from __future__ import annotations

from random import Random

from crm_store.messages import Button, Content, Media
from nlu.project import Project
from nlu.responses import Variation, choose, fill

ZH = (("language", "zh"),)
PLAIN = Variation("plain")
ZH_ONLY = Variation("zh", conditions=ZH)
CHAT = Variation("chat", channel="chat")
ZH_CHAT = Variation("zh chat", channel="chat", conditions=ZH)


def _chosen(channel: str, language: str, *variations: Variation) -> str:
    found = choose(variations, {"language": language}, channel, Random(1))
    return found.text if found else ""


def test_the_channel_comes_before_the_condition_and_both_before_the_rest() -> None:
    everything = (PLAIN, ZH_ONLY, CHAT, ZH_CHAT)
    assert _chosen("chat", "ZH", *everything) == "zh chat"
    assert _chosen("chat", "en", *everything) == "chat"
    assert _chosen("chat", "zh", PLAIN, ZH_ONLY, CHAT) == "chat"
    assert _chosen("phone", "zh", *everything) == "zh"
    assert _chosen("phone", "en", *everything) == "plain"
    assert _chosen("phone", "en", ZH_ONLY, CHAT) == ""


def test_equal_variations_are_chosen_by_chance() -> None:
    several = [Variation(str(number)) for number in range(3)]
    random = Random(1)
    said = {found.text for _ in range(50) if (found := choose(several, {}, "", random))}
    assert said == {"0", "1", "2"}


def test_slots_are_filled_in_and_unknown_names_leave_all_as_it_is() -> None:
    assert fill("Hi {name}, {{braces}}", {"name": "小明"}) == "Hi 小明, {braces}"
    assert fill("Hi {name} {other}", {"name": "x"}) == "Hi {name} {other}"
    assert fill("{list} {none}!", {"list": ["a", "b"], "none": None}) == "a, b !"
    assert fill("{name}", {"name": "{name}"}) == "{name}"


def test_words_come_with_their_buttons_and_before_the_picture(shop: Project) -> None:
    assert shop.respond("utter_thanks", {}) == [
        Content(
            text="Any time",
            buttons=(Button("Order", "/book"), Button("Opening hours", "when do you open")),
        ),
        Content("image", media=Media(url="https://flowers.example/rose.png")),
    ]


def test_the_language_of_the_customer_chooses_the_words(shop: Project) -> None:
    slots = {"language": "zh", "name": "小明"}
    assert shop.respond("utter_greet", slots)[0].text == "欢迎光临花店，小明"
    assert shop.respond("utter_greet", {"language": "ko"})[0].text == "Welcome to the flower shop"
    assert shop.respond("utter_faq/opening_hours", {})[0].text == "9:00 – 18:00"
    assert shop.respond("utter_nothing", {}) == []
