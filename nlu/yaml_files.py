"""YAML files as nodes that know their line. However they are written, time and memory are bounded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from nlu.reading import Node, Problem, Problems
from nlu.yaml_nodes import Builder, Unusable

_LOADER = yaml.CLoader if hasattr(yaml, "CLoader") else yaml.SafeLoader
_LARGEST = 10_000_000  # bytes


def read_yaml(path: Path, name: str, problems: Problems) -> Node | None:
    """The file's root node; None if it is empty or broken (then there is a problem more)."""
    try:
        with path.open("rb") as file:
            written = file.read(_LARGEST)
    except OSError as error:
        problems.errors.append(Problem(name, 1, f"expected a file that can be read: {error.strerror}"))
        return None
    if len(written) == _LARGEST:
        said = f"expected a file of less than {_LARGEST // 1_000_000} MB: split it over several"
        problems.errors.append(Problem(name, 1, said))
        return None
    try:
        # The parser's events come one by one: what is too deep or too much is never built.
        return Builder(yaml.parse(written.decode("utf-8-sig"), Loader=_LOADER), name, problems).root()
    except Unusable as error:
        problems.errors.append(Problem(name, error.line, error.expected))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.errors.append(Problem(name, line, f"expected valid YAML: {error.problem}"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        problems.errors.append(Problem(name, 1, f"expected valid YAML in UTF-8: {said}"))
    return None


def yaml_files(folder: Path) -> Iterator[Path]:
    """Every YAML file under a folder in a fixed order; hidden files and folders are left out.

    A link that leads nowhere is one of them, so that it is named.
    """
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix not in {".yml", ".yaml"} or hidden:
            continue
        if path.is_file() or (path.is_symlink() and not path.exists()):
            yield path
