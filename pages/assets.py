"""Style, scripts and pictures: served from memory, with the content's hash in the path and as ETag.

The hash is that of the whole folder and stands before the file's name, so that a script's relative
imports stay within one version.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
}
FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    data: bytes
    media_type: str
    etag: str

    def response(self, request: Request, caching: str) -> Response:
        """The file, or 304 where the browser has this very content."""
        headers = {"etag": self.etag, "cache-control": caching, "x-content-type-options": "nosniff"}
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(self.data, headers=headers, media_type=self.media_type)


class Assets:
    """The files of one folder, served under one prefix. A folder of the caller's own works the same."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self._prefix = prefix
        self._files = {
            file.relative_to(folder).as_posix(): _read(file)
            for file in sorted(folder.rglob("*"))
            if file.suffix in MEDIA_TYPES
        }
        digest = hashlib.sha256()
        for name, asset in self._files.items():
            digest.update(f"{name} {asset.etag}\n".encode())
        self.version = digest.hexdigest()[:12]

    def path(self, name: str) -> str:
        """Where a file is served; LookupError if there is none of that name."""
        if name not in self._files:
            raise LookupError(f"expected one of {', '.join(self._files)}, got {name!r}")
        return f"{self._prefix}/{self.version}/{name}"

    def routes(self) -> list[BaseRoute]:
        """The route that serves the folder."""
        return [Route(self._prefix + "/{version}/{name:path}", self._serve)]

    async def _serve(self, request: Request) -> Response:
        asset = self._files.get(request.path_params["name"])
        if asset is None or not request.path_params["version"].isalnum():
            return Response(status_code=404)
        current = request.path_params["version"] == self.version
        return asset.response(request, FOREVER if current else ASK_AGAIN)

    async def serve(self, request: Request, name: str) -> Response:
        """One file at an address of its own, such as `/widget.js`: browsers ask each time if it is new."""
        return self._files[name].response(request, ASK_AGAIN)


def _read(file: Path) -> Asset:
    data = file.read_bytes()
    return Asset(data, MEDIA_TYPES[file.suffix], f'"{hashlib.sha256(data).hexdigest()[:16]}"')


assets = Assets(Path(__file__).parent, "/static")


def shared_routes() -> list[BaseRoute]:
    """The routes every application mounts at its root: `/static/…`, `/widget.js`, `/favicon.ico`."""

    async def widget(request: Request) -> Response:
        response = await assets.serve(request, "widget.js")
        response.headers["cross-origin-resource-policy"] = "cross-origin"
        return response

    async def icon(request: Request) -> Response:
        return await assets.serve(request, "icon.svg")

    return [*assets.routes(), Route("/widget.js", widget), Route("/favicon.ico", icon)]
