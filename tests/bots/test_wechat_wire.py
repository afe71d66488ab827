"""The short way through a push's XML reads what the parser reads, and leaves all else to it."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import ParseError, fromstring

from hypothesis import example, given
from hypothesis import strategies as st

from bots.base import Rejected
from bots.wechat.wire import parse

NAMES = st.sampled_from(["ToUserName", "Content", "MsgId", "a", "_b", "x-y", "é", "CDATA"])
TEXTS = st.text(st.sampled_from("你好 a1\r\n\t]>[<&;\x00\x0b\u200d😀/") | st.characters(), max_size=12)
FORMS = st.sampled_from(["<{0}><![CDATA[{1}]]></{0}>", "<{0}>{1}</{0}>", "<{0}>{1}</{0}> \n", "<{0}/>{1}"])
FIELDS = st.builds(lambda form, name, text: form.format(name, text), FORMS, NAMES, TEXTS)
BODIES = st.builds(
    lambda head, fields, tail: head + "".join(fields) + tail,
    st.sampled_from(["<xml>", "<xml>\n", " <xml>", "<xml a='b'>", "<xml", "<XML>"]),
    st.lists(FIELDS, max_size=5),
    st.sampled_from(["</xml>", "</xml>\n", "\n</xml>", "</xml>x", ""]),
)


def by_the_parser(body: bytes) -> Any:
    """What stands in the XML, as the parser of the standard library reads it."""
    try:
        root = fromstring(body.lstrip())
    except (ParseError, ValueError, LookupError):
        return Rejected
    found: dict[str, Any] = {}
    for child in root:
        value = child.text or "" if not len(child) else "deeper"
        known = found.get(child.tag)
        found[child.tag] = (
            value if known is None else [*(known if isinstance(known, list) else [known]), value]
        )
    return found


@given(BODIES)
@example("<xml><a>1</a><a>2</a></xml>")
@example("<xml><a><![CDATA[one\r\ntwo]]></a></xml>")
@example("<xml><a><![CDATA[]]]]></a></xml>")
@example("<xml><a>]]></a></xml>")
@example("<xml><a>b</c></xml>")
@example("<xml>words<a>b</a></xml>")
@example("<xml></xml>")
def test_a_push_is_read_as_the_parser_reads_it(text: str) -> None:
    body = text.encode("utf-8", "replace")
    expected = by_the_parser(body)
    try:
        found: Any = parse(body)[0]
    except Rejected:
        found = Rejected
    assert found == expected


def test_a_long_text_that_only_looks_like_a_push_takes_no_time() -> None:
    for piece in ("]", "]]", "<a>", "<a><![CDATA[]", "<a></a>", " "):
        body = f"<xml><a><![CDATA[{piece * 20_000}".encode()[: 64 * 1024]
        assert by_the_parser(body) is Rejected
        try:
            parse(body)
        except Rejected:
            continue
        raise AssertionError(piece)
