"""One official account as its owner set it up: keys, callback, kind of account, what that kind may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["subscription_unverified", "subscription_verified", "service_unverified", "service_verified"]
Mode = Literal["plain", "compatible", "safe"]
Format = Literal["xml", "json"]

# What an account of each kind may do beside receiving, answering passively and fetching tokens.
RIGHTS: Mapping[str, frozenset[str]] = {
    "subscription_unverified": frozenset(),
    "subscription_verified": frozenset({"customer_service", "mass", "users", "material", "menu"}),
    "service_unverified": frozenset({"menu"}),
    "service_verified": frozenset(
        {
            "customer_service",
            "mass",
            "users",
            "material",
            "menu",
            "template",
            "qr",
            "mass_by_openid",
            "oauth",
        }
    ),
}

# Calls a day of a fresh account; the count starts again at midnight in Shanghai.
DAILY_LIMITS: Mapping[str, int] = {
    "/cgi-bin/token": 2000,
    "/cgi-bin/stable_token": 500_000,
    "/cgi-bin/message/custom/send": 500_000,
    "/cgi-bin/message/template/send": 100_000,
    "/cgi-bin/user/info": 500_000,
    "/cgi-bin/user/get": 500,
    "/cgi-bin/user/info/updateremark": 10_000,
    "/cgi-bin/qrcode/create": 100_000,
}
MINUTE_LIMITS: Mapping[str, int] = {
    "/cgi-bin/stable_token": 10_000,
    "/cgi-bin/message/mass/sendall": 60,
    "/cgi-bin/message/mass/send": 60,
}

DEMO_MENU: Sequence[Mapping[str, Any]] = (
    {
        "name": "逛一逛",
        "sub_button": [
            {"type": "click", "name": "营业时间", "key": "营业时间"},
            {"type": "click", "name": "今日优惠", "key": "今日优惠"},
            {"type": "view", "name": "官方网站", "url": "https://shop.example/"},
        ],
    },
    {"type": "click", "name": "人工客服", "key": "人工客服"},
    {"type": "click", "name": "帮助", "key": "帮助"},
)


@dataclass(frozen=True, slots=True)
class Account:
    """The settings of the simulated account. Times in seconds."""

    webhook: str  # where pushes go: http://127.0.0.1:8000/webhooks/shop-wechat
    app_id: str
    secret: str
    token: str
    aes_key: str = ""  # 43 characters; needed in the modes compatible and safe
    previous_aes_key: str = ""  # the key before the last change, for pushes still under way
    original_id: str = "gh_5a1e0f2b7c93"  # the account's own name in a push (`ToUserName`)
    name: str = "Parley 小店"
    kind: Kind = "service_verified"
    mode: Mode = "plain"
    format: Format = "xml"
    deadline: float = 5.0  # for one answer to a push
    tries: int = 3
    slow: float = 2.0  # how late a scripted slow answer comes
    hang: float = 60.0  # how long a scripted time-out keeps a caller waiting
    daily_limits: Mapping[str, int] = field(default_factory=lambda: dict(DAILY_LIMITS))
    minute_limits: Mapping[str, int] = field(default_factory=lambda: dict(MINUTE_LIMITS))
    templates: Mapping[str, str] = field(default_factory=dict)  # id: text; empty: every id is known
    menu: Sequence[Mapping[str, Any]] = DEMO_MENU
    public_url: str = ""  # of the simulator itself, for the addresses of pictures

    def __post_init__(self) -> None:
        if self.kind not in RIGHTS:
            raise ValueError(f"expected a kind of account out of {sorted(RIGHTS)}, got {self.kind!r}")
        if self.mode != "plain" and not self.aes_key:
            raise ValueError(f"mode {self.mode!r} needs an EncodingAESKey of 43 characters")

    def may(self, right: str) -> bool:
        """Whether this kind of account has the right."""
        return right in RIGHTS[self.kind]

    @property
    def keys(self) -> tuple[str, str]:
        """The present and the previous EncodingAESKey."""
        return self.aes_key, self.previous_aes_key
