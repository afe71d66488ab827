"""A WeChat official account (公众号): pushes come in, passive replies and customer-service messages go out.

Settings, and the order in which the parts are used; the parts are `wechat_wire` (envelope), `wechat_read`
(meaning), `wechat_text` and `wechat_menu` (drawing), `wechat_api` (calls) and `wechat_errors`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from bots.base import Channel, ChannelSettings, Host, Reply
from bots.wechat.api import Api
from bots.wechat.errors import CallFailed
from bots.wechat.menu import Menu
from bots.wechat.read import Pushed, read
from bots.wechat.text import TEXT_LIMIT, Link, draw, draw_short, size
from bots.wechat.wire import Wire, is_aes_key
from crm_store.messages import Address, Content, Incoming, Media, Policy, Sent, Status

INLINE_WITHIN = 4.0  # seconds
GIVES_UP_AFTER, TRIES = 5.0, 3  # WeChat hangs up after five seconds, and comes twice more
MAX_BUTTONS = 10  # so many links of usual length fit into one text
SUCCESS = Reply(body=b"success")  # WeChat asks no more, and the customer sees nothing

# One request: WeChat's msgtype and what belongs to it.
Part = tuple[str, dict[str, str]]


class WechatSettings(ChannelSettings):
    """The keys of a `[[channels]]` table with `kind = "wechat"`."""

    app_id: str = Field(min_length=1, description="The account's AppID: `wx…`.")
    app_secret: SecretStr = Field(min_length=1, description="The account's AppSecret.")
    token: SecretStr = Field(min_length=1, description="The token set beside the account's server address.")
    encoding_aes_key: SecretStr = Field(
        SecretStr(""),
        description="The account's EncodingAESKey. If it is set, only encrypted pushes are accepted.",
    )
    previous_encoding_aes_key: SecretStr = Field(
        SecretStr(""), description="The key before the last change, for pushes still under way."
    )
    customer_service_messages: bool = Field(
        True, description="Whether the account may write by itself; otherwise it can only answer a push."
    )
    api_base_url: str = Field(
        "https://api.weixin.qq.com", description="WeChat's API, a proxy of it, or the simulator."
    )

    @field_validator("encoding_aes_key", "previous_encoding_aes_key")
    @classmethod
    def _check_aes_key(cls, key: SecretStr) -> SecretStr:
        if key.get_secret_value() and not is_aes_key(key.get_secret_value()):
            raise ValueError("expected the 43 letters and digits of an EncodingAESKey, or nothing")
        return key

    @field_validator("api_base_url")
    @classmethod
    def _check_base_url(cls, url: str) -> str:
        if not url.startswith(("https://", "http://")):
            raise ValueError("expected an address that starts with https:// or http://")
        return url

    @model_validator(mode="after")
    def _check_previous(self) -> Self:
        if (
            self.previous_encoding_aes_key.get_secret_value()
            and not self.encoding_aes_key.get_secret_value()
        ):
            raise ValueError("previous_encoding_aes_key needs an encoding_aes_key beside it")
        return self

    @property
    def aes_keys(self) -> list[str]:
        """The configured AES keys, the current one first."""
        keys = (self.encoding_aes_key, self.previous_encoding_aes_key)
        return [key.get_secret_value() for key in keys if key.get_secret_value()]


class Wechat(Channel):
    """One official account: `Incoming` from its pushes, `Content` to its followers."""

    Settings = WechatSettings
    settings: WechatSettings

    def __init__(self, settings: WechatSettings, host: Host) -> None:
        super().__init__(settings, host)
        token = settings.token.get_secret_value()
        self._wire = Wire(self.name, settings.app_id, token, settings.aes_keys)
        self._menu = Menu(token)
        secret = settings.app_secret.get_secret_value()
        self._api = Api(host, self.name, settings.api_base_url, settings.app_id, secret)
        pushes = settings.customer_service_messages
        self._policy = Policy(
            draws=frozenset({"text", "buttons", "image"} if pushes else {"text", "buttons"}),
            max_buttons=MAX_BUTTONS,
            text_limit=TEXT_LIMIT,
            inline_within=INLINE_WITHIN,
            gives_up_after=GIVES_UP_AFTER,
            tries=TRIES,
            push=pushes,
            needs_window=True,
        )

    @property
    def policy(self) -> Policy:
        """WeChat writes only inside an open window, and the first answer rides on the push itself."""
        return self._policy

    def challenge(self, query: Mapping[str, str]) -> Reply:
        """Prove to WeChat that this address knows the token; signed plainly in every mode."""
        echo = query.get("echostr", "").encode("utf-8", "replace")
        self._wire.check_plain(query, self.host.now())
        return Reply(body=echo)

    async def receive(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> list[Incoming]:
        """The one message or event of a push, plain or encrypted, XML or JSON."""
        return [read(self._wire.open(query, body, self.host.now()), self.name, self._menu)]

    def answer(
        self, query: Mapping[str, str], incoming: Sequence[Incoming], contents: Sequence[Content]
    ) -> tuple[Reply, int]:
        """The passive reply: one text of what fits whole, or `success` if nothing is to be said.

        Must be given the Incoming that `receive` returned: they know where the push came from.
        """
        push = next((item.push for item in incoming if isinstance(item, Pushed) and item.push), None)
        if push is None:
            return SUCCESS, 0
        openid = push.text("FromUserName")
        text, carried = self._one_text(contents, self._link(openid))
        if not text:
            return SUCCESS, carried
        now = self.host.now()
        fields: dict[str, str | int] = {
            "ToUserName": openid,
            "FromUserName": push.text("ToUserName"),
            "CreateTime": int(now.timestamp()),
            "MsgType": "text",
            "Content": text,
        }
        return self._wire.close(push, fields, now), carried

    async def fetch(self, media: Media) -> Media:
        """The same picture, voice or video, kept here and served by us."""
        if not media.platform_id:
            return media
        data, content_type = await self._api.download(media.platform_id)
        url = await self.host.keep(data, content_type, media.name)
        return replace(media, url=url, content_type=content_type, size=len(data))

    def takes(self, content: Content) -> int:
        """One for each part of a text that is too long for one, and one for a picture."""
        link = self._link("")
        as_link = len(draw(content, link))
        if content.kind != "image" or not content.media:
            return max(1, as_link)
        return max(as_link, 1 + len(draw(replace(content, media=None), link)))

    async def send(self, to: Address, content: Content) -> Sent:
        """Send one customer-service message, or several where a text is too long for one."""
        if not self.settings.customer_service_messages:
            return Sent(
                "skipped", reason="This account can only answer right after a customer has written."
            )
        done = 0
        platform_id = ""
        try:
            parts = await self._parts(to, content)
            for msgtype, body in parts:
                platform_id = await self._api.send_custom(to.external_id, msgtype, **body)
                done += 1
        except CallFailed as failed:
            return _broken_off(failed.sent, done)
        if not parts:
            return Sent("skipped", reason="There is nothing in this message that WeChat could show.")
        return Sent("accepted", platform_id=platform_id, took=len(parts))

    def _link(self, openid: str) -> Link:
        return partial(self._menu.link, openid=openid)

    def _one_text(self, contents: Sequence[Content], link: Link) -> tuple[str, int]:
        """What of `contents` a passive reply says, from the first on, and how many of them that is."""
        text, carried = "", 0
        for content in contents:
            if content.kind in self.policy.draws - {"text"}:
                break  # a picture goes out by itself, in its place among the texts
            parts = draw(content, link)
            joined = "\n\n".join(filter(None, (text, *parts)))
            if len(parts) > 1 or size(joined) > TEXT_LIMIT:
                break
            text, carried = joined, carried + 1
        if contents and not carried and not self.settings.customer_service_messages:
            return draw_short(contents[0], link), 1
        return text, carried

    async def _parts(self, to: Address, content: Content) -> list[Part]:
        """The requests that a content takes. A picture that WeChat does not take is said by its address."""
        picture: list[Part] = []
        if content.kind == "image" and content.media:
            media_id = await self._api.upload_picture(content.media.url) if content.media.url else ""
            media_id = media_id or content.media.platform_id
            if media_id:
                picture = [("image", {"media_id": media_id})]
                content = replace(content, media=None)
        return picture + [("text", {"content": text}) for text in draw(content, self._link(to.external_id))]


def _broken_off(sent: Sent, done: int) -> Sent:
    """What became of a message whose first `done` parts had arrived when the next one did not."""
    sent = replace(sent, took=done + (sent.status == "unknown"))
    if not done:
        return sent
    reason = f"Only the first {done} of its parts arrived. {sent.reason}"
    # To try again would repeat the parts that did arrive.
    status: Status = "unknown" if sent.status == "unknown" else "failed"
    return replace(sent, status=status, reason=reason, retry_after=None)
