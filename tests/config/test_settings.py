"""A wrong key, type or value is refused with the file, the line, what was expected and the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.reading import SettingsError
from config.settings import DEFAULT_FILE, read_settings
from parley.opening import documents_of


def write(folder: Path, text: str) -> Path:
    file = folder / "parley.toml"
    file.write_text(text, encoding="utf-8")
    return file


def faults(
    folder: Path, text: str, environment: dict[str, str] | None = None
) -> list[tuple[int, str, str]]:
    with pytest.raises(SettingsError) as refused:
        read_settings(write(folder, text), environment or {})
    return refused.value.faults


def test_the_demo_file_holds() -> None:
    settings = read_settings(DEFAULT_FILE, {})
    assert [channel["name"] for channel in settings.channels] == ["site", "shop-wechat", "shop-telegram"]
    assert settings.at(settings.bot) == DEFAULT_FILE.parent / "bot"


def test_an_empty_file_is_enough(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, ""), {})
    assert settings.resolved_database_url == f"sqlite:///{tmp_path / 'parley.db'}"


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = write(tmp_path, 'locale = "en"')
    assert read_settings(None, {"PARLEY_CONFIG": str(file)}).locale == "en"


def test_a_misspelt_key_is_refused_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    assert faults(tmp_path, 'locale = "en"\ndatabase_ulr = "x"\n') == [
        (2, "database_ulr", "no such key; did you mean database_url?")
    ]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = 'timezone = "Mars"\n[nlu]\nengine = "magic"\n[media]\nmax_mb = "much"\n'
    found = faults(tmp_path, text)
    assert [(line, key) for line, key, _ in found] == [
        (1, "timezone"),
        (3, "nlu.engine"),
        (5, "media.max_mb"),
    ]
    assert "Asia/Shanghai" in found[0][2]
    assert "'embedded' or 'rasa'" in found[1][2]


def test_what_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    ((line, _, what),) = faults(tmp_path, 'locale = "en"\nbroken\n')
    assert line == 2
    assert "TOML" in what


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        read_settings(tmp_path / "nowhere.toml", {})


def test_the_environment_wins_also_in_tables_and_channels(tmp_path: Path) -> None:
    text = '[nlu]\nengine = "embedded"\n[[channels]]\nname = "shop-x"\nkind = "x"\ntoken = "old"\n'
    environment = {
        "PARLEY_DATABASE_URL": "postgresql://me@db/parley",
        "PARLEY_NLU__ENGINE": "rasa",
        "PARLEY_MEDIA__MAX_MB": "7",
        "PARLEY_CHANNELS__SHOP_X__TOKEN": "new",
        "PARLEY_TEST_POSTGRES": "not a setting",
    }
    settings = read_settings(write(tmp_path, text), environment)
    assert settings.resolved_database_url == "postgresql://me@db/parley"
    assert settings.nlu.engine == "rasa"
    assert settings.media.max_mb == 7
    assert settings.channels[0]["token"] == "new"


def test_secrets_come_from_the_environment_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    text = '[[channels]]\nname = "a"\nkind = "x"\nfirst = { env = "FIRST" }\nsecond = { file = "secret" }\n'
    (channel,) = read_settings(write(tmp_path, text), {"FIRST": "from outside"}).channels
    assert (channel["first"], channel["second"]) == ("from outside", "from the file")


def test_a_secret_that_is_missing_is_named_with_its_line(tmp_path: Path) -> None:
    text = '[[channels]]\nname = "a"\nkind = "x"\ntoken = { env = "NOT_THERE" }\n'
    assert faults(tmp_path, text) == [(4, "channels.0.token", "the environment has no NOT_THERE")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[[channels]]\nkind = "x"\n', "needs a name"),
        ('[[channels]]\nname = "a"\n', "needs a kind"),
        ('[[channels]]\nname = "a/b"\nkind = "x"\n', "letters, digits"),
        ('[[channels]]\nname = "a"\nkind = "x"\n[[channels]]\nname = "a"\nkind = "y"\n', "two channels"),
        ('[opening_hours]\nmonday = "ten"\n', "10:00-21:30"),
        ('database_url = "mysql://x"\n', "postgresql://"),
    ],
)
def test_values_that_cannot_hold_are_refused_in_words(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in faults(tmp_path, text)[0][2]


def test_a_wrong_value_is_never_repeated_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(write(tmp_path, 'public_url = ["hunter2"]\n'), {})
    assert "hunter2" not in str(refused.value)


def test_a_language_model_needs_an_address_and_a_name_and_keeps_its_key_to_itself(tmp_path: Path) -> None:
    ((line, key, _),) = faults(tmp_path, '[llm]\nbase_url = "localhost:8000"\n')
    assert (line, key) == (2, "llm.base_url")
    ((_, key, what),) = faults(tmp_path, '[llm]\nbase_url = "https://host/v1"\n')
    assert (key, "name on the server" in what) == ("llm.model", True)
    ((_, _, what),) = faults(tmp_path, '[llm]\nbase_url = "https://me:secret@host/v1"\nmodel = "m"\n')
    assert "api_key" in what
    assert "secret" not in what
    ((_, key, what),) = faults(tmp_path, '[llm]\napi_key = "s3cret with blanks"\n')
    assert key == "llm.api_key"
    assert "s3cret" not in what
    text = '[llm]\nbase_url = "https://host/v1"\nmodel = "m"\napi_key = { env = "THE_KEY" }\n'
    settings = read_settings(write(tmp_path, text), {"THE_KEY": "s3cret"})
    assert settings.llm.api_key.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)
    assert not settings.llm.answer_customers


def test_documents_that_are_not_there_are_told(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, '[llm]\ndocuments = "papers"\n'), {})
    with pytest.raises(SettingsError, match=r"parley.toml:2: llm.documents: there is no folder .*papers"):
        documents_of(settings)
    (tmp_path / "papers").mkdir()
    assert documents_of(settings) == tmp_path / "papers"
