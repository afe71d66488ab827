"""Reading a settings file: TOML, the environment over it, secrets fetched, every fault with its line."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)
PREFIX = "PARLEY_"
# Read by commands and tests, no settings.
_NOT_SETTINGS = ("PARLEY_CONFIG", "PARLEY_TEST_")


class SettingsError(Exception):
    """The settings do not hold: `faults` are (line, key, what was expected), all of them at once."""

    def __init__(self, file: Path, faults: Sequence[tuple[int, str, str]]) -> None:
        self.file, self.faults = file, list(faults)
        super().__init__("\n".join(f"{file}:{line}: {key}: {what}" for line, key, what in faults))


def read_values(file: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """The file's values with the environment's over them, secrets fetched."""
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(file, [(0, "file", f"cannot be read: {error.strerror}")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = re.search(r"line (\d+)", str(error))
        raise SettingsError(file, [(int(line[1]) if line else 1, "file", f"no TOML: {error}")]) from None
    for name, text in sorted(environment.items()):
        if name.startswith(PREFIX) and not name.startswith(_NOT_SETTINGS):
            _put(values, name.removeprefix(PREFIX).lower().split("__"), text)
    faults: list[tuple[int, str, str]] = []
    fetched = _fetch_secrets(values, environment, file, (), faults)
    if faults:
        raise SettingsError(file, faults)
    return dict(fetched)


def validate(model: type[Model], values: Mapping[str, Any], file: Path, under: str = "") -> Model:
    """The values as this model; SettingsError with line, key and the nearest right name."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = [_fault(model, dict(found), file, under) for found in error.errors()]
        raise SettingsError(file, faults) from None


def _put(values: dict[str, Any], path: list[str], text: str) -> None:
    here: Any = values
    for step in path[:-1]:
        here = _step(here, step)
        if here is None:
            return  # No such channel here; another machine's file may have it.
    if isinstance(here, dict):
        here[path[-1]] = _plain(text)


def _step(here: Any, step: str) -> Any:
    if isinstance(here, list):
        # A channel by its name, as PARLEY_CHANNELS__SHOP_WECHAT__TOKEN, or by its place.
        named = [t for t in here if str(t.get("name", "")).replace("-", "_").lower() == step]
        if named:
            return named[0]
        return here[int(step)] if step.isdigit() and int(step) < len(here) else None
    return here.setdefault(step, {}) if isinstance(here, dict) else None


def _plain(text: str) -> Any:
    if text.startswith(("[", "{")):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _fetch_secrets(
    value: Any,
    environment: Mapping[str, str],
    file: Path,
    path: tuple[str, ...],
    faults: list[tuple[int, str, str]],
) -> Any:
    if isinstance(value, list):
        return [_fetch_secrets(v, environment, file, (*path, str(n)), faults) for n, v in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and next(iter(value)) in ("env", "file"):
        key = ".".join(path)
        ((source, name),) = value.items()
        try:
            if source == "env":
                return environment[str(name)]
            return (file.parent / str(name)).read_text(encoding="utf-8").strip()
        except KeyError:
            faults.append((line_of(file, key), key, f"the environment has no {name}"))
        except OSError as error:
            faults.append((line_of(file, key), key, f"cannot read {name}: {error.strerror}"))
        return ""
    return {k: _fetch_secrets(v, environment, file, (*path, k), faults) for k, v in value.items()}


def _fault(model: type[BaseModel], found: dict[str, Any], file: Path, under: str) -> tuple[int, str, str]:
    location = [str(step) for step in found["loc"]]
    key = ".".join(filter(None, [under, *location]))
    what = str(found["msg"]).removeprefix("Value error, ")
    if found["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], _names(model, location[:-1]), 1, 0.5)
        what = "no such key" + (f"; did you mean {near[0]}?" if near else "")
    return line_of(file, key), key, what


def _names(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    for step in path:
        inner = model.model_fields[step].annotation if step in model.model_fields else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return list(model.model_fields)


def line_of(file: Path, key: str) -> int:
    """The line on which a key stands ("nlu.engine", "channels.1.token"); of its table, or 1, if nowhere."""
    *tables, name = key.split(".")
    best, table, count = 1, "", -1
    wanted = ".".join(step for step in tables if not step.isdigit())
    place = next((int(step) for step in tables if step.isdigit()), None)
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([\w.-]+)\s*\]+", line):
            count = count + 1 if header[1] == table else 0
            table = header[1]
        here = table == wanted and (place is None or place == count)
        if here and header:
            best = number
        if here and re.match(rf"\s*{re.escape(name)}\s*=", line):
            return number
    return best
