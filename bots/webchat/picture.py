"""Is it a picture? Told from the bytes, never from what the browser calls them."""

from __future__ import annotations

from io import BytesIO

from bots.webchat.frames import Declined

FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
MOST_PIXELS = 40_000_000  # what a phone's camera makes; more is a bomb for whoever opens it


def check_picture(data: bytes) -> str:
    """The content type of a PNG, JPEG, GIF or WebP; `Declined` for anything else."""
    from PIL import Image  # It takes 2 MB, and most processes never see a picture.

    try:
        with Image.open(BytesIO(data), formats=list(FORMATS)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Declined("type")
            content_type = FORMATS[image.format or ""]
            image.verify()
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, KeyError):
        raise Declined("type") from None
    return content_type
