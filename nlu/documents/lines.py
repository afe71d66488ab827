"""Lines as they stand on a printed page, put together to the sentences that they were."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_CJK = "\u2e80-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
_BETWEEN = re.compile(f"(?<=[{_CJK}])[ \u00a0]+(?=[{_CJK}])")
# Radicals and ligatures, by which a font's table may name a whole character or two letters.
_DRAWN = re.compile("[\u2e80-\u2fdf\ufb00-\ufb06]")
# Those of radicals that Unicode itself does not take for the character; fonts name them all the same.
_RADICALS = str.maketrans(
    "⺠⻁⻄⻅⻆⻉⻋⻑⻓⻔⻘⻙⻚⻛⻜⻝⻢⻣⻤⻥⻦⻨⻩⻬⻮⻯⻰",
    "民虎西见角贝车长长门青韦页风飞食马骨鬼鱼鸟麦黄齐齿竜龙",
)
_ENDS = tuple("。！？!?；;：:.…”’」』）)")
_FULL = 0.7  # of the longest lines' length, from which on a line goes on in the next


def flowing(lines: Sequence[str]) -> str:
    """Paragraphs with line breaks only where a line was not full or a sentence ended."""
    lines = [plain(line) for line in lines]
    lengths = sorted(len(line) for line in lines if line)
    if not lengths:
        return ""
    full = _FULL * lengths[int(len(lengths) * 0.9)]
    said, before = lines[0], lines[0]
    for line in lines[1:]:
        if _is_divided(before, line):
            said = said[:-1] + line
        else:
            said = f"{said}{_joint(before, line, full)}{line}"
        before = line
    return said.strip()


def _is_divided(before: str, line: str) -> bool:
    """Whether a word goes on in the next line."""
    return before[-1:] == "-" and before[-2:-1].isalpha() and line[:1].islower()


def _joint(before: str, line: str, full: float) -> str:
    """What stands between two lines."""
    if not line or not before:
        return "\n"
    if len(before) < full or before.endswith(_ENDS):
        return "\n"
    return "" if re.fullmatch(f"[{_CJK}]{{2}}", before[-1] + line[0]) else " "


def plain(line: str) -> str:
    """A line with whole characters for their parts, and without blanks between characters of CJK."""
    line = _DRAWN.sub(lambda found: unicodedata.normalize("NFKC", found[0]), line.strip())
    return _BETWEEN.sub("", line.translate(_RADICALS))
