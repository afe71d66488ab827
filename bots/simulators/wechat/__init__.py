"""A local WeChat: one official account with its platform, strict as the real one, and its page."""

from bots.simulators.wechat.simulator import WeChatSimulator, build

__all__ = ["WeChatSimulator", "build"]
