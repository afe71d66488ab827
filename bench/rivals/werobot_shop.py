"""A WeRoBot that answers every text, as its handbook shows it; run in the environment of the rivals.

`python -m bench.rivals.werobot_shop PORT` serves it by its own `run`; `wsgi` is for another server. With
BENCH_SESSION=sqlite it keeps its default session, in a SQLite file in the working directory.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from werobot import WeRoBot


def answer(message: Any) -> str:
    """Answer."""
    return f"Heard: {message.content}"


def answer_with_session(message: Any, session: dict[str, Any]) -> str:
    """Count what this customer has said, and answer."""
    session["heard"] = session.get("heard", 0) + 1
    return f"{session['heard']}: {message.content}"


robot = WeRoBot()
robot.config["TOKEN"] = os.environ["BENCH_TOKEN"]
if os.environ.get("BENCH_SESSION") == "sqlite":
    robot.add_handler(answer_with_session, type="text")
else:
    robot.config["SESSION_STORAGE"] = False
    robot.add_handler(answer, type="text")
wsgi = robot.wsgi

if __name__ == "__main__":
    robot.run(host="127.0.0.1", port=int(sys.argv[1]), enable_pretty_logging=False)
