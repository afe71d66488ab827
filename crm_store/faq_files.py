"""FAQ entries as CSV: written, read with a list of faults by line, and compared with the rows.

A row is one answer of an entry in one language, with the entry's phrasings in that language; rows with the
same name make one entry. What a spreadsheet would take for a formula is kept from being one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from crm_store.faq import Whole, Wording
from crm_store.faq_edits import Draft, name_from
from crm_store.language import guess_language
from crm_store.messages import ParleyError
from crm_store.wording import key

COLUMNS = (
    "name", "language", "title", "phrasings", "answer", "channel", "image", "buttons", "active",
    "valid_from", "valid_until",
)  # fmt: skip
MOST_ROWS = 10_000
MOST_BYTES = 8 * 1024 * 1024
MOST_FAULTS = 100
NO_TEXT = "the file is no text in UTF-8 or GB18030"
NO_COLUMNS = "the first line must name at least the columns phrasings and answer"
MANY_ROWS = "a file has at most 10,000 rows"
BAD_SIZE = "a file has at most 8 MB, and something in it"
REASONS = (NO_TEXT, NO_COLUMNS, MANY_ROWS, BAD_SIZE)
# What people call the columns in their own tables.
_CALLED = {
    "name": ("名称", "编号", "id"),
    "language": ("语言", "lang"),
    "title": ("标题",),
    "phrasings": ("问法", "问题", "相似问", "question", "questions", "phrasing", "q"),
    "answer": ("答案", "回答", "回复", "answers", "reply", "a"),
    "channel": ("渠道",),
    "image": ("图片",),
    "buttons": ("按钮",),
    "active": ("启用",),
    "valid_from": ("生效时间",),
    "valid_until": ("失效时间",),
}
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_OF_ENTRY = ("active", "valid_from", "valid_until")
_NO = frozenset({"no", "false", "0", "否", "停用", "off"})


class BadTable(ParleyError):
    """The file is no table of FAQ entries."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in one line of the file."""

    line: int
    said: str


@dataclass(slots=True)
class Table:
    """What a file holds: drafts by name, without those that have faults."""

    drafts: dict[str, Draft] = field(default_factory=dict)
    languages: dict[str, set[str]] = field(default_factory=dict)  # of the phrasings that each brings
    faults: list[Fault] = field(default_factory=list)
    rows: int = 0
    columns: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)  # up to which each invented name is taken

    def fail(self, name: str, faults: Iterable[str]) -> None:
        """Leave an entry out, and say why."""
        self.faults += [Fault(0, f"{name}: {said}") for said in faults]
        del self.drafts[name]


