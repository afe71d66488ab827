"""What a customer can do: follow, write, tap, scan, leave. Each is pushed and tells what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bots.simulators.wechat.account import Account
from bots.simulators.wechat.customers import Customer
from bots.simulators.wechat.oauth import sign_in
from bots.simulators.wechat.platform import Platform
from bots.simulators.wechat.push import Pusher
from bots.simulators.wechat.samples import picture, voice
from bots.simulators.wechat.screen import Piece, Seen
from crm_store.messages import NotFound, Refused, clean

PUSH_FAULTS = ("timeout", "duplicate", "reorder", "bad_signature", "old_key")
API_FAULTS = ("timeout", "slow", "500", "502", "-1", "40001", "45009", "45011", "45015", "45047", "48001")
NOTES = {"follow": "已关注公众号", "unfollow": "已取消关注", "scan": "扫描了二维码"}


def _note(name: str) -> Seen:
    """A line between the messages that says what the customer did."""
    return Seen("event", NOTES[name], by="customer", how="push", data={"note": name})


class Deeds:
    """The customers of one account, driven by a test or by the page."""

    def __init__(self, platform: Platform, pusher: Pusher) -> None:
        self.platform = platform
        self.pusher = pusher

    @property
    def account(self) -> Account:
        """The account as it is set up now."""
        return self.platform.account

    def customer(self, openid: str) -> Customer:
        """The customer. Somebody unknown is one who has been following for long."""
        found = self.platform.customers.find(openid)
        if found is None:
            found = self.platform.customers.add(openid, openid)
            found.follow(self.platform.now())
        return found

    def screen(self, openid: str) -> list[Seen]:
        """All that the customer sees, oldest first."""
        return list(self.customer(openid).screen)

    async def next_seen(self, openid: str, after: int = 0, within: float = 5.0) -> Seen:
        """Wait for the first thing not by the customer behind number `after`; TimeoutError in the end."""
        async with asyncio.timeout(within):
            while True:
                version = self.platform.changes.version
                for seen in self.customer(openid).screen:
                    if seen.seq > after and seen.by != "customer":
                        return seen
                await self.platform.changes.after(version)

    async def say(self, openid: str, text: str, menu_id: str = "") -> list[Seen]:
        """Write a text; `menu_id` if it was written by a tap on a menu message."""
        menu = {"bizmsgmenuid": menu_id} if menu_id else {}
        text = clean(text)
        shown = Seen("text", text, pieces=(Piece(text),))
        return await self._message(openid, "text", {"Content": text}, shown, menu)

    async def press(self, openid: str, choice: str | Piece) -> list[Seen]:
        """Tap a choice of a text or a menu message: the piece itself, or its title (the newest one)."""
        if isinstance(choice, Piece):
            return await self.say(openid, choice.sends, choice.menu_id)
        for seen in reversed(self.screen(openid)):
            for piece in seen.buttons:
                if piece.text == choice:
                    return await self.say(openid, piece.sends, piece.menu_id)
        raise NotFound(f"expected a choice {choice!r} on the screen of {openid}")

    async def image(self, openid: str, data: bytes = b"", content_type: str = "image/png") -> list[Seen]:
        """Send a picture; without data a drawn one."""
        media_id = self._keep("image", data or picture(), content_type)
        address = f"/simulator/media/{media_id}"
        fields = {"PicUrl": self.account.public_url + address, "MediaId": media_id}
        return await self._message(openid, "image", fields, Seen("image", media=address))

    async def voice(self, openid: str, recognition: str = "") -> list[Seen]:
        """Send a voice message, with its words if speech recognition is on."""
        fields = {"MediaId": self._keep("voice", voice(), "audio/amr"), "Format": "amr"}
        if recognition:
            fields["Recognition"] = clean(recognition)
        return await self._message(openid, "voice", fields, Seen("voice", clean(recognition)))

    async def video(self, openid: str, data: bytes = b"\0" * 64) -> list[Seen]:
        """Send a video."""
        fields = {
            "MediaId": self._keep("video", data, "video/mp4"),
            "ThumbMediaId": self._keep("thumb", picture(), "image/png"),
        }
        return await self._message(openid, "video", fields, Seen("video"))

    async def location(
        self,
        openid: str,
        latitude: float = 31.2304,
        longitude: float = 121.4737,
        label: str = "上海市黄浦区",
    ) -> list[Seen]:
        """Send a place. Degrees."""
        fields = {"Location_X": latitude, "Location_Y": longitude, "Scale": 15, "Label": clean(label)}
        data = {"latitude": latitude, "longitude": longitude}
        return await self._message(openid, "location", fields, Seen("location", clean(label), data=data))

    async def link(self, openid: str, title: str, description: str, url: str) -> list[Seen]:
        """Send a shared page."""
        fields = {"Title": clean(title), "Description": clean(description), "Url": url}
        seen = Seen(
            "news", clean(title), data={"description": clean(description), "url": url, "picurl": ""}
        )
        return await self._message(openid, "link", fields, seen)

    async def follow(self, openid: str, scene: str = "") -> list[Seen]:
        """Begin to follow, by a QR code if a scene is named. Nothing happens if they follow already."""
        customer = self.platform.customers.find(openid) or self.platform.customers.add(openid, openid)
        if customer.following:
            return []
        fields: dict[str, Any] = {"EventKey": ""}
        if scene:
            fields = {"EventKey": f"qrscene_{scene}", "Ticket": self._ticket(scene)}
        customer.follow(self.platform.now(), scene, by_scan=bool(scene))
        return await self._event(customer, "subscribe", fields, opens="follow", note="follow")

    async def unfollow(self, openid: str) -> None:
        """Stop following. Nothing can be written to them any more, and they see no answer."""
        customer = self._follower(openid)
        customer.leave()
        self.platform.show(customer, _note("unfollow"))
        message = self.platform.message(customer, "event", {"Event": "unsubscribe", "EventKey": ""})
        await self.pusher.push(customer, message, quiet=True)

    async def scan(self, openid: str, code: str) -> list[Seen]:
        """Scan a QR code by its ticket or scene: a follow for newcomers, SCAN for followers."""
        ticket = self.platform.tickets.find(code)
        if ticket is None or not ticket.works(self.platform.now()):
            raise Refused(f"there is no valid QR code {code!r}")
        customer = self.platform.customers.find(openid)
        if customer is None or not customer.following:
            return await self.follow(openid, ticket.scene)
        fields = {"EventKey": ticket.scene, "Ticket": ticket.ticket}
        return await self._event(customer, "SCAN", fields, opens="scan", note="scan")

    async def click(self, openid: str, key: str) -> list[Seen]:
        """Tap a menu button that sends its key."""
        customer = self._follower(openid)
        return await self._event(customer, "CLICK", {"EventKey": key}, opens="menu", note="")

    async def view(self, openid: str, url: str) -> list[Seen]:
        """Tap a menu button that opens a page; opens no allowance."""
        return await self._event(self._follower(openid), "VIEW", {"EventKey": url}, note="")

    def sign_in(self, openid: str, scope: str = "snsapi_base", snapshot: bool = False) -> str:
        """Open a page of the shop that asks who is there: the code that the page gets."""
        return sign_in(self.platform, self.customer(openid), scope, snapshot)

    async def event(self, openid: str, name: str, **fields: Any) -> list[Seen]:
        """Push any other event as it is, such as `debug_demo`; opens no allowance."""
        return await self._event(self._follower(openid), name, fields, note="")

    def _follower(self, openid: str) -> Customer:
        customer = self.customer(openid)
        if not customer.following:
            raise Refused(f"{openid} does not follow the account")
        return customer

    def _ticket(self, scene: str) -> str:
        found = self.platform.tickets.find(scene)
        return (found or self.platform.tickets.issue(scene, self.platform.now(), None)).ticket

    def _keep(self, kind: str, data: bytes, content_type: str) -> str:
        now = self.platform.now()
        return self.platform.media.keep(kind, data, content_type, kind, now).media_id

    async def _message(
        self, openid: str, kind: str, fields: Mapping[str, Any], shown: Seen, extra: Mapping[str, Any] = {}
    ) -> list[Seen]:
        customer = self._follower(openid)
        customer.allowance.open("message", self.platform.now())
        self.platform.show(customer, replace(shown, by="customer", how="push"))
        known = {**fields, "MsgId": self.platform.new_id(), **extra}
        return await self.pusher.push(customer, self.platform.message(customer, kind, known))

    async def _event(
        self, customer: Customer, name: str, fields: Mapping[str, Any], note: str, opens: str = ""
    ) -> list[Seen]:
        if opens:
            customer.allowance.open(opens, self.platform.now())
        if note:
            self.platform.show(customer, _note(note))
        self.platform.changes.notify()
        message = self.platform.message(customer, "event", {"Event": name, **fields})
        return await self.pusher.push(customer, message)

    def configure(self, **changes: Any) -> None:
        """Change settings of the account (mode, format, kind …); ValueError if they do not fit."""
        self.platform.account = replace(self.platform.account, **changes)
        self.platform.changes.notify()

    def change_aes_key(self, aes_key: str) -> None:
        """Set a new EncodingAESKey; the present one becomes the previous."""
        self.configure(aes_key=aes_key, previous_aes_key=self.account.aes_key)

    def script_fault(self, kind: str, match: str = "api", times: int = 1) -> None:
        """Let the next calls fail: `match` is "push", "api" for every interface, or the path of one.

        ValueError for a kind that does not exist there.
        """
        numeric = kind.lstrip("-").isdigit()
        if match == "push" and kind not in PUSH_FAULTS:
            raise ValueError(f"expected a fault of a push out of {', '.join(PUSH_FAULTS)}, got {kind!r}")
        if match != "push" and not numeric and kind not in API_FAULTS:
            raise ValueError(f"expected timeout, slow, an HTTP status or an errcode, got {kind!r}")
        if kind == "old_key" and not self.account.previous_aes_key:
            raise ValueError("there is no previous EncodingAESKey: change the key first")
        self.platform.faults.script(kind, match, times)
        self.platform.changes.notify()
