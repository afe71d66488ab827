"""A picture and a voice message for customers who have none at hand."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw


@lru_cache
def picture() -> bytes:
    """A small landscape as PNG."""
    canvas = Image.new("RGB", (480, 320))
    draw = ImageDraw.Draw(canvas)
    for y in range(320):
        draw.line((0, y, 480, y), fill=(250 - y // 4, 214 - y // 6, 170 + y // 8))
    draw.ellipse((318, 62, 392, 136), fill=(255, 244, 214))
    draw.polygon(
        [(0, 240), (130, 130), (250, 232), (340, 168), (480, 250), (480, 320), (0, 320)], "#4c8577"
    )
    draw.polygon([(0, 288), (180, 226), (330, 280), (480, 240), (480, 320), (0, 320)], "#2f5d54")
    written = BytesIO()
    canvas.save(written, "PNG")
    return written.getvalue()


def voice() -> bytes:
    """A second of silence in AMR."""
    return b"#!AMR\n" + (b"\x3c" + b"\0" * 31) * 50
