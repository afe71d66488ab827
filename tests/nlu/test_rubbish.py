"""Whatever stands in a project's files: it is read, or every mistake is named with its line."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
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
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 900))


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
        (b"a: " + b"[" * 1_000_000, "domain.yml:1: expected at most 60 levels"),
        (b"- " * 100_000 + b"x", "domain.yml:1: expected at most 60 levels"),
        (b"? " * 100_000, "domain.yml:1: expected at most 60 levels"),
        (CHAIN.encode(), "expected at most 60 levels"),
        (b"intents: [hi]\n---\nintents: [bye]\n", "domain.yml:2: expected valid YAML: one document"),
        (b"intents: *hi\n", "domain.yml:1: expected valid YAML: &hi before"),
        (b"intents: [h\x00i]\n", "domain.yml:1: expected valid YAML"),
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


def test_what_a_few_letters_stand_for_takes_no_memory(tmp_path: Path) -> None:
    """In a process of its own, as what is too deep could end it, and with little room to grow."""
    (tmp_path / "many.yml").write_bytes(b"- a\n" * 2_000_000)
    (tmp_path / "deep.yml").write_bytes(b"[" * 9_000_000)
    (tmp_path / "keys.yml").write_bytes(b"".join(b"k%d: v\n" % n for n in range(700_000)))
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from nlu.project import ProjectErrors, read_project\n"
        "room = 600_000_000\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (room, room))\n"
        "try:\n    read_project(Path(sys.argv[1]))\n"
        "except ProjectErrors as errors:\n    print(errors)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == [
        "deep.yml:1", "keys.yml:500000", "many.yml:500000",
    ]  # fmt: skip


def test_an_alias_is_what_it_stands_for(tmp_path: Path) -> None:
    (tmp_path / "domain.yml").write_text(
        "session_config: &calm\n  session_expiration_time: 5\nintents: &names [hi, bye]\n"
        "slots:\n  mood:\n    <<: {type: categorical, influence_conversation: false}\n    type: text\n"
        "actions: *names\n"
    )
    domain = read_project(tmp_path).domain
    assert domain.actions == domain.intents == ["hi", "bye"]
    assert (domain.slots["mood"].type, domain.slots["mood"].influences) == ("text", False)


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "domain.yml").symlink_to("nowhere.yml")
    (tmp_path / "data" / "around.yml").symlink_to("around.yml")
    # Linux has this file, but nobody can read its first byte.
    (tmp_path / "data" / "memory.yml").symlink_to("/proc/self/mem")
    assert _problems(tmp_path) == [
        f"data/around.yml:1: expected a file that can be read: {os.strerror(errno.ELOOP)}",
        f"data/memory.yml:1: expected a file that can be read: {os.strerror(errno.EIO)}",
        f"domain.yml:1: expected a file that can be read: {os.strerror(errno.ENOENT)}",
    ]


def test_a_pipe_is_not_waited_for_and_folders_may_go_around_in_circles(tmp_path: Path) -> None:
    (tmp_path / "domain.yml").write_text("intents: [hi]\n")
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "again").symlink_to(tmp_path)
    assert _problems(tmp_path) == []
    assert read_project(tmp_path).domain.intents == ["hi"]


def test_a_folder_named_as_a_file_is_a_folder_and_an_empty_one_is_no_bot(tmp_path: Path) -> None:
    (tmp_path / "domain.yml").mkdir()
    assert _problems(tmp_path) == [f"{tmp_path}:1: expected a folder with domain.yml and data/"]
    (tmp_path / "domain.yml" / "part.yml").write_text("intents: [hi]\n")
    (tmp_path / "data").mkdir()
    assert read_project(tmp_path).domain.intents == ["hi"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"text,label\ngood,positive\nbad,sad\n", "sentiment.csv:3: expected a text and"),
        (b'"' + b"x" * 200_000 + b'",positive\n', "sentiment.csv:1: expected a CSV file"),
    ],
)
def test_labels_that_cannot_be_read_are_named(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "domain.yml").write_text("intents: [hi]\n")
    (tmp_path / "sentiment.csv").write_bytes(content)
    assert [problem.startswith(said) for problem in _problems(tmp_path)] == [True]


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
