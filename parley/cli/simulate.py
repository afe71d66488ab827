"""`parley simulate wechat|telegram`: a local platform with a page on which one types as a customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from parley.cli.given import settings_from
from parley.cli.root import Config, simulate

Port = Annotated[int | None, typer.Option(help="the port to listen on; else that of api_base_url")]
Host = Annotated[str, typer.Option(help="the address to listen on")]
Channel = Annotated[
    str | None, typer.Option(help="the channel to stand in for; else the first of its kind")
]
Webhook = Annotated[
    str | None, typer.Option(help="where to push; else the channel's address on this machine")
]


@simulate.command(epilog="Example: parley simulate wechat   (with `parley run` in another terminal)")
def wechat(
    config: Config = None,
    channel: Channel = None,
    webhook: Webhook = None,
    app_id: Annotated[str | None, typer.Option(help="the account's AppID")] = None,
    secret: Annotated[str | None, typer.Option(help="the account's AppSecret")] = None,
    token: Annotated[str | None, typer.Option(help="the token that signs pushes")] = None,
    aes_key: Annotated[str | None, typer.Option(help="the EncodingAESKey: pushes are encrypted")] = None,
    host: Host = "127.0.0.1",
    port: Port = None,
) -> None:
    """A local WeChat: signatures, windows, quotas and error codes as the real one's."""
    from bots.simulators.wechat import build

    known = _channel(config, "wechat", channel)
    options = {
        "webhook": webhook or _webhook(config, known),
        "app_id": app_id or known.get("app_id"),
        "secret": secret or known.get("app_secret"),
        "token": token or known.get("token"),
        "aes_key": aes_key if aes_key is not None else known.get("encoding_aes_key", ""),
    }
    port = port or _port(known, 8100)
    app = build(_complete(options) | {"public_url": f"http://{host}:{port}"})
    _serve(app, known, host, port)


@simulate.command(epilog="Example: parley simulate telegram   (with `parley run` in another terminal)")
def telegram(
    config: Config = None,
    channel: Channel = None,
    webhook: Webhook = None,
    bot_token: Annotated[str | None, typer.Option(help="the bot's token")] = None,
    secret: Annotated[str | None, typer.Option(help="the secret header of pushes")] = None,
    host: Host = "127.0.0.1",
    port: Port = None,
) -> None:
    """A local Telegram: the Bot API with its limits and error codes."""
    from bots.simulators.telegram import build

    known = _channel(config, "telegram", channel)
    options = {"bot_token": bot_token or known.get("bot_token")}
    if known.get("mode") != "polling":
        options["webhook"] = webhook or _webhook(config, known)
        options["secret"] = secret or known.get("webhook_secret")
    _serve(build(_complete(options)), known, host, port or _port(known, 8200))


def _channel(config: Config, kind: str, name: str | None) -> Mapping[str, Any]:
    """The settings of the channel to stand in for; empty if there is none."""
    for channel in settings_from(config).channels:
        if channel["kind"] == kind and name in (None, channel["name"]):
            return channel
    if name:
        raise typer.BadParameter(f"there is no {kind} channel of that name", param_hint="--channel")
    return {}


def _webhook(config: Config, channel: Mapping[str, Any]) -> str | None:
    public = settings_from(config).public_url.rstrip("/")
    return f"{public}/webhooks/{channel['name']}" if channel else None


def _complete(options: Mapping[str, Any]) -> dict[str, Any]:
    missing = [name for name, value in options.items() if value is None]
    if missing:
        wanted = ", ".join("--" + name.replace("_", "-") for name in missing)
        raise typer.BadParameter(f"no such channel in the settings: expected {wanted}")
    return dict(options)


def _port(channel: Mapping[str, Any], otherwise: int) -> int:
    return urlsplit(str(channel.get("api_base_url", ""))).port or otherwise


def _serve(app: Any, channel: Mapping[str, Any], host: str, port: int) -> None:
    import uvicorn

    print(f"Type as a customer at http://{host}:{port}/ . Stop it with Ctrl-C.", flush=True)
    if channel:
        print(
            f'The channel {channel["name"]} reaches it with api_base_url = "http://{host}:{port}".',
            flush=True,
        )
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,  # Open pages hold their event streams.
    )
