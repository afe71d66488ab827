"""What `parley run` says when it starts: where to look at it, and how to sign in."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import Route

from bots.base import Channel


def welcome(channels: Sequence[Channel], host: str, port: int, command: str, demo: Sequence[str]) -> str:
    """The lines; `command` is how `parley` was called, `demo` who signs in with the demo's password."""
    base = f"http://{host}:{port}"
    lines = ["Parley is starting. Stop it with Ctrl-C.", ""]
    for channel in channels:
        pages = [route.path for route in channel.routes() if isinstance(route, Route)]
        what, path = ("chat page", pages[0]) if pages else ("webhook", f"/webhooks/{channel.name}")
        lines.append(f"  {what:10} {base}{path}")
    sign_in = f"a sign-in: {command} user add NAME --role admin"
    if demo:
        sign_in = f"sign in as {', '.join(demo)} with the password parley-demo"
    lines += [f"  {'console':10} {base}/console   ({sign_in})"]
    lines += [f"  {'API':10} {base}/api/docs   (a token: {command} token new --scope admin)", ""]
    return "\n".join(lines)
