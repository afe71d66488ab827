from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

import pages


def test_the_base_page_is_drawn_in_every_language() -> None:
    for language in pages.LANGUAGES:
        html = pages.render("base.html", language)
        assert pages.words_in(language)["base"]["skip"] in html
        assert pages.assets.path("style.css") in html


def test_a_callers_own_folder_extends_the_base_page_and_has_words_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "words" / "en").mkdir(parents=True)
    (tmp_path / "words" / "en" / "demo.toml").write_text('hello = "Hello {}"', encoding="utf-8")
    (tmp_path / "demo.html").write_text(
        '{% extends "base.html" %}{% block main %}{{ words.demo.hello.format(name) }}{% endblock %}',
        encoding="utf-8",
    )
    html = pages.render("demo.html", "en", folder=tmp_path, name="<b>陈</b>")
    assert "Hello &lt;b&gt;陈&lt;/b&gt;" in html


def test_a_value_that_is_missing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "demo.html").write_text("{{ nothing }}", encoding="utf-8")
    with pytest.raises(jinja2.UndefinedError, match="nothing"):
        pages.render("demo.html", "en", folder=tmp_path)


def test_an_unknown_language_is_refused_with_those_that_exist() -> None:
    with pytest.raises(LookupError, match="zh"):
        pages.render("base.html", "xx")


def test_all_languages_have_the_same_words() -> None:
    shape = {topic: set(words) for topic, words in pages.words_in("en").items()}
    for language in pages.LANGUAGES:
        assert {topic: set(words) for topic, words in pages.words_in(language).items()} == shape


@pytest.mark.parametrize(
    ("accepted", "wanted", "chosen"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh"),
        ("fr;q=1, en;q=0.3, zh-Hant;q=0.7", "", "zh"),
        ("zh;q=0.5,en", "", "en"),
        ("zh", "en", "en"),
        ("zh", "../etc", "zh"),
        ("fr", "", "en"),
        ("", "", "en"),
        (";q=x,,;;", "", "en"),
    ],
)
def test_the_language_is_the_best_that_we_have(accepted: str, wanted: str, chosen: str) -> None:
    assert pages.choose_language(accepted, wanted) == chosen


def test_security_headers_allow_what_is_ours_and_nothing_else() -> None:
    closed = pages.security_headers()["content-security-policy"]
    assert "frame-ancestors 'none'" in closed
    assert "default-src 'none'" in closed
    assert "unsafe" not in closed
    framed = pages.security_headers(frame_ancestors=["https://shop.example"])["content-security-policy"]
    assert "frame-ancestors 'self' https://shop.example" in framed
