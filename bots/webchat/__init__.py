"""The web chat: a page of our own, standalone or framed in a shop's pages by `/widget.js`."""

from bots.webchat.channel import Webchat

__all__ = ["Webchat"]
