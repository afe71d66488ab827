"""A project's `endpoints.yml`, as far as Parley goes by it: where its action server is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from nlu.reading import Node, Problems, ProjectErrors
from nlu.yaml_files import read_yaml

FILES = ("endpoints.yml", "endpoints.yaml")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP address with all that Rasa's `EndpointConfig` may add to a request."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)  # of the address, the token among them
    basic_auth: tuple[str, str] | None = field(default=None, repr=False)  # name and password
    selective_domain: bool = False  # the domain is sent only to actions that ask for it
    file: str = ""
    line: int = 0

    @property
    def where(self) -> str:
        """Host, port and path, for logs and messages: without anything secret."""
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return f"{parts.hostname}:{port}{parts.path}"


def read_action_endpoint(project: Path, environment: Mapping[str, str]) -> Endpoint | None:
    """The `action_endpoint` of a project folder; None if it names none. ProjectErrors with every fault.

    `${NAME}` in a value stands for a variable of the environment, as in Rasa.
    """
    file = next((project / name for name in FILES if (project / name).is_file()), None)
    if file is None:
        return None
    problems = Problems()
    root = read_yaml(file, file.name, problems)
    fields = problems.mapping(root, "the file")
    node = fields.get("action_endpoint")
    found = _read(node, _Values(problems, environment)) if node and node.value is not None else None
    if problems.errors:
        raise ProjectErrors(problems.errors)
    return found


@dataclass(frozen=True, slots=True)
class _Values:
    """Reads values in which variables of the environment may stand."""

    problems: Problems
    environment: Mapping[str, str]

    def text(self, node: Node | None, what: str) -> str:
        written = self.problems.text(node, what)
        if node is None:
            return ""
        missing = [name for name in _VARIABLE.findall(written) if name not in self.environment]
        for name in missing:
            self.problems.add(node, f"expected the environment to have {name}, which {what} names")
        return written if missing else _VARIABLE.sub(lambda found: self.environment[found[1]], written)

    def texts(self, node: Node | None, what: str) -> dict[str, str]:
        """A mapping of texts."""
        items = self.problems.mapping(node, what)
        return {name: self.text(item, f"{what}.{name}") for name, item in items.items()}


def _read(node: Node, values: _Values) -> Endpoint | None:
    fields = values.problems.mapping(node, "action_endpoint")
    url = values.text(fields.get("url"), "url")
    if not _is_address(url):
        said = "expected url: as in http://127.0.0.1:5055/webhook under action_endpoint"
        values.problems.add(fields.get("url", node), said)
        return None
    params = values.texts(fields.get("params"), "params")
    token = values.text(fields.get("token"), "token")
    if token:
        params[values.text(fields.get("token_name"), "token_name") or "token"] = token
    return Endpoint(
        url=url,
        headers=values.texts(fields.get("headers"), "headers"),
        params=params,
        basic_auth=_basic_auth(fields.get("basic_auth"), values),
        selective_domain=values.problems.truth(
            fields.get("enable_selective_domain"), "enable_selective_domain", default=False
        ),
        file=node.file,
        line=node.line,
    )


def _basic_auth(node: Node | None, values: _Values) -> tuple[str, str] | None:
    told = values.texts(node, "basic_auth")
    if node is None or not told:
        return None
    if "username" not in told or "password" not in told:
        values.problems.add(node, "expected username: and password: under basic_auth")
        return None
    return told["username"], told["password"]


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
