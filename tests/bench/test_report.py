"""The table: medians, ratios, what was left out and what was wrong, and its place on the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.candidates import LIMIT, RIVAL
from bench.measuring import Figures
from bench.report import BEGIN, END, PAGE, soaks, table, write
from bench.results import Result, Soaked


def _figures(per_second: float, load_cpu: float = 0.1) -> Figures:
    return Figures(1000, per_second, 1.5, 20.0, 150.0, 0.0, load_cpu, 100.0, 120.0, 0, 0)


def _result(name: str, *speeds: float) -> Result:
    measured = [_figures(speed) for speed in speeds]
    return Result(name, "everything", measured, measured)


def test_a_row_tells_the_median_and_its_ratios() -> None:
    rows = list(table([_result(LIMIT, 8000), _result(RIVAL, 500), _result("Parley", 9999, 2000, 1)]))
    assert rows[-1] == ("| Parley | everything | 2,000 | 25% | 4.0 | 1.5 / 20.0 | 20.0 | 150 |  | 120 |")


def test_ratios_are_left_empty_where_there_is_nobody_to_compare_with() -> None:
    assert list(table([_result("Parley", 2000)]))[-1].startswith("| Parley | everything | 2,000 |  |  |")


def test_what_was_left_out_and_what_was_wrong_stands_below_the_table() -> None:
    wrong = _result("Parley", 2000)
    wrong.faults = ["3 messages were lost"] * 2
    absent = Result("Parley elsewhere", "everything", left_out="No PostgreSQL answers.")
    lines = list(table([wrong, absent]))
    assert lines.count("Parley: 3 messages were lost") == 1
    assert "Parley elsewhere: left out. No PostgreSQL answers." in lines
    assert not any(line.startswith("| Parley elsewhere") for line in lines)


def test_a_server_that_was_held_back_by_the_load_is_named() -> None:
    held_back = Result("Fast", "nothing", [_figures(30_000, load_cpu=0.97)], [_figures(15_000)])
    told = "\n".join(table([held_back, _result("Parley", 2000)]))
    assert told.count("the load had no more of its core to give") == 1


@pytest.mark.parametrize(
    ("memory", "growth"), [([100.0] * 8, "+0.0%"), ([100.0] * 6 + [150.0] * 2, "+50.0%")]
)
def test_a_soak_tells_whether_memory_grows(memory: list[float], growth: str) -> None:
    told = "\n".join(soaks([Soaked("Parley", 600, 1_200_000, memory, [])]))
    assert "2,000 messages/s" in told
    assert f"to the last {growth}" in told


def test_the_figures_are_put_in_the_place_of_the_old_ones(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write(["new"], "make bench", page)
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n`make bench`\n\nnew\n{END}\nafter\n"


def test_the_page_has_a_place_for_the_figures() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
