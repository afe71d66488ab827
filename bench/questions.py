"""What customers of the demo shop ask, in Chinese and English, endlessly and the same for the same seed.

As in life, common questions come again in other words, and what names an order, a phone or a person is new
each time. Nothing in here calls for a person: a conversation that waits for one is no load.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

# Questions with a ready answer.
_FAQ = (
    "你们几点开门",
    "周六几点关门呀",
    "可以送到国外吗",
    "多久能送到上海",
    "运费怎么算",
    "不喜欢可以退吗",
    "退的钱多久到账",
    "能开发票吗",
    "有哪些付款方式",
    "可以货到付款吗",
    "绿茶要放冰箱吗",
    "龙井用多少度的水泡",
    "茶叶怎么保存",
    "可以包装成礼物吗",
    "有礼品卡卖吗",
    "周末有没有品茶活动",
    "怎么报名茶会",
    "可以批发吗",
    "你们店在哪里",
    "附近好停车吗",
    "When are you open?",
    "Are you open on Sundays",
    "do you ship abroad",
    "How long does delivery take?",
    "can I return the tea",
    "How can I pay?",
    "Can I get an invoice",
    "how should I store green tea",
    "What water temperature for Longjing?",
    "can you gift wrap it",
    "do you sell gift cards",
    "When is the next tea tasting?",
    "Where is your shop",
)
_BEFORE = ("", "", "", "请问，", "你好，", "Hi, ", "hello ")
_AFTER = ("", "", "", "？", "谢谢", " pls", " thanks!")

# What a rule answers, an action or a change of the record among it.
_PLAIN = (
    "你好",
    "谢谢你",
    "推荐一款茶吧",
    "有价目表吗",
    "雨前龙井多少钱",
    "铁罗汉是什么茶",
    "我喜欢清淡的",
    "现在还开着吗",
    "你能做什么",
    "你们的茶真好喝",
    "Hello",
    "Thank you",
    "Which tea should I try first?",
    "how much is your tea",
    "are you open right now",
    "what can you do",
)
_SURNAMES, _NAMES = "王李张刘陈杨赵黄周吴", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明"

# What nobody could understand.
_SYLLABLES = ("ka", "lo", "mur", "ti", "ves", "on", "gra", "pel", "shi", "dun", "ox", "rem")
_CHARACTERS = "锂铀辙幂熵膛磷轧钯噪螯榫铆汞"


def _number(random: Random, digits: int) -> str:
    return str(random.randrange(10 ** (digits - 1), 10**digits))


def _faq(random: Random) -> str:
    return random.choice(_BEFORE) + random.choice(_FAQ) + random.choice(_AFTER)


def _plain(random: Random) -> str:
    return random.choice(_PLAIN)


def _order(random: Random) -> str:
    return random.choice(("帮我查一下订单T{}", "where is my order T{}")).format(_number(random, 8))


def _phone(random: Random) -> str:
    return random.choice(("我的电话是138{}", "my phone number is 139{}")).format(_number(random, 8))


def _name(random: Random) -> str:
    return f"我叫{random.choice(_SURNAMES)}{''.join(random.choices(_NAMES, k=2))}"


def _unclear(random: Random) -> str:
    if random.random() < 0.5:
        return "".join(random.choices(_CHARACTERS, k=random.randint(4, 9)))
    return " ".join("".join(random.choices(_SYLLABLES, k=3)) for _ in range(random.randint(2, 5)))


_KINDS: dict[Callable[[Random], str], float] = {
    _faq: 55,
    _plain: 15,
    _order: 8,
    _phone: 4,
    _name: 3,
    _unclear: 15,
}


def questions(seed: int = 1) -> Iterator[str]:
    """One text after the other: 55 % questions with a ready answer, 30 % for rules, 15 % unclear."""
    random = Random(seed)
    while True:
        for ask in random.choices(list(_KINDS), weights=list(_KINDS.values()), k=100):
            yield ask(random)
