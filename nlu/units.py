"""Currencies and units, and the words by which Chinese, English and Korean customers call them."""

from __future__ import annotations

from collections.abc import Mapping


def _by_word(names: Mapping[str, str]) -> dict[str, str]:
    return {word: name for name, words in names.items() for word in words.split()}


CURRENCY = _by_word(
    {
        "CNY": "元 块 块钱 人民币 rmb cny yuan kuai ¥",
        "USD": "美元 美金 刀 usd us$ $ dollar dollars bucks 달러 불",
        "KRW": "원 韩元 韩币 krw won ₩",
        "EUR": "欧元 欧 eur euro euros € 유로",
        "GBP": "英镑 镑 gbp pounds quid £",
        "JPY": "日元 日圆 円 jpy yen 엔",
        "HKD": "港币 港元 hkd hk$",
        "TWD": "台币 新台币 twd nt$",
    }
)
UNIT = _by_word(
    {
        "kg": "公斤 千克 kg kilo kilos 킬로 킬로그램 키로",
        "g": "克 g gram grams 그램",
        "lb": "磅 lb lbs pound pounds 파운드",
        "ml": "毫升 ml 밀리리터",
        "l": "升 公升 l liter liters litre litres 리터",
        "mm": "毫米 mm",
        "cm": "厘米 公分 cm 센티",
        "m": "米 m meter meters 미터",
        "km": "公里 千米 km kilometers 킬로미터",
        "cup": "杯 cup cups 잔 컵",
        "bottle": "瓶 bottle bottles 병",
        "box": "盒 box boxes 상자 박스",
        "bag": "袋 包 bag bags 봉지",
        "pack": "pack packs 팩",
        "can": "罐 听 can cans tin tins 캔",
        "case": "箱 case cases",
        "piece": "个 件 只 颗 piece pieces pcs 개",
        "portion": "份 portion portions 인분",
        "set": "套 set sets 세트",
        "pair": "双 对 pair pairs 켤레",
        "unit": "台 部 대",
        "sheet": "张 장",
        "copy": "本 册 copies 권",
        "minute": "分钟 minute minutes min mins 분",
        "hour": "小时 个小时 钟头 个钟头 hour hours hrs 시간",
        "day": "天 day days 일 일간",
        "week": "周 个星期 星期 个礼拜 礼拜 week weeks 주 주일",
        "month": "个月 月 month months 개월 달",
        "year": "年 year years 년",
        "%": "% percent 퍼센트 프로",
    }
)
# Chinese units that are no round number of others: 斤 and 两.
CONVERTED = {"斤": (0.5, "kg"), "两": (50, "g")}
