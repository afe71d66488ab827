"""One bot's local Telegram, put together: its people, its updates, its API, its webhook."""

from __future__ import annotations

from bots.simulators.clock import Clock
from bots.simulators.faults import Faults
from bots.simulators.telegram.api import Api
from bots.simulators.telegram.chats import Chats
from bots.simulators.telegram.limits import Limits
from bots.simulators.telegram.methods import Methods
from bots.simulators.telegram.updates import Updates
from bots.simulators.telegram.webhook import Webhook


class TelegramPlatform:
    """Tests act through `chats` and `clock`, and look at `api.calls` and `webhook.deliveries`."""

    def __init__(self, bot_token: str, clock: Clock | None = None, username: str = "shop_bot") -> None:
        self.bot_token = bot_token
        self.clock = clock or Clock()
        self.faults = Faults()
        number = bot_token.partition(":")[0]
        self.bot = {
            "id": int(number) if number.isdecimal() else 1,
            "is_bot": True,
            "first_name": "Shop",
            "username": username,
        }
        self.updates = Updates(self.clock)
        self.chats = Chats(self.clock, self.updates, self.bot)
        self.api = Api(bot_token, self.clock, self.faults, self.chats, self.updates.changed)
        self.webhook = Webhook(self.clock, self.faults, self.updates, self.api.react)
        limits = Limits(self.clock)
        self.api.methods = Methods(self.bot, self.chats, self.updates, self.webhook, limits)

    def fail_next(self, method: str, kind: str, times: int = 1) -> None:
        """Let the next calls of a method fail: "timeout", "reset" (both carried out), "500", "429".

        Method "webhook" stands for deliveries: "duplicate", "reorder", "forged".
        """
        self.faults.script(kind, method, times)
