"""What customers of the demo shop ask, in Chinese and English, endlessly and the same for the same seed.

As in life, common questions come again in other words, and what names a phone, an address or a person is
new each time. Nothing in here calls for a person: a conversation that waits for one is no load.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

# Questions with a ready answer, and what people put around them.
_FAQ_ZH = (
    "你们几点开门",
    "周六几点关门",
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
)
_FAQ_EN = (
    "When are you open?",
    "Are you open on Sundays?",
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
_AROUND_ZH = ("{}", "{}？", "请问，{}", "你好，{}？", "{}谢谢", "{} ", "{}。")
_AROUND_EN = ("{}", "Hi, {}", "hello {}", "{} pls", "{} thanks!", "{} ", "Hello, {}")

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
_UNCLEAR = 0.15  # of all texts
_CHARACTERS = "锂铀辙幂熵膛磷轧钯噪螯榫铆汞"


def _number(random: Random, digits: int) -> str:
    return str(random.randrange(10 ** (digits - 1), 10**digits))


def _faq(random: Random) -> str:
    known, around = random.choice(((_FAQ_ZH, _AROUND_ZH), (_FAQ_ZH, _AROUND_ZH), (_FAQ_EN, _AROUND_EN)))
    return random.choice(around).format(random.choice(known))


def _plain(random: Random) -> str:
    return random.choice(_PLAIN)


def _email(random: Random) -> str:
    return random.choice(("我的邮箱是{}@example.com", "my email is {}@example.com")).format(
        "".join(random.choices(_SYLLABLES, k=4))
    )


def _phone(random: Random) -> str:
    return random.choice(("我的电话是138{}", "my phone number is 139{}")).format(_number(random, 8))


def _name(random: Random) -> str:
    return f"我叫{random.choice(_SURNAMES)}{''.join(random.choices(_NAMES, k=2))}"


def _unclear(random: Random) -> str:
    if random.random() < 0.5:
        return "".join(random.choices(_CHARACTERS, k=random.randint(4, 9)))
    return " ".join("".join(random.choices(_SYLLABLES, k=3)) for _ in range(random.randint(2, 5)))


_CLEAR: dict[Callable[[Random], str], float] = {
    _faq: 55,
    _plain: 18,
    _phone: 5,
    _email: 4,
    _name: 3,
}


class Questions:
    """Texts, one after the other: 55 % have a ready answer, 30 % a rule, 15 % are unclear."""

    def __init__(self, seed: int = 1) -> None:
        self._random = Random(seed)
        self._kinds, self._weights = list(_CLEAR), list(_CLEAR.values())

    def ask(self, may_be_unclear: bool) -> str:
        """The next one. Whoever is not understood twice in a row gets a person: ask so every other time."""
        random = self._random
        if may_be_unclear and random.random() < 2 * _UNCLEAR:
            return _unclear(random)
        return random.choices(self._kinds, self._weights)[0](random)
