"""What a project's `record:` section may say, and what is wrong with it: file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlu.bound_slots import as_slot
from nlu.domain import Slot
from nlu.project import read_project
from nlu.reading import ProjectErrors

DOMAIN = """
intents: [greet]
slots:
  phone: {type: text, mappings: [{type: custom}]}
  mobile: {type: text, mappings: [{type: custom}]}
  size: {type: float, mappings: [{type: custom}]}
  member: {type: bool, mappings: [{type: custom}]}
  letters: {type: bool, mappings: [{type: custom}]}
  language: {type: text, mappings: [{type: custom}]}
"""


def _read(folder: Path, record: str, more: str = "") -> Any:
    (folder / "domain.yml").write_text(DOMAIN, "utf-8")
    (folder / "record.yml").write_text(record, "utf-8")
    if more:
        (folder / "second.yml").write_text(more, "utf-8")
    return read_project(folder).bound


def test_a_slot_is_an_attribute_a_tag_or_a_consent(tmp_path: Path) -> None:
    bound = _read(
        tmp_path,
        "record:\n  phone: phone\n  size: {custom: shoe size}\n  member: {tag: club}\n"
        "  letters: {consent: marketing}\n",
    )
    assert {slot: (one.kind, one.name) for slot, one in bound.items()} == {
        "phone": ("attribute", "phone"),
        "size": ("custom", "shoe size"),
        "member": ("tag", "club"),
        "letters": ("consent", "marketing"),
    }


@pytest.mark.parametrize(
    ("record", "line", "expected"),
    [
        (
            "record:\n  phone: phnoe",
            2,
            "expected attribute: to be one of birthday, email, name,",
        ),
        ("record:\n  phone: {attribute: phnoe}", 2, "expected attribute: to be one of"),
        ("record:\n  phone: {custom: ''}", 2, "expected custom: to be a name of 1 to 60 characters"),
        ("record:\n  member: {tag: " + "x" * 51 + "}", 2, "expected tag: to be a name of 1 to 50"),
        ("record:\n  letters: {consent: everything}", 2, "expected consent: to be one of marketing"),
        ("record:\n  phone: {profile: phone}", 2, "expected one of attribute, custom, tag, consent"),
        ("record:\n  phone: {tag: a, custom: b}", 2, "expected one of attribute, custom, tag, consent"),
        ("record:\n  phone: 7", 2, "expected one of attribute, custom, tag, consent for the slot"),
        ("record: [phone]", 1, "expected record to be a mapping"),
        ("record:\n\n  nobody: phone", 3, "expected the slot 'nobody' to be declared under slots:"),
        ("record:\n  language: name", 2, "expected another slot than 'language'"),
        ("record:\n  phone: {tag: club}", 2, "expected the slot 'phone' to be of type bool, as a tag is"),
        ("record:\n  size: {consent: marketing}", 2, "expected the slot 'size' to be of type bool"),
        ("record:\n  phone: phone\n  mobile: phone", 3, "expected 'phone' to be bound to one slot: record"),
        (
            "record:\n  phone: phone\n  mobile: {custom: phone}",
            3,
            "expected 'phone' to be bound to one slot",
        ),
        ("record:\n  phone: phone\n  phone: name", 3, "expected 'phone' to stand here only once"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, record: str, line: int, expected: str) -> None:
    with pytest.raises(ProjectErrors) as told:
        _read(tmp_path, record)
    (problem, *_) = told.value.problems
    assert (problem.file, problem.line) == ("record.yml", line)
    assert problem.expected.startswith(expected)


def test_a_slot_that_two_files_bind_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProjectErrors, match=r"second.yml:2: expected the slot 'phone' once: record.yml:2"):
        _read(tmp_path, "record:\n  phone: phone", "record:\n  phone: email")


@pytest.mark.parametrize(
    ("kind", "value", "held"),
    [
        ("text", "a", "a"), ("text", 7, "7"), ("float", "3.5", 3.5), ("float", "many", None),
        ("float", "41", 41), ("float", "inf", None),
        ("bool", True, True), ("bool", "false", False), ("bool", "maybe", None), ("list", "a", ["a"]),
        ("list", ["a"], ["a"]), ("any", {"a": 1}, {"a": 1}), ("float", None, None),
    ],
)  # fmt: skip
def test_a_slot_holds_a_value_as_its_type_says(kind: str, value: Any, held: Any) -> None:
    assert as_slot(value, Slot("s", kind)) == held
