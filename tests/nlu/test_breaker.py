"""The circuit breaker: on a clock that is moved by hand, in tables and against all that can happen."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from nlu.breaker import FAILURES, FIRST_REST, LONGEST_REST, TRY_SECONDS, Breaker


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def _begun(breaker: Breaker) -> int:
    ticket = breaker.begin()
    assert ticket is not None
    return ticket


def _fail(breaker: Breaker, times: int = 1, *, timed_out: bool = False) -> list[bool]:
    return [breaker.failed(_begun(breaker), timed_out=timed_out) for _ in range(times)]


def test_it_opens_on_failures_in_a_row_and_says_so_once(breaker: Breaker) -> None:
    assert _fail(breaker, FAILURES - 1) == [False] * (FAILURES - 1)
    assert not breaker.succeeded()
    assert _fail(breaker, FAILURES) == [False] * (FAILURES - 1) + [True]
    assert breaker.is_open
    assert breaker.begin() is None


def test_one_time_out_opens_it(breaker: Breaker) -> None:
    assert _fail(breaker, timed_out=True) == [True]
    assert breaker.begin() is None


@pytest.mark.parametrize("seconds", [0.1, 3, 4.9, 7, 20, 29.9, 3600])
def test_an_answer_that_takes_long_never_opens_it(breaker: Breaker, clock: Clock, seconds: float) -> None:
    for _ in range(50):
        tickets = [_begun(breaker) for _ in range(8)]
        clock.now += seconds
        assert [breaker.succeeded() for _ in tickets] == [False] * 8
        assert not breaker.is_open


def test_after_a_rest_one_tries_and_the_rest_doubles_up_to_a_minute(breaker: Breaker, clock: Clock) -> None:
    _fail(breaker, timed_out=True)
    rest = FIRST_REST
    for _ in range(8):
        clock.now += rest - 0.01
        assert breaker.begin() is None
        clock.now += 0.01
        ticket = _begun(breaker)
        assert breaker.begin() is None  # the others go on without
        clock.now += 30
        assert not breaker.failed(ticket, timed_out=True)
        rest = min(2 * rest, LONGEST_REST)
    assert rest == LONGEST_REST
    clock.now += rest
    _begun(breaker)
    assert breaker.succeeded()
    assert not breaker.is_open
    _fail(breaker, FAILURES)
    clock.now += FIRST_REST
    _begun(breaker)  # it rests as shortly as at first


def test_a_try_that_never_ends_is_not_waited_for_for_ever(breaker: Breaker, clock: Clock) -> None:
    _fail(breaker, timed_out=True)
    clock.now += FIRST_REST
    _begun(breaker)
    clock.now += TRY_SECONDS - 0.1
    assert breaker.begin() is None
    clock.now += 0.1
    _begun(breaker)


def test_who_began_before_it_closed_cannot_open_it_again(breaker: Breaker, clock: Clock) -> None:
    late = [_begun(breaker) for _ in range(20)]
    _fail(breaker, FAILURES)
    clock.now += FIRST_REST
    _begun(breaker)
    breaker.succeeded()
    assert [breaker.failed(ticket, timed_out=True) for ticket in late] == [False] * 20
    assert not breaker.is_open


def test_who_hears_from_elsewhere_that_it_is_away_leaves_it_alone(breaker: Breaker, clock: Clock) -> None:
    assert breaker.trip()
    assert not breaker.trip()
    assert breaker.begin() is None
    clock.now += FIRST_REST
    _begun(breaker)


def test_a_late_answer_of_somebody_else_closes_it(breaker: Breaker) -> None:
    _begun(breaker)
    _fail(breaker, FAILURES)
    assert breaker.succeeded()
    _begun(breaker)


@dataclass
class Seen:
    """What an onlooker knows of a breaker, from the outside alone."""

    row: int = 0  # failures since the last answer
    away: bool = False
    told: list[bool] = field(default_factory=list)  # true: went away; false: came back


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_it_opens_for_a_reason_and_lets_somebody_try_in_time(seed: int) -> None:
    dice, clock, seen = random.Random(seed), Clock(), Seen()
    breaker = Breaker(clock)
    asking: list[int] = []
    refused_since: float | None = None
    for _ in range(400):
        clock.now += dice.choice([0.0, 0.1, 1.0, 7.0, 40.0])
        act = dice.choice(["begin", "begin", "answer", "error", "time-out"])
        if act == "begin":
            ticket = breaker.begin()
            if ticket is None:
                assert seen.away, "only what is away is left alone"
                refused_since = clock.now if refused_since is None else refused_since
                assert clock.now - refused_since < max(LONGEST_REST, TRY_SECONDS) + 40, "nobody may try"
            else:
                asking.append(ticket)
                refused_since = None
        elif asking and act == "answer":
            asking.pop(dice.randrange(len(asking)))
            assert breaker.succeeded() == seen.away
            seen.told += [False] * seen.away
            seen.row, seen.away, refused_since = 0, False, None
        elif asking:
            opened = breaker.failed(asking.pop(dice.randrange(len(asking))), timed_out=act == "time-out")
            seen.row += 1
            assert not (opened and seen.away)
            assert not opened or act == "time-out" or seen.row >= FAILURES
            seen.told += [True] * opened
            seen.away, refused_since = seen.away or opened, None  # a try in vain: the rest begins anew
        assert breaker.is_open == seen.away
    assert all(one != other for one, other in zip(seen.told, seen.told[1:], strict=False))
    assert seen.told
