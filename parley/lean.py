"""Imported first by the server: parts of libraries that it never uses are not loaded.

Together about 30 MB of an idle server. A package loads all of its parts at once: some are passed over
here, and nothing is changed in what remains. Whoever needs such a part takes it out of the list.
"""

import ctypes
import gc
import sys
from contextlib import suppress
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]

# What a library uses only if it is there.
WITHOUT = (
    "rich",  # for structlog's tracebacks with local variables, in which customers' words are
    "pydantic.v1",  # for FastAPI, where models are of that version
    "greenlet",  # for SQLAlchemy's asynchronous side
    "cryptography.hazmat.primitives.asymmetric.padding",  # for opening Telegram passports
)

# Parts that their packages load and we never use, with what is imported from them by name.
STAND_INS = {
    # The clients of wechatpy and of python-telegram-bot bring requests and httpx. Ours is another
    # (docs/decisions/0007): what we use of them are the crypto and the types.
    "wechatpy.client": ("WeChatClient",),
    "wechatpy.component": ("ComponentOAuth", "WeChatComponent"),
    "wechatpy.oauth": ("WeChatOAuth",),
    "wechatpy.parser": ("parse_message",),
    "wechatpy.pay": ("WeChatPay",),
    "wechatpy.replies": ("create_reply",),
    "telegram._bot": ("Bot",),
    "telegram.request": (),
    "uvicorn.main": ("Server", "main", "run"),  # its command line, which brings click
    # SQLAlchemy loads every driver that a database has.
    "sqlalchemy.dialects.postgresql.asyncpg": (),
    "sqlalchemy.dialects.postgresql.pg8000": (),
    "sqlalchemy.dialects.postgresql.psycopg2": (),
    "sqlalchemy.dialects.postgresql.psycopg2cffi": (),
    "sqlalchemy.dialects.sqlite.aiosqlite": (),
    "sqlalchemy.dialects.sqlite.pysqlcipher": (),
}


def _make_room() -> None:
    for name in WITHOUT:
        sys.modules[name] = None  # type: ignore[assignment]
    for name, parts in STAND_INS.items():
        stand_in = sys.modules[name] = ModuleType(name)
        for one in parts:
            setattr(stand_in, one, type(one, (), {}))


class _Whole(SourceFileLoader):
    """Loads our own modules with docstrings, which the API's pages show, and with their assertions."""

    def source_to_code(self, data: Any, path: Any, **_: int) -> CodeType:  # type: ignore[override]
        code: CodeType = compile(data, path, "exec", dont_inherit=True, optimize=0)
        return code


def _keep_whole(path: str) -> FileFinder:
    """The server runs with `-OO`, which drops 8 MB of what libraries tell their readers; ours stays."""
    if not Path(path).is_relative_to(ROOT) or "site-packages" in path:
        raise ImportError(path)
    return FileFinder(path, (_Whole, [".py"]))


# Messages make objects by the thousand that all go by counting; what is left in circles is little and may
# wait. Looking for it after every 700 objects takes a twentieth of the processor.
_LOOK_AFTER = (20_000, 10, 10)


def settle() -> None:
    """Give back what opening the house has used once: what is here now is here to stay."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_LOOK_AFTER)
    gc.enable()
    with suppress(OSError, AttributeError):  # Another C library than GNU's has no such call.
        ctypes.CDLL(None).malloc_trim(0)


gc.disable()  # Almost all that is made until `settle` stays: looking through it takes a sixth of a start.
_make_room()
sys.path_hooks.insert(0, _keep_whole)
sys.path_importer_cache.clear()
