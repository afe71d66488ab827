"""Typed settings from `parley.toml` and the environment: read once, in parley/, handed on as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from config.reading import SettingsError, read_values, validate

DEFAULT_FILE = Path(__file__).parent / "parley.toml"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Section(BaseModel):
    """A table of the file: unknown keys are refused, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Nlu(Section):
    """Which engine understands, and which one leads the dialogue."""

    engine: Literal["embedded", "rasa"] = Field("embedded", description="who understands texts")
    dialogue: Literal["embedded", "rasa"] = Field("embedded", description="who leads the dialogue")
    rasa_url: str = Field(
        "http://127.0.0.1:5005", description="the Rasa server, for engine = rasa and dialogue = rasa"
    )

    @field_validator("rasa_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        try:
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good or parts.query or parts.fragment:
            raise ValueError("expected the address of a Rasa server, as in http://127.0.0.1:5005")
        return value


class Media(Section):
    """Where received and uploaded files lie."""

    dir: Path = Field(Path("media"), description="folder of received and uploaded files")
    max_mb: int = Field(20, ge=1, le=500, description="largest file kept, in MiB")


class Sending(Section):
    """What binds campaigns and follow-ups. It never binds an answer of the bot or of an agent."""

    marketing: Literal["opt_out", "opt_in"] = Field(
        "opt_out", description="opt_in: only who has said yes gets campaigns; opt_out: until they say stop"
    )
    quiet_hours: str = Field(
        "",
        description="no pushes in these hours of the customer's own day (21:00-09:00); empty: never quiet",
    )
    frequency_cap: int = Field(0, ge=0, le=100, description="most pushes to one customer; 0: no limit")
    frequency_days: int = Field(7, ge=1, le=365, description="within so many days")

    @field_validator("quiet_hours")
    @classmethod
    def _a_range(cls, value: str) -> str:
        if value:
            _hours(value, 'expected hours as "21:00-09:00", or "" for none')
        return value

    @property
    def quiet(self) -> tuple[time, time] | None:
        """The quiet hours, from and to."""
        return _hours(self.quiet_hours, "") if self.quiet_hours else None


def _hours(value: str, expected: str) -> tuple[time, time]:
    begins, _, ends = value.partition("-")
    try:
        return time.fromisoformat(begins), time.fromisoformat(ends)
    except ValueError:
        raise ValueError(expected) from None


class OpeningHours(Section):
    """When people are there, by day: "10:00-21:30", or "" for closed."""

    monday: str = Field("09:00-18:00", description="hours on Mondays")
    tuesday: str = Field("09:00-18:00", description="hours on Tuesdays")
    wednesday: str = Field("09:00-18:00", description="hours on Wednesdays")
    thursday: str = Field("09:00-18:00", description="hours on Thursdays")
    friday: str = Field("09:00-18:00", description="hours on Fridays")
    saturday: str = Field("", description="hours on Saturdays")
    sunday: str = Field("", description="hours on Sundays")

    @field_validator(*DAYS)
    @classmethod
    def _a_range(cls, value: str) -> str:
        if value:
            _hours(value, 'expected hours as "10:00-21:30", or "" for closed')
        return value


class Log(Section):
    """How the log is written."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level written")
    format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: for people in a terminal, JSON lines elsewhere"
    )


class Actions(Section):
    """Actions that run elsewhere: on the `action_endpoint` of the bot's `endpoints.yml`."""

    deadline_seconds: float = Field(
        10.0, gt=0, le=300, description="an action server that takes longer has failed"
    )


class Handover(Section):
    """When a person gives a conversation back to the bot."""

    form: Literal["resume", "reset"] = Field(
        "resume",
        description="a form that was half filled then; resume: the bot asks on, reset: it is dropped; the "
        "customer is told",
    )


class Metrics(Section):
    """Who may read `/metrics`."""

    token: str = Field(
        "",
        description="what a bearer token must be; empty: none is asked for, but only who asks from this "
        "machine or a private network gets an answer, and nobody through a proxy",
    )
    worker_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="where a `parley worker` answers /healthz, /readyz and /metrics; 0: nowhere",
    )


class Privacy(Section):
    """What becomes of people's data by itself."""

    erase_on_unfollow: bool = Field(
        False,
        description="erase all that is personal of whoever leaves or blocks us and has no other account "
        "with us; WeChat's rules ask for it",
    )


