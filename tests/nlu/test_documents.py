"""Files become passages with titles and pages; what is no document is refused with its reason."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlu.documents import faults
from nlu.documents.faults import Unreadable
from nlu.documents.lines import flowing
from nlu.documents.read import READERS, read
from tests.nlu.office_files import docx, p, packed, table, xlsx
from tests.nlu.pdf_file import Letters, Pdf, locked

TERMS = ("购物须知", "退货", "商品签收后7天内可以无理由退货。", "保修", "茶具保修两年。")


def said(name: str, data: bytes) -> list[tuple[str, str, int]]:
    return [(one.title, one.text, one.page) for one in read(name, data).passages]


def fault_of(name: str, data: bytes) -> str:
    with pytest.raises(Unreadable) as error:
        read(name, data)
    return error.value.fault


def test_documents_become_passages_under_their_headings() -> None:
    terms = b"# Terms\n\n## Returns\n\nWithin **7 days**.\n\n## Gifts\nWe wrap.\n"
    page = (
        b"<html><head><title>x</title></head><style>p{}</style><h1>Tea &amp; more</h1><p>Green\n tea.</p>"
        b"<script>alert(1)</script><h2>Cups</h2><ul><li>small</li><li>large</li></ul>"
    )
    assert said("terms.md", terms) == [
        ("Terms › Returns", "Within 7 days.", 0),
        ("Terms › Gifts", "We wrap.", 0),
    ]
    assert said("sub/page.html", page) == [
        ("Tea & more", "Green tea.", 0),
        ("Tea & more › Cups", "small\nlarge", 0),
    ]
    note = b"First.\n\n# not a heading\n\nSecond."
    assert said("note.txt", note) == [("note", "First.\n# not a heading\nSecond.", 0)]


def test_a_page_whose_head_is_not_closed_is_read() -> None:
    page = b"<!doctype html><head><title>x</title><style>p{}</style><body><h1>Tea</h1><p>Green tea."
    assert said("page.html", page) == [("Tea", "Green tea.", 0)]


def test_long_documents_are_cut_between_sentences_and_nothing_is_lost() -> None:
    text = "".join(f"第{n}条，商品签收后可以退货。" for n in range(300))
    found = read("long.txt", text.encode()).passages
    assert max(len(one.whole) for one in found) <= 500
    assert "".join(one.text for one in found).replace(" ", "") == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_text_is_read_in_the_encodings_that_offices_write(encoding: str) -> None:
    assert said("须知.txt", "七天可以退货。".encode(encoding)) == [("须知", "七天可以退货。", 0)]


@pytest.mark.parametrize("letters", ["table", "named"])
def test_a_chinese_pdf_is_read_with_its_pages_and_its_outline(letters: Letters) -> None:
    file = Pdf([TERMS[:3], [], TERMS[3:]], letters, outline={"购物须知": 0, "退货": 0, "保修": 2})
    found = read("须知.pdf", file.write())
    assert [(one.title, one.text, one.page) for one in found.passages] == [
        ("退货", TERMS[2], 1),
        ("保修", TERMS[4], 3),
    ]
    assert found.pages == 3


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("UniGB-UCS2-H", "utf-16-be"),
        ("GB-EUC-H", "gb2312"),
        ("GBK-EUC-H", "gbk"),
        ("GBK2K-H", "gb18030"),
        ("ETen-B5-H", "big5"),
    ],
)
def test_a_chinese_font_may_go_by_any_of_their_encodings(name: str, encoding: str) -> None:
    text = "商品可以退貨" if encoding == "big5" else "商品可以退货"
    file = Pdf([[text]], "named", encoding=(name, encoding))
    assert said("a.pdf", file.write()) == [("a", text, 1)]


def test_without_an_outline_a_pdf_is_cited_by_its_name_and_page() -> None:
    found = said("手册.pdf", Pdf([TERMS, ["Open daily."]]).write())
    assert [(title, page) for title, _, page in found] == [("手册", 1), ("手册", 2)]


def test_what_stands_on_every_page_is_no_text_of_any() -> None:
    pages = [["Tea & Co. Handbook", f"Rule {n}: be kind to all.", str(n)] for n in range(1, 7)]
    assert [text for _, text, _ in said("a.pdf", Pdf(pages).write())] == [
        f"Rule {n}: be kind to all." for n in range(1, 7)
    ]


def test_lines_become_the_sentences_that_they_were() -> None:
    assert (
        flowing(["商品签收后七天内可以无理由退货，运费由买", "家承担，定制商品不可以。", "短。"])
        == "商品签收后七天内可以无理由退货，运费由买家承担，定制商品不可以。\n短。"
    )
    assert flowing(["Goods may be returned within se-", "ven days of their delivery and"]) == (
        "Goods may be returned within seven days of their delivery and"
    )
    assert flowing(["订单⻚⾯ 的 ⻓ 说明", "", "a ﬁne day"]) == "订单页面的长说明\n\na fine day"
    assert flowing(["", " "]) == ""


def test_a_scanned_pdf_or_one_whose_fonts_are_silent_is_refused_for_that() -> None:
    assert fault_of("scan.pdf", Pdf([[], []]).write()) == "no_text"
    assert fault_of("a.pdf", Pdf([TERMS], "silent").write()) == "letters"
    korean = Pdf([["교환은 칠일"]], "named", encoding=("KSCms-UHC-H", "cp949"))
    assert fault_of("a.pdf", korean.write()) == "letters"


def test_a_pdf_behind_a_password_is_refused_and_one_that_only_must_not_be_changed_is_read() -> None:
    file = Pdf([["Open daily."]]).write()
    assert fault_of("a.pdf", locked(file, "secret")) == "encrypted"
    assert said("a.pdf", locked(file, "")) == [("a", "Open daily.", 1)]


def test_a_word_document_is_read_under_its_headings_row_by_row() -> None:
    file = docx(
        p("购物须知", "1"), p("退货", "2"), p("七天内可以退货。"), p("邮费", "own"),
        table([["城市", "费用"], ["北京", "10元"]]), p("Terms", "1"), p("Within 7 days.", "a"),
    )  # fmt: skip
    assert said("须知.docx", file) == [
        ("购物须知 › 退货", "七天内可以退货。", 0),
        ("购物须知 › 邮费", "城市 | 费用\n北京 | 10元", 0),
        ("Terms", "Within 7 days.", 0),
    ]


def test_a_table_is_told_by_its_columns() -> None:
    told = [("价目", "茶: 龙井; 价格: 88; 日期: 2026-03-01\n茶: 普洱; 价格: 120.5", 0)]
    rows: list[list[str | float]] = [["茶", "价格", "日期"], ["龙井", 88, 46082], ["普洱", 120.5]]
    assert said("a.xlsx", xlsx(rows, dates=[2])) == told
    lines = "茶,价格,日期\n龙井,88,2026-03-01\n普洱,120.5,\n"
    assert said("价目.csv", lines.encode("gb18030")) == told


BILLION = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("before", [BILLION, OUTSIDE])
def test_a_word_document_that_names_other_files_or_grows_is_refused(before: str) -> None:
    assert fault_of("a.docx", docx("<w:p><w:r><w:t>&a;</w:t></w:r></w:p>", before=before)) == "broken"


def test_what_unpacks_without_end_is_refused() -> None:
    bomb = b"<a>" + b" " * (faults.MOST_UNPACKED + 1)
    assert len(bomb) > 100 * len(packed({"word/document.xml": bomb}))
    assert fault_of("a.docx", packed({"word/document.xml": bomb})) == "unpacked"
    many = docx(*(p("七天内可以退货。" * 20) for _ in range(7000)))
    assert fault_of("a.docx", many) == "too_long"


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("a.txt", b"", "nothing"),
        ("a.doc", b"x", "unknown_kind"),
        ("a", b"x", "unknown_kind"),
        (".pdf", b"x", "unknown_kind"),
        ("a.txt", bytes(faults.LARGEST + 1), "too_large"),
        ("a.pdf", b"<html>", "not_its_kind"),
        ("a.pdf", b"%PDF-1.7\nrubbish", "broken"),
        ("a.docx", b"rubbish", "not_its_kind"),
        ("a.docx", packed({"xl/workbook.xml": "<a/>"}), "not_its_kind"),
        ("a.docx", b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        ("a.docx", b"\xd0\xcf\x11\xe0 of 1997", "not_its_kind"),
        ("a.docx", packed({"word/document.xml": "<w:p>"}), "broken"),
        ("a.txt", b"\x00\x01\x02", "no_encoding"),
        ("a.txt", b"\xff\xff", "no_encoding"),
        ("a.html", b"<script>document.write('x')</script>", "no_text"),
        ("a.md", b"# Only a title\n", "no_text"),
        ("a.txt", b"word " * 300_000, "too_long"),
    ],
)
def test_what_is_no_document_is_refused_with_its_reason(name: str, data: bytes, fault: str) -> None:
    assert fault_of(name, data) == fault


WHOLE = {
    ".docx": docx(p("购物须知", "1"), p("七天内可以退货。"), table([["a", "b"]])),
    ".xlsx": xlsx([["茶", "价格"], ["龙井", 88]]),
    ".html": b"<h1>Tea</h1><p>Green &amp; black.<table><tr><td>x</table>",
    ".md": "# 茶\n\n绿茶。\n\n---\n".encode(),
    ".csv": '茶;价格\n"龙;井";88\n'.encode(),
    ".txt": "七天。".encode(),
}


@st.composite
def _rubbish(draw: st.DrawFn) -> tuple[str, bytes]:
    """Bytes of any kind, or a whole file with some of its bytes changed or cut off."""
    ending = draw(st.sampled_from(sorted(WHOLE)))
    if draw(st.booleans()):
        return ending, draw(st.binary(max_size=400))
    data = bytearray(WHOLE[ending])
    for place, byte in draw(
        st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=6)
    ):
        data[place] = byte
    return ending, bytes(data[: draw(st.integers(0, len(data)))])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_rubbish())
def test_rubbish_is_read_or_refused(file: tuple[str, bytes]) -> None:
    ending, data = file
    try:
        found = read(f"file{ending}", data)
    except Unreadable:
        return
    assert all(0 < len(one.text) <= 500 for one in found.passages)


def test_every_kind_has_its_reader() -> None:
    assert set(WHOLE) | {".pdf", ".htm"} == set(READERS)


@pytest.mark.parametrize(
    "line", ["# a" + " " * 100_000 + "b", "# " + "#" * 200_000 + "b", "a\n" + "-" * 200_000]
)
def test_no_line_takes_the_process_that_serves_long(line: str) -> None:
    """Markdown of the folder is read in place, and a pattern that is looked for stops all other threads."""
    began = time.process_time()
    assert read("a.md", f"{line}\n\nText.".encode()).passages
    assert time.process_time() - began < 5


def test_a_headings_closing_marks_are_no_part_of_it() -> None:
    assert [title for title, _, _ in said("a.md", b"## Tea ##\nx\n## C#\ny\n## # \nz")] == [
        "Tea",
        "C#",
        "#",
    ]


def test_a_document_has_only_so_many_passages_and_marks() -> None:
    deep = "".join(f"{'#' * depth} {'长' * 40}\n" for depth in range(1, 6))
    assert fault_of("a.md", (deep + "###### b\nc\n" * (faults.MOST_PASSAGES + 1)).encode()) == "too_long"
    assert fault_of("a.md", b"\n" * (2 * faults.LONGEST_TEXT + 1)) == "too_long"
