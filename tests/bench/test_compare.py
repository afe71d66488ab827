"""The comparison goes round its candidates, and leaves out who cannot start."""

from __future__ import annotations

from argparse import Namespace

from bench.candidates import LIMIT, Candidate, candidates
from bench.compare import measure_all
from bench.rivals.serving import Bare
from bench.served import NotReady, Served

SHORT = Namespace(repeats=2, connections=2, customers=10, seconds=0.2, warm=0.05)


class Absent(Served):
    """A server that is not there."""

    def start(self) -> None:
        """As one that has said why and ended."""
        raise NotReady("first line\nIt is not installed.")


def test_each_is_measured_in_each_round_and_who_is_absent_is_left_out() -> None:
    limit, absent = measure_all([Candidate("limit", "", Bare), Candidate("absent", "", Absent)], SHORT)
    assert len(limit.flat_out) == len(limit.steady) == 2
    assert all(figures.messages > 0 for figures in limit.flat_out + limit.steady)
    assert (limit.faults, limit.left_out) == ([], "")
    assert (absent.flat_out, absent.left_out) == ([], "It is not installed.")


def test_several_processes_are_compared_only_where_there_is_a_redis() -> None:
    alone = [candidate.name for candidate in candidates("")]
    together = [candidate.name for candidate in candidates("redis://127.0.0.1:9/0")]
    assert alone[0] == LIMIT
    assert [name for name in together if name not in alone] == [
        f"Parley, PostgreSQL + Redis, {number} × `parley run`" for number in (1, 2, 4)
    ]
