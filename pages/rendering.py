"""From a template to HTML: Jinja2, escaped by default, a missing value is an error."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pages.assets import assets
from pages.words import LANGUAGES, words_in

HERE = Path(__file__).parent


def render(template: str, language: str, *, folder: Path | None = None, **values: Any) -> str:
    """The HTML of a template in `pages/`, or in the caller's own `folder`, which is searched first.

    A template finds `language`, `languages` (code to its own name), `words` (those of `pages/words`,
    then those of `folder/words`), `asset(name)` and all `values`.
    """
    environment = _environment(folder)
    return environment.get_template(template).render(
        **values, language=language, words=words_in(language, folder)
    )


@lru_cache
def _environment(folder: Path | None) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([folder, HERE] if folder else [HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = assets.path
    environment.globals["languages"] = LANGUAGES
    return environment
