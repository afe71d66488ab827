"""Telegram: a bot account, heard by webhook or by polling, written to through the Bot API."""

from bots.telegram.channel import Telegram

__all__ = ["Telegram"]
