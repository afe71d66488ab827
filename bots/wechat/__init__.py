"""WeChat: an official account, answered within its own request or by customer-service message."""

from bots.wechat.channel import Wechat

__all__ = ["Wechat"]
