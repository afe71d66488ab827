"""A process that reads one file and ends: on standard input its name as a line of JSON, then its bytes.

What somebody made to take all memory or forever takes no more than this process may. It answers with JSON:
`{"pages": 3, "passages": [[title, text, page], …]}` or `{"fault": …}`; a broken file may end it otherwise.
"""

from __future__ import annotations

import json
import resource
import sys
from contextlib import suppress
from typing import Any

from nlu.documents.faults import Unreadable
from nlu.documents.read import read

MOST_MEMORY = 1024 * 1024 * 1024  # bytes of addresses
SECONDS = 110  # of the processor: a page full of characters takes a quarter of one


def _reading(name: str, data: bytes) -> dict[str, Any]:
    try:
        found = read(name, data)
    except Unreadable as error:
        return {"fault": error.fault}
    except MemoryError:
        return {"fault": "unpacked"}
    return {"pages": found.pages, "passages": [[one.title, one.text, one.page] for one in found.passages]}


def main() -> int:
    """Read the file."""
    with suppress(OSError, ValueError):  # Not every system has this limit.
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    # By the first it is told of, the second ends it.
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    name, _, data = sys.stdin.buffer.read().partition(b"\n")
    # ASCII: lone surrogates, too, come through.
    json.dump(_reading(json.loads(name), data), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