class Llm(Section):
    """An optional language model on any OpenAI-compatible server. Off without a `base_url`."""

    base_url: str = Field(
        "", description="the server's address as in https://host/v1, before /chat/completions; empty: off"
    )
    model: str = Field("", validate_default=True, description="the model's name on that server")
    api_key: SecretStr = Field(
        SecretStr(""), description="sent as a bearer token; empty: none is asked for"
    )
    timeout_seconds: float = Field(20.0, ge=1, le=120, description="longest wait for one answer")
    tokens_a_day: int = Field(
        200_000,
        ge=0,
        le=1_000_000_000,
        description="the budget; once it is used up, the model is off until midnight in the company's zone",
    )
    documents: str = Field(
        "",
        description="folder of what the company says of itself: .md, .txt, .html, .pdf, .docx, .xlsx and "
        ".csv files, besides what is uploaded in the console",
    )
    suggest_replies: bool = Field(True, description="agents may ask for a draft of a reply")
    draft_answers: bool = Field(True, description="a draft for a question that nobody answered")
    label_questions: bool = Field(True, description="what questions that nobody answered may be about")
    summarise: bool = Field(True, description="a note for the agent when the bot hands over")
    answer_customers: bool = Field(
        False, description="let the model answer customers where the bot does not know, from the documents"
    )
    answer_threshold: float = Field(
        0.7, ge=0.5, le=1, description="how well an answer to a customer must be borne out by what it cites"
    )

    @field_validator("base_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if value and not (value.startswith(("http://", "https://")) and urlsplit(value).hostname):
            raise ValueError('expected an address as in https://host/v1, or "" for no language model')
        if value and (urlsplit(value).username or urlsplit(value).query):
            raise ValueError("expected an address without a name, password or query: the key is api_key")
        return value

    @field_validator("model")
    @classmethod
    def _named(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("base_url") and not value:
            raise ValueError("a language model needs its name on the server beside base_url")
        return value

    @field_validator("api_key")
    @classmethod
    def _sendable(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch("[!-~]*", value.get_secret_value()):
            raise ValueError("expected letters, digits and signs without blanks")
        return value


class Settings(Section):
    """All settings. Paths are absolute: relative ones count from the file they stand in."""

    file: Path = Field(description="the file that was read", exclude=True)
    database_url: str = Field("sqlite:///parley.db", description="SQLite file or PostgreSQL")
    redis_url: str = Field(
        "",
        description="empty: one process; redis://HOST:6379/0 and PostgreSQL: any number of processes and "
        "machines",
    )
    public_url: str = Field("http://127.0.0.1:8000", description="how customers' platforms reach us")
    bot: Path = Field(Path("bot"), description="a Rasa project: domain.yml, data/, tests/")
    models_dir: Path = Field(Path("models"), description="folder of trained models")
    locale: str = Field("zh-CN", description="language of the company")
    timezone: str = Field("Asia/Shanghai", description="time zone of the company")
    demo: bool = Field(
        False, description="fill an empty database with a demo shop; its sign-ins are known to everybody"
    )
    nlu: Nlu = Nlu()
    llm: Llm = Llm()
    actions: Actions = Actions()
    handover: Handover = Handover()
    media: Media = Media()
    log: Log = Log()
    metrics: Metrics = Metrics()
    sending: Sending = Sending()
    privacy: Privacy = Privacy()
    opening_hours: OpeningHours = OpeningHours()
    channels: tuple[Mapping[str, Any], ...] = Field((), description="one table a channel; see below")

    @field_validator("database_url")
    @classmethod
    def _a_database(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql://")):
            raise ValueError("expected sqlite:///FILE or postgresql://USER@HOST/NAME")
        return value

    @field_validator("redis_url")
    @classmethod
    def _for_many_processes(cls, value: str, info: ValidationInfo) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("expected redis://HOST:6379/0, or nothing for one process")
        if value and str(info.data.get("database_url", "")).startswith("sqlite"):
            raise ValueError("several processes need PostgreSQL: set database_url, or leave this empty")
        return value

    @field_validator("timezone")
    @classmethod
    def _a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("expected a time zone such as Asia/Shanghai") from None
        return value

    @field_validator("channels")
    @classmethod
    def _named_once(cls, value: tuple[Mapping[str, Any], ...]) -> tuple[Mapping[str, Any], ...]:
        names = [channel.get("name") for channel in value]
        for channel in value:
            for key in ("name", "kind"):
                if not str(channel.get(key, "")):
                    raise ValueError(f"every [[channels]] table needs a {key}")
            if not str(channel["name"]).replace("-", "").replace("_", "").isalnum():
                raise ValueError(
                    f"the name {channel['name']!r} stands in addresses: letters, digits, - and _"
                )
        if twice := {str(name) for name in names if names.count(name) > 1}:
            raise ValueError(f"two channels have the name {', '.join(sorted(twice))}")
        return value

    def at(self, path: Path) -> Path:
        """A path of the settings as an absolute one."""
        return path if path.is_absolute() else (self.file.parent / path).resolve()

    @property
    def resolved_database_url(self) -> str:
        """The database's address with the file's path made absolute."""
        if not self.database_url.startswith("sqlite:///"):
            return self.database_url
        return f"sqlite:///{self.at(Path(self.database_url.removeprefix('sqlite:///')))}"


def read_settings(file: Path | None, environment: Mapping[str, str]) -> Settings:
    """Read the file (or PARLEY_CONFIG, or the demo) and the environment; SettingsError names all faults."""
    path = (file or Path(environment.get("PARLEY_CONFIG") or DEFAULT_FILE)).expanduser().resolve()
    values = read_values(path, environment)
    if "file" in values:
        raise SettingsError(path, [(1, "file", "no such key")])
    return validate(Settings, values | {"file": path}, path)
