"""What every page shares: base page, style, script, words in each language. Imports nothing of ours.

`render` draws a template, `assets` serves style and scripts, `security_headers` says what a page may load.
"""

from pages.assets import Assets, assets, shared_routes
from pages.rendering import render
from pages.security import security_headers
from pages.words import LANGUAGES, choose_language, words_in

__all__ = [
    "LANGUAGES",
    "Assets",
    "assets",
    "choose_language",
    "render",
    "security_headers",
    "shared_routes",
    "words_in",
]
