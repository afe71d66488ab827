"""Days as people write them, in patterns: 后天, 下周三, 3月5日, 本周末, next monday, 다음 주 화요일."""

from __future__ import annotations

from nlu.days import (
    HOLIDAYS,
    MONTHS,
    NATIVE,
    NATIVE_DAYS,
    WORDS,
    Read,
    after_so_many,
    in_month,
    in_month_ahead,
    in_week,
    on_date,
    on_day_of_month,
    on_holiday,
    on_slashed_date,
    on_weekday,
    on_weekend,
    on_word,
)
from nlu.numerals import CHARACTERS, DIGIT_CHARACTERS, ENGLISH, one_of
from nlu.scan import Pattern, pattern

_N = f"[0-9]{{1,2}}|[{CHARACTERS}]{{1,3}}"
_COUNT = f"[0-9]{{1,3}}|[{CHARACTERS}]{{1,3}}"
_LONG_MONTH = "january|february|march|april|may|june|july|august|september|october|november|december"
_MONTH = rf"(?P<month>{_LONG_MONTH}|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
_ALNUM = "[0-9a-z]"
_NOT_IN_WORD = f"(?<!{_ALNUM})"
_YEAR = f"(?:(?P<year>[0-9]{{4}}|[{DIGIT_CHARACTERS}]{{4}}|[今明后去前]) ?年 ?)?"
_YEAR_KO = "(?:(?P<year>[0-9]{4}|[올내작금])년? ?)?"
_NO_DAY = "线楼店门桌房柜馆院机码公常子期车位台座单元栋幢室厅床技选口铺"
_WEEK_ZH = "(?:周|星期|礼拜|禮拜|週)"
_ENGLISH_COUNT = rf"(?P<count>[0-9]{{1,3}}|{one_of(ENGLISH)}|an?|a couple of)"
_WEEKDAY_EN = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_SHORT_EN = "mon|tues?|thu(?:rs?)?|fri"
_WHICH_EN = "next|this|last|coming|upcoming"
_DAYS_ABSOLUTE: tuple[Pattern[Read], ...] = (
    pattern(
        "day",
        r"(?<![0-9])(?P<year>[0-9]{4})(?P<sep>[-/.])(?P<month>[0-9]{1,2})(?P=sep)"
        r"(?P<day>[0-9]{1,2})(?![0-9])",
        on_date,
    ),
    pattern(
        "day",
        rf"{_NOT_IN_WORD}(?P<a>[0-9]{{1,2}})(?P<sep>[-/.])(?P<b>[0-9]{{1,2}})(?P=sep)"
        rf"(?P<year>[12][0-9]{{3}})(?![0-9])",
        on_slashed_date,
    ),
    pattern("day", rf"{_YEAR}(?P<month>(?<![0-9])(?:{_N})) ?月 ?(?P<day>{_N}) ?[日号號]", on_date),
    pattern("day", rf"{_YEAR_KO}(?<![0-9])(?P<month>[0-9]{{1,2}}) ?월 ?(?P<day>[0-9]{{1,2}}) ?일", on_date),
    pattern(
        "day",
        rf"{_NOT_IN_WORD}{_MONTH}\.? (?:the )?(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?(?: ?[-–] ?"
        rf"(?P<until>[0-9]{{1,2}})(?:st|nd|rd|th)?)?(?:,? (?P<year>[12][0-9]{{3}}))?(?!{_ALNUM}|:)",
        on_date,
        *MONTHS,
    ),
    pattern(
        "day",
        rf"{_NOT_IN_WORD}(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)? (?:of )?{_MONTH}(?:,? "
        rf"(?P<year>[12][0-9]{{3}}))?(?!{_ALNUM})",
        on_date,
        *MONTHS,
    ),
    pattern(
        "month",
        rf"{_YEAR}(?<![0-9{CHARACTERS}])(?P<month>{_N}) ?月份?(?! ?(?:{_N}) ?[日号號]|[球亮饼天])",
        in_month,
    ),
    pattern(
        "month",
        r"(?:(?P<year>[0-9]{4}|[올내작금])년 ?)?(?<![0-9])(?P<month>[0-9]{1,2}) ?월(?! ?[0-9])",
        in_month,
    ),
    pattern(
        "month",
        rf"{_NOT_IN_WORD}(?:in|for|by|since|during|until|early|late) (?P<month>{_LONG_MONTH})(?: "
        rf"(?P<year>[12][0-9]{{3}}))?(?!{_ALNUM}| [0-9i])",
        in_month,
    ),
    pattern(
        "day",
        rf"(?<![0-9a-z第路街巷弄道院区村楼栋座{CHARACTERS}-])(?P<day>{_N})[号號](?![{_NO_DAY}])",
        on_day_of_month,
    ),
    pattern(
        "day", rf"(?<![0-9a-z第.{CHARACTERS}])(?P<day>[0-9]{{1,2}})日(?![{_NO_DAY}内])", on_day_of_month
    ),
    pattern(
        "day",
        rf"{_NOT_IN_WORD}the (?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)(?!{_ALNUM}| (?:of|floor|one|time|day"
        rf"|order|item|street|st))",
        on_day_of_month,
    ),
    pattern("day", r"(?<![0-9월])(?<!월 )(?P<day>[0-9]{1,2})일(?=에|날|까지|부터)", on_day_of_month),
    pattern(
        "day",
        rf"(?P<which>下下|(?<!一)下|上上|上|[这這本])?[个個]?{_WEEK_ZH}(?P<weekday>[一二三四五六日天1-7])"
        rf"(?![0-9个次周年月])",
        on_weekday,
    ),
    pattern(
        "day",
        r"(?:(?P<which>다다음|다음|이번|지난|저번) ?(?P<week>주)? ?)?(?P<weekday>[월화수목금토일])요일",
        on_weekday,
    ),
    pattern(
        "day",
        rf"{_NOT_IN_WORD}(?:(?P<which>the coming|{_WHICH_EN}) )?(?P<weekday>{_WEEKDAY_EN}"
        rf"|{_SHORT_EN})s?(?!{_ALNUM})",
        on_weekday,
    ),
    pattern(
        "day",
        rf"{_NOT_IN_WORD}(?:on|by|(?P<which>{_WHICH_EN})) (?P<weekday>wed|sat|sun)(?!{_ALNUM})",
        on_weekday,
    ),
    pattern(
        "day",
        rf"{_NOT_IN_WORD}(?:{one_of(w for w in HOLIDAYS if w.isascii())}|new year’s day|new year’s eve"
        rf"|valentine’s day)(?!{_ALNUM})",
        on_holiday,
    ),
    pattern("day", one_of(word for word in HOLIDAYS if not word.isascii()), on_holiday),
)
_DAYS_RELATIVE: tuple[Pattern[Read], ...] = (
    pattern(
        "day", rf"(?P<which>下下|(?<!一)下|上上|上|[这這本])[个個]?月(?P<day>{_N})[日号號]", in_month_ahead
    ),
    pattern(
        "month",
        rf"(?P<which>下下|(?<!一)下|上上|上|[这這本])[个個]?月(?!(?:{_N})[日号號]|[亮饼球])",
        in_month_ahead,
    ),
    pattern("day", r"(?P<which>다음|이번|지난) ?달 ?(?P<day>[0-9]{1,2}) ?일", in_month_ahead),
    pattern("month", r"(?P<which>다음|이번|지난) ?달(?! ?[0-9])", in_month_ahead),
    pattern("month", rf"{_NOT_IN_WORD}(?P<which>next|this|last) month(?!{_ALNUM})", in_month_ahead),
    pattern(
        "week",
        rf"(?P<which>下下|(?<!一)下|上上|上|[这這本])[个個]?{_WEEK_ZH}(?![末一二三四五六日天1-7])",
        in_week,
    ),
    pattern(
        "week",
        r"(?P<which>다다음|다음|이번|지난|저번) ?주(?! ?[월화수목금토일]요일|말| ?뒤| ?후|일)",
        in_week,
    ),
    pattern("week", rf"{_NOT_IN_WORD}(?P<which>next|this|last) week(?!{_ALNUM})", in_week),
    pattern("weekend", r"(?P<which>下下|(?<!一)下|上上|上|[这這本])?[个個]?(?:周末|週末)", on_weekend),
    pattern("weekend", r"(?:(?P<which>다음|이번|지난) ?(?:주 ?)?)?주말", on_weekend),
    pattern(
        "weekend", rf"{_NOT_IN_WORD}(?:(?P<which>next|this|last|the) )?weekends?(?!{_ALNUM})", on_weekend
    ),
    pattern(
        "day",
        rf"(?P<count>{_COUNT}|半) ?[个個]?(?P<unit>天|日|周|週|星期|礼拜|月|年)(?:之|以)?"
        rf"(?P<way>[后後前])(?![台门面])",
        after_so_many,
    ),
    pattern(
        "day",
        rf"{_NOT_IN_WORD}in {_ENGLISH_COUNT} (?P<unit>day|week|month|year)s?(?!{_ALNUM})",
        after_so_many,
    ),
    pattern(
        "day",
        rf"{_NOT_IN_WORD}{_ENGLISH_COUNT} (?P<unit>day|week|month|year)s? (?P<way>ago|earlier|later"
        rf"|from now|from today)(?!{_ALNUM})",
        after_so_many,
        "ago",
        "earlier",
        "later",
        "from ",
    ),
    pattern(
        "day",
        rf"(?<![0-9])(?P<count>[0-9]{{1,3}}|{one_of(NATIVE)}) ?(?P<unit>일|주일?|달|개월|년) ?(?P<way>뒤"
        rf"|후|전)",
        after_so_many,
    ),
    pattern("day", rf"(?P<count>{one_of(NATIVE_DAYS)}) ?(?P<way>뒤|후|전)", after_so_many),
    pattern("day", one_of(word for word in WORDS if not word.isascii()), on_word),
    pattern(
        "day", rf"{_NOT_IN_WORD}(?:{one_of(word for word in WORDS if word.isascii())})(?!{_ALNUM})", on_word
    ),
)
# The end of a range counts from its beginning, but for words such as "tomorrow": they count from today.
ANCHORED = frozenset(_DAYS_ABSOLUTE)
PATTERNS = (*_DAYS_ABSOLUTE, *_DAYS_RELATIVE)
