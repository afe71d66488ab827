"""What a page may load and who may frame it: one strict policy, widened only by name."""

from __future__ import annotations

from collections.abc import Iterable


def security_headers(
    *, frame_ancestors: Iterable[str] = (), images: Iterable[str] = (), embeddable: bool = False
) -> dict[str, str]:
    """Response headers of a page whose scripts and styles are all files of ours.

    `frame_ancestors` and `images` are further origins (`https://shop.example`) that may frame the page
    and that pictures may come from; `embeddable` lets our own pages frame it.
    """
    ancestors = [*(["'self'"] if embeddable or frame_ancestors else []), *frame_ancestors]
    policy = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:", *images],
        "media-src": ["'self'"],
        "connect-src": ["'self'"],
        "frame-src": ["'self'"],
        "manifest-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ancestors or ["'none'"],
    }
    return {
        "content-security-policy": "; ".join(f"{name} {' '.join(who)}" for name, who in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
        "cache-control": "no-store",
    }
