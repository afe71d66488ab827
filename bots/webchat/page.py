"""The chat page itself: drawn in the visitor's language, framed only by pages that may."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

import pages
from bots.webchat.frames import LONGEST_TEXT
from bots.webchat.origin import Origins


class ChatPage:
    """Draws `/chat/{name}` from a channel's settings (`WebchatSettings`)."""

    def __init__(self, settings: Any, origins: Origins) -> None:
        self._settings = settings
        self._origins = origins

    def routes(self) -> list[BaseRoute]:
        """The route of the page."""
        return [Route(f"/chat/{self._settings.name}", self.draw)]

    async def draw(self, request: Request) -> Response:
        """The page; `?origin=` names the page that frames it and must be one that may."""
        parent = request.query_params.get("origin", "")
        if parent and not self._origins.trusts_origin(parent, request):
            return PlainTextResponse(f"{parent[:200]!r} is not among allowed_origins", 403)
        accepted = request.headers.get("accept-language", "")
        language = pages.choose_language(accepted, request.query_params.get("language", ""))
        html = pages.render(
            "chat.html",
            language,
            setup=self.setup(language, parent),
            title=self._title(language),
            framed=bool(parent),
            links={
                code: f"?{request.url.include_query_params(language=code).query}"
                for code in pages.LANGUAGES
            },
        )
        allowed = self._origins.allowed
        headers = pages.security_headers(frame_ancestors=allowed, images=allowed, embeddable=True)
        return HTMLResponse(html, headers=headers)

    def setup(self, language: str, parent: str) -> dict[str, Any]:
        """What the page's script is told."""
        words = pages.words_in(language)
        return {
            "channel": self._settings.name,
            "language": language,
            "parent": parent,
            "title": self._title(language),
            "greeting": _in_language(self._settings.greeting, language) or words["chat"]["greeting"],
            "suggestions": self._settings.suggestions.get(language, []),
            "longest_text": LONGEST_TEXT,
            "image_max_mb": self._settings.image_max_mb,
            "words": {**words["base"], **words["chat"]},
        }

    def _title(self, language: str) -> str:
        words = pages.words_in(language)
        return _in_language(self._settings.title, language) or str(words["chat"]["title"])


def _in_language(texts: str | dict[str, str], language: str) -> str:
    if isinstance(texts, str):
        return texts
    return texts.get(language) or next(iter(texts.values()), "")
