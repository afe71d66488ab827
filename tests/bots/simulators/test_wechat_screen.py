"""How the local WeChat draws a text: which links can be tapped, and that nothing else is markup."""

from __future__ import annotations

import pytest

from bots.simulators.wechat.screen import Piece, draw_menu, draw_text


def test_a_menu_link_sends_its_words_and_its_id() -> None:
    seen = draw_text('A <a href="weixin://bizmsgmenu?msgmenucontent=好的&msgmenuid=7">好</a> B')
    assert seen.text == "A 好 B"
    assert seen.pieces == (Piece("A "), Piece("好", sends="好的", menu_id="7"), Piece(" B"))
    assert seen.buttons == (Piece("好", sends="好的", menu_id="7"),)


def test_escaped_words_of_a_menu_link_are_read() -> None:
    seen = draw_text("<a href='weixin://bizmsgmenu?msgmenucontent=a%26b%3D1&msgmenuid=%2Fask%7B%7D'>x</a>")
    assert seen.buttons == (Piece("x", sends="a&b=1", menu_id="/ask{}"),)


def test_an_ordinary_link_opens_a_page() -> None:
    seen = draw_text('看<a class="a" href="https://shop.example/?a=1&b=2">这里</a>。')
    assert seen.pieces == (Piece("看"), Piece("这里", url="https://shop.example/?a=1&b=2"), Piece("。"))
    assert seen.buttons == ()


def test_a_bare_address_can_be_tapped_up_to_the_chinese_full_stop() -> None:
    seen = draw_text("请看https://shop.example/a。谢谢")
    assert seen.pieces == (
        Piece("请看"),
        Piece("https://shop.example/a", url="https://shop.example/a"),
        Piece("。谢谢"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "<b>粗</b>",
        "<script>alert(1)</script>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href="weixin://bizmsgmenu?msgmenucontent=x">没有编号</a>',
        '<a href="weixin://bizmsgmenu?msgmenuid=1">没有内容</a>',
        "<a>没有地址</a>",
        "1 < 2 && 3 > 2 &amp;",
        "",
        "😀 안녕",
    ],
)
def test_everything_else_stands_as_written(text: str) -> None:
    seen = draw_text(text)
    assert seen.text == text
    assert all(not piece.url and not piece.sends for piece in seen.pieces)


def test_a_menu_message_has_a_head_choices_and_a_tail() -> None:
    seen = draw_menu(
        {"head_content": "选一个", "list": [{"id": 1, "content": "甲"}], "tail_content": "谢谢"}
    )
    assert seen.pieces == (Piece("选一个"), Piece("甲", sends="甲", menu_id="1"), Piece("谢谢"))
