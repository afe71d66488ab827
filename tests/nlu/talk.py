"""A small talk with slots: phrasings and values that are taught, and others that are asked about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import cycle

from crm_store.messages import Entity
from nlu.training_data import Example

_TAUGHT = (
    "book a flight from {city:from} to {city:to}", "i need to fly to {city:to} {date}",
    "find me a ticket from {city:from} to {city:to}", "are there flights to {city:to} {date}",
    "we leave {city:from} {date}", "a seat to {city:to} please", "play {song} by {artist}",
    "i want to hear {song}", "put on the song {song}", "play something by {artist}",
    "can you play {song} by {artist}",
    "订一张从{city:from}到{city:to}的机票", "我要{date}飞{city:to}", "{date}有去{city:to}的飞机吗",
    "从{city:from}飞{city:to}多少钱", "我想去{city:to}", "播放{artist}的{song}",
    "我想听{song}", "来一首{artist}的歌",
    "放一下{artist}的{song}", "what can you do", "thank you", "你会什么", "谢谢",
    "stop the music", "别放了",
)  # fmt: skip
_ASKED = (
    "get me a flight from {city:from} to {city:to} {date}", "fly me to {city:to}",
    "please play {song} by {artist}",
    "帮我订从{city:from}到{city:to}的票", "{date}飞{city:to}",
    "请播放{artist}的{song}", "thank you so much",
)  # fmt: skip
_KNOWN = {
    "city": ["london", "paris", "new york", "北京", "上海", "广州"],
    "date": ["tomorrow", "on friday", "明天", "下周一"],
    "song": ["yesterday", "let it be", "hey jude", "晴天", "青花瓷", "朋友"],
    "artist": ["queen", "the beatles", "adele", "周杰伦", "王菲", "邓丽君"],
}
_STRANGE = {
    "city": ["oslo", "cape town", "berlin", "成都", "哈尔滨", "西安"],
    "date": ["next monday", "december 3rd", "后天", "三月五号"],
    "song": ["imagine", "thriller", "halo", "十年", "夜曲", "红豆"],
    "artist": ["madonna", "lady gaga", "abba", "刘德华", "陈奕迅", "孙燕姿"],
}


def taught() -> list[Example]:
    """Examples to learn from."""
    return [*_filled(_TAUGHT, _KNOWN)]


def asked() -> list[Example]:
    """What is asked then, in other words, about what no example names."""
    return [*_filled(_ASKED, _STRANGE)]


def _filled(phrasings: tuple[str, ...], values: dict[str, list[str]]) -> Iterator[Example]:
    said = {
        (kind, han): cycle([value for value in listed if value.isascii() is not han])
        for kind, listed in values.items()
        for han in (True, False)
    }
    for phrasing in phrasings:
        han = not phrasing.isascii()
        for _ in range(6 if "{" in phrasing else 1):
            text = ""
            entities: list[Entity] = []
            for piece in re.split(r"(\{[^}]*\})", phrasing):
                if piece.startswith("{"):
                    kind, _, role = piece[1:-1].partition(":")
                    value = next(said[kind, han])
                    entities.append(Entity(kind, value, len(text), len(text) + len(value), role or None))
                    text += value
                else:
                    text += piece
            yield Example(text, "any", tuple(entities))
