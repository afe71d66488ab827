"""Exact words that the house itself understands, before any engine and whatever the bot's project says.

A customer who writes nothing but STOP is never asked what they mean. The same words inside a sentence
("how do I stop the kettle") are left to the engine.
"""

from __future__ import annotations

import unicodedata

from crm_store.language import guess_language
from crm_store.messages import Understanding
from nlu.spans import fold

ENGINE = "house"
# What is done about each: an action, always the same.
ACTIONS = {
    "opt_out": "action_opt_out",
    "opt_in": "action_opt_in",
    "my_data": "action_my_data",
    "erase_my_data": "action_erase_my_data",
    "erase_my_data_now": "action_erase_my_data_now",
    "keep_my_data": "action_keep_my_data",
}
_WORDS = {
    "opt_out": (
        "退订", "退订td", "td", "t", "td退订", "t退订", "回t退订", "取消订阅", "拒收", "停止订阅",
        "stop", "stop all", "stopall", "unsubscribe", "unsub", "opt out", "opt-out", "optout",
        "unsubscribe me", "please unsubscribe", "please stop",
        "수신거부", "수신 거부", "무료수신거부", "수신거부해주세요", "수신거부요청", "구독취소",
        "구독 취소", "구독해지", "구독 해지", "광고거부", "광고 거부", "配信停止",
    ),
    "opt_in": (
        "订阅", "重新订阅", "恢复订阅", "我要订阅", "start", "subscribe", "resubscribe", "unstop",
        "opt in", "opt-in", "optin", "수신동의", "수신 동의", "구독", "다시구독", "다시 구독", "구독하기",
    ),
    "my_data": (
        "我的资料", "我的数据", "我的信息", "我的个人信息", "my data", "show my data", "show me my data",
        "my personal data", "내 정보", "내정보", "내 데이터", "내 자료",
    ),
    "erase_my_data": (
        "删除我的资料", "删除我的数据", "删除我的信息", "删除我的个人信息", "清除我的资料", "注销我的资料",
        "delete me", "delete my data", "erase me", "erase my data", "forget me", "내 정보 삭제",
        "내 데이터 삭제", "내 정보를 삭제해 주세요", "개인정보 삭제",
    ),
}  # fmt: skip
_MEANING = {word: intent for intent, words in _WORDS.items() for word in words}
_LONGEST = 40  # characters: what is longer is no keyword


def read_keyword(text: str, payload: str = "") -> Understanding | None:
    """What an exact word, or a button with such an intent, means to the house; None for all else."""
    if payload.startswith("/"):
        intent = payload[1:]
        return _understood(text or payload, intent, "") if intent in ACTIONS else None
    word = _bare(payload or text)
    found = _MEANING.get(word)
    # STOP and TD are written by everybody: they do not tell a language.
    language = "" if word.isascii() and " " not in word else guess_language(word)
    return _understood(payload or text, found, language) if found else None


def language_of(heard: Understanding) -> str | None:
    """In which language to answer a keyword of somebody who has written nothing else yet."""
    # TD is what Chinese customers answer to a text message; STOP is written everywhere else.
    return "en" if heard.engine == ENGINE and heard.text.isascii() and len(_bare(heard.text)) > 2 else None


def _bare(text: str) -> str:
    """In one width and case, without the signs and blanks around it."""
    # A command such as /start is not the word "start".
    if len(text) > _LONGEST or text.lstrip().startswith("/"):
        return ""
    words = " ".join(fold(unicodedata.normalize("NFKC", text)).split())
    while words and not words[0].isalnum():
        words = words[1:]
    while words and not words[-1].isalnum():
        words = words[:-1]
    return words


def _understood(text: str, intent: str, language: str) -> Understanding:
    return Understanding(
        text=text,
        intent=intent,
        confidence=1.0,
        ranking=((intent, 1.0),),
        language=language,
        engine=ENGINE,
    )