def write_table(entries: Iterable[Whole]) -> str:
    """The entries as CSV, one row an answer; `read_table` reads it back."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for whole in entries:
        for row in _rows(Draft.of(whole)):
            writer.writerow([_guarded(row.get(name, "")) for name in COLUMNS])
    return out.getvalue()


def read_text(data: bytes) -> str:
    """The bytes as text: UTF-8 with or without its mark, UTF-16 with its mark, else GB18030 (Excel)."""
    if not 0 < len(data) <= MOST_BYTES:
        raise BadTable(BAD_SIZE)
    marks = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    for encoding in (marks.get(data[:2], "utf-8-sig"), "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadTable(NO_TEXT)


def read_table(text: str, known: Mapping[str, str], names: Collection[str] = ()) -> Table:
    """The drafts of a CSV text. `known` are phrasings (by `key`) with the name of the entry that has each.

    A row without a name belongs to the entry that has its first phrasing, else it is a new one, whose name
    is none of `names`.
    """
    first = text.lstrip("\ufeff").splitlines()[:1]
    delimiter = max(",;\t", key=(first[0] if first else "").count)
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff")), delimiter=delimiter, strict=True)
    table, before = Table(), 0
    try:
        columns = _columns(next(reader, []))
        table.columns = set(columns)
        for cells in reader:
            # A cell may hold line breaks: the line to tell of is that where the row begins.
            line, before = before + 2, reader.line_num - 1
            if any(cell.strip() for cell in cells):
                table.rows += 1
                _take_in(dict(zip(columns, map(_bare, cells), strict=False)), line, table, known, names)
            if table.rows > MOST_ROWS:
                raise BadTable(MANY_ROWS)
    except csv.Error as error:
        raise BadTable(f"line {reader.line_num}: {error}") from None
    for name, draft in list(table.drafts.items()):
        tidy = table.drafts[name] = draft.tidy()
        if faults := tidy.faults():
            table.fail(name, faults)
    return table


def merged(old: Draft, new: Draft, languages: Collection[str], columns: Collection[str]) -> Draft:
    """The entry after an import: what the file says takes the place of what stands there in its languages.

    What the file has no column for stays as it is.
    """
    kept = [text for text in old.phrasings if guess_language(text) not in languages]
    told = {(a.language, a.channel) for a in new.answers}
    answers = [a for a in old.answers if (a.language, a.channel) not in told]
    extra = {
        (a.language, a.channel): {name: part for name, part in a.more.items() if name not in columns}
        for a in old.answers
    }
    fresh = [replace(a, more={**extra.get((a.language, a.channel), {}), **a.more}) for a in new.answers]
    return replace(
        old,
        phrasings=(*kept, *new.phrasings),
        answers=(*answers, *fresh),
        titles={**old.titles, **new.titles},
        **{name: getattr(new, name) for name in _OF_ENTRY if name in columns},
    ).tidy()


def _columns(head: Sequence[str]) -> list[str]:
    names = {called: name for name, others in _CALLED.items() for called in (name, *others)}
    found = [names.get(cell.strip().lower(), "") for cell in head]
    if "phrasings" not in found or "answer" not in found:
        raise BadTable(NO_COLUMNS)
    return found


def _take_in(
    row: Mapping[str, str], line: int, table: Table, known: Mapping[str, str], names: Collection[str]
) -> None:
    phrasings = [text.strip() for text in row.get("phrasings", "").splitlines() if text.strip()]
    name = row.get("name", "").strip() or (known.get(key(phrasings[0]), "") if phrasings else "")
    name = name or _free(row.get("title", "") or (phrasings[0] if phrasings else ""), table, names)
    try:
        draft = _draft(row, name, phrasings)
    except ValueError as error:
        if len(table.faults) < MOST_FAULTS:
            table.faults.append(Fault(line, str(error)))
        return
    old = table.drafts.get(name)
    table.languages.setdefault(name, set()).update(map(guess_language, phrasings))
    if old is None:
        table.drafts[name] = draft
        return
    table.drafts[name] = replace(
        old,
        phrasings=(*old.phrasings, *draft.phrasings),
        answers=(*old.answers, *draft.answers),
        titles={**old.titles, **draft.titles},
    )


def _draft(row: Mapping[str, str], name: str, phrasings: Sequence[str]) -> Draft:
    answer, title = row.get("answer", ""), row.get("title", "").strip()
    language = row.get("language", "").strip().lower().partition("-")[0]
    if not language and "language" not in row:
        language = guess_language(answer)
    if not name.startswith("faq/"):
        raise ValueError(f"expected a name that begins with faq/, got {name!r}")
    if not answer.strip() and not row.get("image") and not phrasings:
        raise ValueError("expected phrasings or an answer")
    more: dict[str, Any] = {}
    if image := row.get("image", "").strip():
        more["image"] = image
    if buttons := _buttons(row.get("buttons", "")):
        more["buttons"] = buttons
    return Draft(
        phrasings=tuple(phrasings),
        answers=(Wording(answer, language, row.get("channel", "").strip(), more),),
        titles={language or guess_language(title) or "zh": title} if title else {},
        active=row.get("active", "").strip().lower() not in _NO,
        valid_from=_moment(row.get("valid_from", "")),
        valid_until=_moment(row.get("valid_until", "")),
        name=name,
    )


def _free(title: str, table: Table, names: Collection[str]) -> str:
    name = name_from(title)
    number = table.numbers.get(name, 1)
    while (found := f"{name}_{number}" if number > 1 else name) in table.drafts or found in names:
        number += 1
    table.numbers[name] = number
    return found


def _rows(draft: Draft) -> list[dict[str, str]]:
    """One row an answer; a phrasing stands with the first answer in its language, else with the first."""
    languages = [answer.language for answer in draft.answers]
    home = {language: languages.index(language) for language in reversed(languages)}
    asked: dict[int, list[str]] = {}
    for text in draft.phrasings:
        asked.setdefault(home.get(guess_language(text), 0), []).append(text)
    rows = []
    for place, answer in enumerate(draft.answers):
        row = {
            "name": draft.name,
            "language": answer.language,
            "title": draft.titles.get(answer.language, "") if home[answer.language] == place else "",
            "phrasings": "\n".join(asked.get(place, ())),
            "answer": answer.text,
            "channel": answer.channel,
            "image": str(answer.more.get("image", "")),
            "buttons": _button_lines(answer.more.get("buttons", ())),
        }
        if not place:
            row["active"] = "yes" if draft.active else "no"
            row["valid_from"] = draft.valid_from.isoformat() if draft.valid_from else ""
            row["valid_until"] = draft.valid_until.isoformat() if draft.valid_until else ""
        rows.append(row)
    return rows


def _buttons(lines: str) -> list[dict[str, str]]:
    pairs = [line.partition("|") for line in lines.splitlines() if line.strip()]
    return [
        {"title": title.strip(), "payload": payload.strip() or title.strip()} for title, _, payload in pairs
    ]


def _button_lines(buttons: Iterable[Mapping[str, str]]) -> str:
    return "\n".join(
        b["title"] if b["title"] == b["payload"] else f"{b['title']} | {b['payload']}" for b in buttons
    )


def _moment(text: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"expected a time such as 2026-03-01T00:00+08:00, got {text.strip()!r}") from None
    if found.tzinfo is None:
        raise ValueError(f"expected a zone with the time, such as +08:00, got {text.strip()!r}")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"expected a time within the calendar, got {text.strip()!r}") from None


def _guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _bare(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
