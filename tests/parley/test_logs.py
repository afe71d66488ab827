"""The log: no word of a customer reaches it, whatever fails and however it is written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
import structlog
from sqlalchemy import text

from crm_store.db import Database
from parley.logs import set_up_log

SECRET = "xyzzy-4711"
# A customer may write what an error looks like.
SAID = f"""{SECRET} 1
ValueError: {SECRET} 2
[SQL: {SECRET} 3]

The above exception was the direct cause of the following exception:

During {SECRET} 4
DETAIL: {SECRET} 5"""


@pytest.fixture(params=["json", "console"])
def form(request: pytest.FixtureRequest) -> Iterator[str]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield str(request.param)
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def refused(url: str) -> Exception:
    """What PostgreSQL and the driver say of a row that they do not take."""
    database = Database(url)
    said = SAID  # A local variable, as a traceback could show it.
    try:
        with database.writing() as session:
            statement = text("INSERT INTO conversations (id, channel) VALUES (gen_random_uuid(), :said)")
            session.execute(statement, {"said": said})
    except Exception as error:  # noqa: BLE001  (it is what the tests are about)
        return error
    finally:
        database.close()
    raise AssertionError("the row was taken")


def thrown(error: Exception) -> None:
    raise error


def chained(error: Exception) -> Exception:
    try:
        try:
            thrown(error)
        except Exception as first:
            raise RuntimeError("the turn failed") from first
    except RuntimeError as second:
        return second
    raise AssertionError


def grouped(error: Exception) -> Exception:
    async def fail() -> None:
        raise error

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    try:
        asyncio.run(main())
    except ExceptionGroup as group:
        return group
    raise AssertionError


def test_what_a_customer_wrote_stays_out_of_the_log(
    postgres_url: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(postgres_url)
    assert SECRET in str(error)  # Else there were nothing to test.
    set_up_log("info", form)
    log = structlog.get_logger()
    for shape in (error, chained(error), grouped(error), grouped(chained(error))):
        log.critical("part.died", exc_info=shape)
        try:
            thrown(shape)
        except Exception:
            log.exception("turn.failed")
            logging.getLogger("of.a.library").exception("it failed")
        logging.getLogger("asyncio").error("never retrieved", exc_info=shape)
    written = capsys.readouterr().err
    assert SECRET not in written
    for kept in ("NotNullViolation", "INSERT INTO conversations", "turn.failed", "part.died", "refused"):
        assert kept in written


def test_local_variables_stay_out_of_the_log(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(said: str) -> None:
        raise ZeroDivisionError("nothing to see")

    set_up_log("info", form)
    try:
        fail("".join([SECRET[:5], SECRET[5:]]))
    except ZeroDivisionError:
        structlog.get_logger().exception("turn.failed")
    written = capsys.readouterr().err
    assert "nothing to see" in written
    assert SECRET not in written
