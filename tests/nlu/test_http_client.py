"""A server elsewhere is asked within one deadline, whatever it does."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from nlu.http_client import HttpServer, NoAnswer, TooLarge, TooLate

WITHIN = 0.5  # seconds; what is too late here hangs much longer
Serve = Callable[[socket.socket, int], None]  # one connection, and how many there were before it


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    """A socket that nobody closed warns when it is collected: here, not in another test."""
    yield
    gc.collect()


@contextmanager
def server(serve: Serve) -> Iterator[str]:
    """A server that treats each connection so, at the address given."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            number = 0
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=run, args=(connection, number), daemon=True).start()
                    number += 1

        def run(connection: socket.socket, number: int) -> None:
            with connection, suppress(OSError):
                serve(connection, number)

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/base/"
        listening.shutdown(socket.SHUT_RDWR)


def heard(connection: socket.socket) -> bytes:
    """One request with its body; empty when the other end has hung up."""
    found = b""
    while b"\r\n\r\n" not in found or len(found.partition(b"\r\n\r\n")[2]) < 2:
        piece = connection.recv(65536)
        if not piece:
            return b""
        found += piece
    return found


def answer(body: bytes, head: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def ask(url: str, *, repeats: bool = True, largest: int = 1000) -> bytes:
    asking = HttpServer(url, repeats=repeats)
    try:
        return asking.post("/ask", b"{}", {"X-Key": "k"}, within=WITHIN, largest=largest).body
    finally:
        asking.close()


def test_status_headers_and_body_come_back_and_the_connection_is_kept() -> None:
    asked: list[tuple[int, bytes]] = []

    def serve(connection: socket.socket, number: int) -> None:
        while request := heard(connection):
            asked.append((number, request))
            connection.sendall(answer(b'{"a":1}', b"HTTP/1.1 418 Tea\r\nX-Tea: oolong"))

    with server(serve) as url:
        client = HttpServer(url, repeats=True)
        for _ in range(2):
            found = client.post("/ask", b"{}", {"X-Key": "k"}, within=5)
            assert (found.status, found.headers["x-tea"], found.body) == (418, "oolong", b'{"a":1}')
        client.close()
    assert [number for number, _ in asked] == [0, 0]
    assert asked[0][1].startswith(b"POST /base/ask HTTP/1.1\r\n")
    assert b"X-Key: k" in asked[0][1]


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"]
)
def test_who_drips_or_hangs_is_too_late_after_the_whole_time(head: bytes) -> None:
    def drip(connection: socket.socket, _: int) -> None:
        heard(connection)
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.1)

    began = time.monotonic()
    with server(drip) as url, pytest.raises(TooLate) as error:
        ask(url)
    assert error.value.sent
    assert WITHIN <= time.monotonic() - began < 10 * WITHIN


def test_more_than_anybody_reads_is_not_read() -> None:
    def flood(connection: socket.socket, _: int) -> None:
        heard(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 1000)

    with server(flood) as url, pytest.raises(TooLarge) as error:
        ask(url)
    assert error.value.sent


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", b"noise\r\n\r\n"]
)
def test_an_answer_that_is_cut_short_or_none_counts_as_none(said: bytes) -> None:
    def serve(connection: socket.socket, _: int) -> None:
        heard(connection)
        connection.sendall(said)

    with server(serve) as url, pytest.raises(NoAnswer) as error:
        ask(url)
    assert error.value.sent
    assert not isinstance(error.value, TooLate)


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with pytest.raises(NoAnswer) as error:
        ask(url)
    assert not error.value.sent
    assert "k" not in str(error.value).split()


@pytest.mark.parametrize("repeats", [True, False])
def test_a_kept_connection_that_was_closed_meanwhile_is_made_anew(repeats: bool) -> None:
    connections: list[int] = []

    def once(connection: socket.socket, number: int) -> None:
        connections.append(number)
        heard(connection)
        connection.sendall(answer(b"ok"))

    with server(once) as url:
        client = HttpServer(url, repeats=repeats)
        for _ in range(3):
            assert client.post("/ask", b"{}", {}, within=5).body == b"ok"
            time.sleep(0.05)  # until the other end has closed
        client.close()
    assert connections == [0, 1, 2]


def test_what_must_not_be_repeated_is_sent_once() -> None:
    times: list[int] = []

    def hang_up(connection: socket.socket, number: int) -> None:
        heard(connection)
        times.append(number)

    with server(hang_up) as url, pytest.raises(NoAnswer) as error:
        ask(url, repeats=False)
    assert error.value.sent
    assert times == [0]


@pytest.mark.parametrize(
    "url", ["ftp://a", "http://", "a.example", "http://a:0", "http://a:x", "http://[::1"]
)
def test_what_is_no_address_is_refused_in_words(url: str) -> None:
    with pytest.raises(ValueError, match="expected an address as in"):
        HttpServer(url, repeats=True)
