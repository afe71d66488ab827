"""A picture that an agent sends: looked at, kept, and named so that a platform can fetch it."""

from __future__ import annotations

from io import BytesIO

from console.visits import Visit
from crm_store.messages import Media, ParleyError

FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
MOST_PIXELS = 40_000_000  # what a phone's camera makes; more is a bomb for whoever opens it


class NotAPicture(ParleyError):
    """Only pictures can be sent: PNG, JPEG, GIF or WebP."""


def keep_picture(visit: Visit) -> Media | None:
    """The picture in the form's field `picture`, kept; None if none was chosen."""
    upload = visit.file("picture")
    if upload is None or visit.host.media is None:
        return None
    data = upload.file.read()
    content_type = _type_of(data)
    name = visit.host.media.keep(data, content_type)
    # Platforms fetch it from outside, so the address is a whole one.
    url = f"{visit.host.public_url.rstrip('/')}/media/{name}"
    return Media(url, content_type=content_type, name=(upload.filename or "")[:200], size=len(data))


def _type_of(data: bytes) -> str:
    from PIL import Image  # It takes 2 MB, and most processes never see a picture.

    try:
        with Image.open(BytesIO(data), formats=list(FORMATS)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise NotAPicture
            content_type = FORMATS[image.format or ""]
            image.verify()
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, KeyError):
        raise NotAPicture from None
    return content_type
