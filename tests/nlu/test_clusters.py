"""Questions that ask for the same stand together, in three languages, also ten thousand of them."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from itertools import combinations
from resource import RUSAGE_CHILDREN, getrusage

from nlu.clusters import cluster

# Each line asks for one thing, in ways that nobody would put into one pattern.
ASKED = (
    ("可以用支付宝付款吗", "支付宝能付款么", "能不能用支付宝付", "请问支持支付宝付款吗"),
    ("有没有礼品卡卖", "礼品卡怎么买", "你们卖礼品卡吗", "想买一张礼品卡"),
    ("能开发票吗", "怎么开发票", "发票可以开公司抬头吗", "我要开发票"),
    ("店里可以停车吗", "停车方便吗", "附近有停车场吗", "停车要收费吗"),
    ("do you have gluten free cakes", "are the cakes gluten free", "any gluten free cake?"),
    ("is there wifi in the shop", "what is the wifi password", "can i have the wifi password please"),
    ("can i bring my dog", "are dogs allowed", "is it ok to come with my dog"),
    ("주차장 있나요", "주차 가능한가요", "주차할 수 있어요?", "주차장 이용 가능한가요"),
    ("아이랑 같이 가도 되나요", "아이 데리고 가도 돼요?", "아이 동반 가능한가요"),
    ("선물 포장 되나요", "선물 포장 해주시나요", "선물용으로 포장 가능한가요"),
)


def _pairs(labels: list[int]) -> set[tuple[int, int]]:
    return {(a, b) for a, b in combinations(range(len(labels)), 2) if labels[a] == labels[b]}


def test_what_asks_for_the_same_stands_together() -> None:
    texts = [text for line in ASKED for text in line]
    wanted = _pairs([number for number, line in enumerate(ASKED) for _ in line])
    found = _pairs(cluster(texts, [1] * len(texts)))
    assert len(found & wanted) / len(found) > 0.85, "what asks for something else stands together"
    assert len(found & wanted) / len(wanted) > 0.5


def test_the_most_asked_stands_for_the_others() -> None:
    texts = ["能开发票吗", "请问能开发票吗", "店里可以停车吗", "🙂", ""]
    assert cluster(texts, [1, 7, 2, 1, 1]) == [1, 1, 2, 3, 4]
    assert cluster([], []) == []


def test_ten_thousand_are_put_together_in_less_than_ten_seconds() -> None:
    mixed = random.Random(4)
    said = [[f"{mixed.choice('请想那在我')}{text}" for text in line] for line in ASKED]
    things = [
        f"{mixed.choice(('有没有', 'do you sell ', ''))}"
        + "".join(chr(mixed.randrange(0x4E00, 0x6000)) for _ in range(2))
        + mixed.choice((" 있어요?", "卖吗", " here?", "什么时候到货"))
        for _ in range(3000)
    ]
    texts = [
        mixed.choice(mixed.choice(said)) if mixed.random() < 0.3 else f"{mixed.choice(things)} {n % 97}"
        for n in range(10_000)
    ]
    begun = getrusage(RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "nlu.clusters"],
        input=json.dumps([[text, 1] for text in texts]),
        capture_output=True,
        text=True,
        check=True,
    )
    # Of the processor, as others may use this machine, too.
    ended = getrusage(RUSAGE_CHILDREN)
    seconds = ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime
    found = json.loads(done.stdout)
    assert len(found) == 10_000
    assert 100 < len(set(found)) < 6000
    assert seconds < 10
