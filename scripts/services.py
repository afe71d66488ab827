"""Find or start what tests need (PostgreSQL, Redis, Chromium), then run a command with their addresses.

Each is looked for in this order: its address in the environment, something that answers on this machine,
installed programs, packages that root may install, docker compose. What was started here ends with the
command. If one cannot be had, its name is printed and the exit code is 2.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_OF_MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


class Missing(Exception):
    """A service that the tests need cannot be had."""


@dataclass(frozen=True)
class Service:
    """Something that tests talk to: how to recognise it and every way to get it."""

    name: str
    variable: str  # of the environment, with the address
    addresses: tuple[str, ...]  # where it is looked for; the last one is that of compose.yaml
    answers: Callable[[str], bool]
    start: Callable[[ExitStack], str | None]  # None: its programs are not installed
    package: str  # of Debian and Ubuntu
    compose: str  # its name in compose.yaml


def run(*command: str | Path, quiet: bool = True) -> bool:
    """Run a program; False if it is not there or fails."""
    output = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.run([str(part) for part in command], stdout=output, stderr=output).returncode == 0
    except OSError:
        return False


def say(name: str, words: str) -> None:
    """Print one line about a service."""
    print(f"{name}: {words}", flush=True)


def is_root() -> bool:
    """True if packages may be installed."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(*packages: str) -> bool:
    """Install Debian packages as root; False where that is not possible."""
    if not is_root():
        return False
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    say("apt-get", f"installing {', '.join(packages)} …")
    run("apt-get", "update")
    return run("apt-get", "install", "-y", "--no-install-recommends", *packages)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_answers(url: str) -> bool:
    """True if one may sign in there and create databases."""
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            row = connection.execute(
                "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.Error:
        return False
    return row == (True,)


def start_postgres(started: ExitStack) -> str | None:
    """Start a PostgreSQL of our own in a temporary folder, without passwords, on this machine only."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        return None
    home = Path(tempfile.mkdtemp(prefix="parley-postgres-"))
    started.callback(shutil.rmtree, home, ignore_errors=True)
    as_user: tuple[str, ...] = ()
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root; its packages bring a user.
        user = pwd.getpwnam("postgres")
        os.chown(home, user.pw_uid, user.pw_gid)
        as_user = ("runuser", "-u", "postgres", "--")
    data, port = home / "data", free_port()
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off"
    initdb, pg_ctl = folders[-1] / "initdb", folders[-1] / "pg_ctl"
    if not run(*as_user, initdb, "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale"):
        return None
    started.callback(run, *as_user, pg_ctl, "-D", data, "-m", "fast", "stop")
    run(*as_user, pg_ctl, "-D", data, "-l", home / "log", "-o", options, "-w", "start")
    return f"postgresql://postgres@127.0.0.1:{port}/postgres"


def redis_answers(url: str) -> bool:
    """True if a Redis without password answers there, or one whose password stands in the address."""
    at = urlsplit(url)
    sign_in = f"AUTH {at.username or 'default'} {at.password}\r\n" if at.password else ""
    try:
        with socket.create_connection((at.hostname or "127.0.0.1", at.port or 6379), timeout=3) as wire:
            wire.sendall(f"{sign_in}PING\r\nQUIT\r\n".encode())
            return b"+PONG" in b"".join(iter(lambda: wire.recv(1024), b""))
    except OSError:
        return False


def start_redis(started: ExitStack) -> str | None:
    """Start a Redis of our own that keeps nothing on disk."""
    program = shutil.which("redis-server")
    if program is None:
        return None
    port = str(free_port())
    process = subprocess.Popen(
        [program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    started.callback(process.wait)
    started.callback(process.terminate)
    return f"redis://127.0.0.1:{port}/0"


POSTGRES = Service(
    "PostgreSQL",
    "PARLEY_TEST_POSTGRES",
    (
        "postgresql://postgres@127.0.0.1:5432/postgres",
        f"postgresql://{getpass.getuser()}@127.0.0.1:5432/postgres",
        "postgresql://postgres:parley@127.0.0.1:55432/postgres",
    ),
    postgres_answers,
    start_postgres,
    package="postgresql",
    compose="postgres",
)
REDIS = Service(
    "Redis",
    "PARLEY_TEST_REDIS",
    ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:56379/0"),
    redis_answers,
    start_redis,
    package="redis-server",
    compose="redis",
)


def wait_for(service: Service, address: str, seconds: float) -> bool:
    """True as soon as the service answers; False when it has not within `seconds`."""
    until = time.monotonic() + seconds
    while not service.answers(address):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def find(service: Service, started: ExitStack) -> str:
    """The address of a service, found or started; Missing if there is no way to it."""
    given = os.environ.get(service.variable)
    if given:
        if not service.answers(given):
            raise Missing(
                f"{service.name} does not answer at {service.variable}, or lets us create nothing"
            )
        say(service.name, f"as {service.variable} says")
        return given
    for address in service.addresses:
        if service.answers(address):
            say(service.name, f"{address} answers")
            return address
    return start(service, started)


def start(service: Service, started: ExitStack) -> str:
    """The address of a service that was started: from its programs, from packages, by docker."""
    address = service.start(started)
    if address is None and install(service.package):
        address = service.start(started)
    if address and wait_for(service, address, 30):
        say(service.name, f"started at {address}")
        return address
    if run("docker", "info"):
        say(service.name, "docker compose up …")
        up = run("docker", "compose", "--project-directory", ROOT, "up", "-d", service.compose, quiet=False)
        if up and wait_for(service, service.addresses[-1], 60):
            started.callback(run, "docker", "compose", "--project-directory", ROOT, "stop", service.compose)
            return service.addresses[-1]
    raise Missing(
        f"{service.name} is missing: start one and name it in {service.variable}, "
        f"or install {service.package}, or start docker, or run as root on Debian or Ubuntu"
    )


def installed_browser() -> str | None:
    """The program of a Chromium that runs on this machine."""
    with sync_playwright() as driver:
        own = driver.chromium.executable_path
    candidates = [*map(shutil.which, BROWSERS), BROWSER_OF_MACOS, own]
    return next((path for path in candidates if path and run(path, "--version")), None)


def find_browser() -> str:
    """The program of a Chromium, found or installed; Missing if there is no way to it."""
    given = os.environ.get("PARLEY_TEST_CHROMIUM")
    if given and not run(given, "--version"):
        raise Missing("Chromium does not run from PARLEY_TEST_CHROMIUM")
    path = given or installed_browser()
    if path is None and install("chromium", "fonts-noto-cjk"):
        path = installed_browser()
    if path is None:
        say("Chromium", "playwright install chromium …")
        options = ["--with-deps"] if is_root() else []
        run(sys.executable, "-m", "playwright", "install", *options, "chromium", quiet=False)
        path = installed_browser()
    if path is None:
        raise Missing("Chromium is missing: install chromium, or name its program in PARLEY_TEST_CHROMIUM")
    say("Chromium", path)
    return path


def find_fonts() -> None:
    """See to it that pages in Chinese can be drawn; a machine without such letters shows boxes."""
    listed = (
        subprocess.run(["fc-list", ":lang=zh"], capture_output=True) if shutil.which("fc-list") else None
    )
    if listed is not None and not listed.stdout and not install("fonts-noto-cjk"):
        say("Fonts", "none for Chinese on this machine: pictures will show boxes")


def main(command: Sequence[str]) -> int:
    """Run a command with PARLEY_TEST_POSTGRES, PARLEY_TEST_REDIS and PARLEY_TEST_CHROMIUM set."""
    with ExitStack() as started:
        try:
            found = {service.variable: find(service, started) for service in (POSTGRES, REDIS)}
            found["PARLEY_TEST_CHROMIUM"] = find_browser()
        except Missing as missing:
            print(f"{missing}.", file=sys.stderr)
            return 2
        find_fonts()
        return subprocess.run(command, env=os.environ | found).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
