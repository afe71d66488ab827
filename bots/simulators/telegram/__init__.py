"""A local Telegram: the Bot API for one bot, the people who write to it, and a page to be one of them."""

from bots.simulators.telegram.simulator import build, telegram_simulator

__all__ = ["build", "telegram_simulator"]
