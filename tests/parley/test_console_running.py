"""The console of a real `parley run`: its people, live over the whole way, a quick end."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import pytest

from tests.nlu.pdf_file import Pdf
from tests.parley.serving import Server
from tests.parley.wires import plain, wechat_text

PASSWORD = "correct horse battery"


@pytest.fixture
def server(sqlite_url: str, tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, sqlite_url)
    added = server.run("user", "add", "Lin", "--role", "agent", "--password-stdin", typed=f"{PASSWORD}\n")
    assert (added.returncode, added.stderr) == (0, "")
    with server:
        yield server


@contextmanager
def sign_in(server: Server, password: str = PASSWORD) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=20) as client:
        client.post("/console/sign-in", data={"name": "lin", "password": password})
        yield client


def listen(client: httpx.Client, events: Queue[tuple[str, Any] | None]) -> None:
    """Put what an open console is told into a queue; None when the server ends it."""
    name = ""
    try:
        with client.stream("GET", "/console/live", timeout=60) as stream:
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: ") and name:
                    data = line.removeprefix("data: ")
                    events.put((name, json.loads(data) if data else None))
    finally:
        events.put(None)


def say(server: Server, text: str, message_id: int) -> None:
    query, body = plain(wechat_text("anna", text, message_id))
    answer = httpx.post(f"{server.url}/webhooks/shop-wechat?{query}", content=body)
    assert answer.status_code == 200


def test_a_message_from_a_platform_is_on_an_open_console_and_an_open_one_delays_no_stop(
    server: Server,
) -> None:
    events: Queue[tuple[str, Any] | None] = Queue()
    with sign_in(server) as client:
        thread = threading.Thread(target=listen, args=(client, events))
        thread.start()
        assert events.get(timeout=20) == ("here", None)
        say(server, "我要找人工客服", 1)
        while (event := events.get(timeout=20)) and event[0] != "conversation":
            pass
        assert event is not None
        assert "我要找人工客服" in event[1]["row"]
        while event and (event[0] != "conversation" or event[1]["floor"] != "waiting"):
            event = events.get(timeout=20)
        assert event is not None
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 14  # uvicorn would wait fifteen for what lies open
        thread.join(10)
        assert not thread.is_alive()


def test_the_bot_is_silent_after_a_takeover_in_the_console_and_back_when_it_is_given_back(
    server: Server,
) -> None:
    say(server, "你好", 1)
    with sign_in(server) as client:
        page = client.get("/console/inbox?tab=all").text
        found = re.search(r'href="(/console/conversations/[0-9a-f-]{36})', page)
        assert found
        here = found[1]
        csrf = re.findall(r'name="csrf" value="([0-9a-f]{64})"', client.get(here).text)[0]
        client.post(f"{here}/take", data={"csrf": csrf})
        say(server, "你们几点开门", 2)
        page = client.get(here).text
        assert "Kept silent" in page or "保持沉默" in page
        assert page.count('class="line out bot') == 1
        client.post(f"{here}/release", data={"csrf": csrf})
        say(server, "你们几点开门", 3)
        assert client.get(here).text.count('class="line out bot') == 2


def test_the_bots_stories_are_drawn_and_a_conversation_is_made_a_test_story(server: Server) -> None:
    say(server, "你好", 1)
    with sign_in(server) as client:
        page = client.get("/console/inbox?tab=all").text
        found = re.search(r'href="(/console/conversations/[0-9a-f-]{36})', page)
        assert found
        told = client.get(f"{found[1]}/test-story.yml").text
        assert "intent: greet" in told
        assert "- action: utter_greet" in told
        assert "Passes" in client.get(f"{found[1]}/test-story", headers={"accept-language": "en"}).text
        assert client.get("/console/stories").status_code == 403
    added = server.run("user", "add", "boss", "--role", "admin", "--password-stdin", typed=f"{PASSWORD}\n")
    assert added.returncode == 0
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=20) as client:
        client.post("/console/sign-in", data={"name": "boss", "password": PASSWORD})
        drawn = client.get("/console/stories").text
        assert "contact_form" in drawn
        assert "utter_greet" in drawn


def test_a_server_that_stops_waits_for_no_file_that_is_read(server: Server) -> None:
    """It has too much text for a document: whoever waited for it to be read would be told that."""
    server.run("user", "add", "boss", "--role", "admin", "--password-stdin", typed=f"{PASSWORD}\n")
    file = Pdf(
        [[f"Page {page}, line {line}: {PASSWORD}" for line in range(150)] for page in range(200)]
    ).write()
    answers: Queue[httpx.Response] = Queue()
    assert server.process
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=60) as client:
        client.post("/console/sign-in", data={"name": "boss", "password": PASSWORD})
        csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/console/documents").text)
        assert csrf
        english, form = {"accept-language": "en"}, {"csrf": csrf[1]}

        def send() -> None:
            answers.put(
                client.post(
                    "/console/documents", headers=english, data=form, files={"files": ("a.pdf", file)}
                )
            )

        upload = threading.Thread(target=send)
        upload.start()
        until = time.monotonic() + 20
        while not is_reading(server):
            assert time.monotonic() < until
            time.sleep(0.02)
        server.process.terminate()
        answer = answers.get(timeout=20)
        upload.join()
    assert "could not be read now" in answer.text
    server.process.wait(10)


def is_reading(server: Server) -> bool:
    """Whether it has a process that reads a file."""
    assert server.process
    found = subprocess.run(
        ["pgrep", "-P", str(server.process.pid), "-f", "nlu.documents.child"], capture_output=True
    )
    return not found.returncode


def test_people_are_managed_on_the_command_line(server: Server) -> None:
    again = server.run("user", "add", "LIN", "--role", "agent", "--password-stdin", typed=f"{PASSWORD}\n")
    assert (again.returncode, again.stderr) == (1, "Somebody else signs in with this name.\n")
    none = server.run("user", "add", "bo", "--role", "agent", "--password-stdin", typed="\n")
    assert none.returncode == 1
    weak = server.run("user", "add", "bo", "--role", "agent", "--password-stdin", typed="short\n")
    assert (weak.returncode, "soon guessed" in weak.stderr) == (0, True)
    wrong = server.run("user", "add", "bo", "--role", "king", "--password-stdin", typed=f"{PASSWORD}\n")
    assert wrong.returncode == 2
    listed = json.loads(server.run("user", "list", "--json").stdout)
    known = {(each["name"], each["role"], each["disabled"]) for each in listed}
    assert known == {("Lin", "agent", False), ("bo", "agent", False)}
    with sign_in(server) as client:
        assert client.get("/console/account").url.path == "/console/account"
        server.run("user", "set-password", "lin", "--password-stdin", typed="another long one\n")
        assert client.get("/console/account").url.path == "/console/sign-in"
    with sign_in(server, "another long one") as client:
        assert client.get("/console/account").url.path == "/console/account"
    server.run("user", "add", "boss", "--role", "admin", "--password-stdin", typed=f"{PASSWORD}\n")
    assert server.run("user", "disable", "lin").returncode == 0
    assert (
        server.run("user", "disable", "boss").stderr == "Nobody would be left who may manage the staff.\n"
    )
