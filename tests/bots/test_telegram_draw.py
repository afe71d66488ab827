"""How contents are drawn within Telegram's limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.telegram.draw import CAPTION_LIMIT, DATA_LIMIT, TEXT_LIMIT, draw, split_text, units
from crm_store.messages import KINDS, Button, Content, Kind, Media

PHOTO = Media(url="https://shop.example/pot.jpg")


def test_a_text_is_sent_as_it_is_written() -> None:
    (part,) = draw(Content(text="1 < 2 & *so* on_ward"))
    assert part.call() == ("sendMessage", {"text": "1 < 2 & *so* on_ward"})


@given(st.text(alphabet=st.sampled_from("a茶한🍵👍🏽\u200d。 \n"), max_size=400), st.integers(8, 60))
def test_pieces_fit_and_lose_nothing_but_the_blanks_between_them(text: str, limit: int) -> None:
    pieces = split_text(text, limit)
    assert all(0 < units(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_long_text_is_cut_where_a_reader_would_pause() -> None:
    sentence = "我们每天早上九点开门。"
    pieces = split_text(sentence * 500)
    assert len(pieces) == 2
    assert all(piece.endswith("。") and units(piece) <= TEXT_LIMIT for piece in pieces)
    first, second = split_text("a" * 3000 + "\n" + "b b. " * 300)
    assert first == "a" * 3000
    assert second.startswith("b b.")


def test_an_emoji_is_not_torn_apart() -> None:
    family = "👩\u200d👩\u200d👧"
    assert all(piece.startswith("👩") for piece in split_text(family * 10, 20))


def test_buttons_hang_on_the_last_piece() -> None:
    parts = draw(Content(text="字" * 5000, buttons=(Button("好", "/yes"),)))
    assert [part.keys is None for part in parts] == [True, False]
    assert parts[-1].call()[1]["reply_markup"] == {
        "inline_keyboard": [[{"text": "好", "callback_data": "/yes"}]]
    }


@pytest.mark.parametrize("payload", ["", "x" * 65, "字" * 22, "t:x"])
def test_a_payload_that_telegram_cannot_carry_gives_way_to_the_title(payload: str) -> None:
    (part,) = draw(Content(text="?", buttons=(Button("查询" * 20, payload),)))
    (row,) = part.call()[1]["reply_markup"]["inline_keyboard"]
    assert row[0]["callback_data"].startswith("t:查询")
    assert len(row[0]["callback_data"].encode()) <= DATA_LIMIT


def test_buttons_without_words_hang_on_something() -> None:
    (part,) = draw(Content(buttons=(Button("Yes", "/yes"),)))
    assert part.text
    assert part.keys


def test_buttons_beyond_what_telegram_shows_are_named_in_the_text() -> None:
    (part,) = draw(Content(text="?", buttons=tuple(Button(f"n{i}", f"p{i}") for i in range(102))))
    assert part.text == "?\nn100\nn101"


def test_a_picture_carries_its_caption_unless_that_is_too_long() -> None:
    (part,) = draw(Content("image", text="茶壶", media=PHOTO))
    assert part.call() == ("sendPhoto", {"photo": PHOTO.url, "caption": "茶壶"})
    picture, words = draw(Content("image", text="字" * (CAPTION_LIMIT + 1), media=PHOTO))
    assert picture.call() == ("sendPhoto", {"photo": PHOTO.url})
    assert words.call()[0] == "sendMessage"


def test_a_picture_without_an_address_of_the_world_is_told_in_words() -> None:
    (part,) = draw(Content("image", text="茶壶", media=Media(url="/media/7", name="pot.jpg")))
    assert part.call() == ("sendMessage", {"text": "茶壶\npot.jpg"})


def test_a_place_is_a_pin_with_its_name_before_it() -> None:
    place = {"latitude": 31.2, "longitude": 121, "label": "豫园"}
    words, pin = draw(Content("location", data=place))
    assert words.text == "豫园"
    assert pin.call() == ("sendLocation", {"latitude": 31.2, "longitude": 121.0})
    (only_words,) = draw(Content("location", data=place | {"latitude": 200}))
    assert only_words.call() == ("sendMessage", {"text": "豫园"})


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_at_least_its_words(kind: Kind) -> None:
    assert [part.text for part in draw(Content(kind, text="看这里"))] == ["看这里"]


def test_a_link_and_a_contact_are_written_out() -> None:
    link = {"title": "茶单", "url": "https://shop.example/menu"}
    assert draw(Content("link", data=link))[0].text == "茶单\nhttps://shop.example/menu"
    assert draw(Content("contact", data={"name": "Anna", "phone_number": "+49 1"}))[0].text == "Anna\n+49 1"


def test_there_is_nothing_to_send_in_nothing() -> None:
    assert draw(Content(text=" \n")) == []
