"""Whatever stands in a project's files: it is read, or every mistake is named with its line."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from nlu.policies import Policies
from nlu.project import read_project
from nlu.reading import ProjectErrors

RUBBISH = (
    "\t", "\ufeff", "- ", ": ", "null", "[]", "{}", "- - -", "!!python/object:os.system x", "&a *a",
    "\x00", "🚀",
    "'", '"', "|", "9" * 400, "1e999", ".nan", "? x", "<<: *x", "%YAML 9.9", "--- \n...", "- intent: [a]",
    "steps: 5", "required_slots: {a: b}", "mappings: x", "type: 7", "- action: {x: y}", "- or: 5",
    "- slot_was_set: 3", "- active_loop: [x]", "- checkpoint: {}", "entities: 4", "values: 3",
    "policies: x", "pipeline: {}", "initial_value: {a: [b]}", "min_value: x", "version: 2",
    "- user: '[a](b'", "- bot: {}",
)  # fmt: skip
ALIASES = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))


def _problems(folder: Path) -> list[str]:
    """What is wrong; each with file and line. Anything else that is raised is a failure."""
    try:
        Policies(read_project(folder)).check()
    except ProjectErrors as errors:
        found = errors.problems
    else:
        found = []
    assert all(problem.line >= 1 and problem.file for problem in found)
    return [str(problem) for problem in found]


def _spoilt(text: str, random: Random) -> str:
    lines = text.split("\n")
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(lines))
        rubbish = random.choice(RUBBISH)
        lines[place] = random.choice(
            (
                "",
                lines[place] + rubbish,
                " " * random.randint(0, 6) + rubbish,
                lines[place].replace(":", random.choice(("", ": [", " :x:")), 1),
                lines[place] + "\n" + random.choice(lines),
                lines[place].lstrip(),
            )
        )
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(10))
def test_spoilt_files_give_errors_with_lines_and_never_a_traceback(
    seed: int, shop_folder: Path, tmp_path: Path
) -> None:
    random = Random(seed)
    files = {path.name: path.read_text(encoding="utf-8") for path in shop_folder.rglob("*.yml")}
    found = 0
    for _ in range(12):
        for name, text in files.items():
            written = _spoilt(text, random) if random.random() < 0.5 else text
            (tmp_path / name).write_text(written, encoding="utf-8")
        found += bool(_problems(tmp_path))
    assert found


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xef\xbb\xbfintents: [hi]\n", ""),
        (b"intents:\n\t- hi\n", "domain.yml:2: expected valid YAML"),
        ("intents: [hi]".encode("utf-16"), "domain.yml:1: expected valid YAML in UTF-8"),
        (b"a: " + b"[" * 3000 + b"]" * 3000, "domain.yml:1: expected at most 60 levels"),
        (b"a: &a [*a]\nintents: *a\n", "domain.yml:1: expected"),
        (ALIASES.encode(), "expected at most 500,000 values in a file"),
        (b"#" * 10_000_000, "domain.yml:1: expected a file of less than 10 MB"),
        (b"slots: {s: {type: text, type: bool}}", "domain.yml:1: expected 'type' to stand here only once"),
        (b"forms: {f: {required_slots: [f]}}\nintents: [hi]\n", "expected the slot 'f'"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "domain.yml").write_bytes(content)
    found = _problems(tmp_path)
    assert any(said in problem for problem in found) if said else found == []


def test_forms_that_call_each_other_in_a_circle_are_played_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "domain.yml").write_text(
        "intents: [hi]\nslots: {a: {type: text, mappings: [{type: from_text}]}}\n"
        "forms: {one: {required_slots: [a]}, two: {required_slots: [a]}}\n"
        "rules:\n"
        "- rule: circle\n  condition: [{active_loop: one}]\n"
        "  steps: [{action: one}, {active_loop: null}, {action: two}, {active_loop: two}]\n"
        "- rule: back\n  condition: [{active_loop: two}]\n"
        "  steps: [{action: two}, {active_loop: null}, {action: one}, {active_loop: one}]\n"
    )
    assert all("domain.yml:" in problem for problem in _problems(tmp_path))
