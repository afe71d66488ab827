"""The results of a run as a table for spreadsheets: UTF-8 with its mark, no cell that is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator

from sqlmodel import Session

from crm_store.campaign_runs import CampaignRun, Result, list_results
from crm_store.db import Database

COLUMNS = ("customer_id", "display_name", "channel", "status", "reason", "at")
PIECE = 1000
_MARK = "\ufeff"  # without it Excel takes UTF-8 for something else
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def write_results(
    database: Database, run: CampaignRun, reason: Callable[[str | None], str] = lambda why: why or ""
) -> Iterator[str]:
    """The table in pieces; each is read by itself, so that a large one is never whole in memory."""
    yield _MARK + _lines([COLUMNS])
    after = None
    while True:
        with database.reading() as session:
            found = _read(session, run, after)
        if not found:
            return
        yield _lines([_cells(one, reason) for one in found])
        after = found[-1].customer_id


def _read(session: Session, run: CampaignRun, after: object) -> list[Result]:
    return list_results(session, run, after=after, limit=PIECE)  # type: ignore[arg-type]


def _cells(one: Result, reason: Callable[[str | None], str]) -> tuple[str, ...]:
    cells = (
        str(one.customer_id),
        one.display_name,
        one.channel or "",
        one.status,
        reason(one.reason),
        one.at.isoformat(timespec="seconds"),
    )
    return tuple(guard(cell) for cell in cells)


def guard(cell: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell


def _lines(rows: list[tuple[str, ...]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
