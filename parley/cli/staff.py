"""`parley user`: the people who work in the console."""

from __future__ import annotations

import getpass
import json
import sys
from typing import Annotated

import typer
from sqlmodel import Session

from crm_store import audit, sign_ins, staff
from crm_store.passwords import SHORTEST, hash_password
from parley.cli.root import AsJson, Config, user
from parley.cli.store import open_database
from parley.now import utc_now

Name = Annotated[str, typer.Argument(help="a short name or an e-mail, used to sign in")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="read the password from the first line of standard input")
]


@user.command(epilog="Example: parley user add lin --role agent --password-stdin < password.txt")
def add(
    name: Name,
    role: Annotated[str, typer.Option(help=f"what they may do: {', '.join(staff.ROLES)}")],
    password_stdin: FromStdin = False,
    display_name: Annotated[str, typer.Option(help="what colleagues and customers read")] = "",
    config: Config = None,
) -> None:
    """Add a person who signs in to the console."""
    if role not in staff.ROLES:
        raise typer.BadParameter(f"expected one of {', '.join(staff.ROLES)}", param_hint="--role")
    hashed = _hash(_password(password_stdin))
    with open_database(config) as database, database.writing() as session:
        made = staff.add_staff(session, name, role, hashed, utc_now(), display_name=display_name)
        _note(session, "staff.added", made, {"role": {"from": None, "to": role}})
    print(f"{made.name} may sign in as {role}.")


@user.command(epilog="Example: parley user set-password lin --password-stdin < password.txt")
def set_password(name: Name, password_stdin: FromStdin = False, config: Config = None) -> None:
    """Give a person another password; all their sessions end."""
    hashed = _hash(_password(password_stdin))
    with open_database(config) as database, database.writing() as session:
        found = staff.get_staff(session, name, lock=True)
        found.password_hash = hashed
        session.add(found)
        sign_ins.end_sessions(session, found)
        _note(session, "staff.password_changed", found, {})
    print(f"{found.name} has another password.")


@user.command(epilog="Example: parley user disable lin")
def disable(name: Name, config: Config = None) -> None:
    """Let a person sign in no more; all their sessions end, what they wrote stays."""
    with open_database(config) as database, database.writing() as session:
        found = staff.get_staff(session, name, lock=True)
        staff.disable(session, found, utc_now())
        sign_ins.end_sessions(session, found)
        _note(session, "staff.disabled", found, {})
    print(f"{found.name} cannot sign in any more.")


@user.command(name="list", epilog="Example: parley user list --json")
def list_all(config: Config = None, as_json: AsJson = False) -> None:
    """Tell who may sign in, and as what."""
    with open_database(config) as database, database.reading() as session:
        found = [
            {
                "name": s.name,
                "display_name": s.display_name,
                "role": s.role,
                "disabled": bool(s.disabled_at),
            }
            for s in staff.list_staff(session)
        ]
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for each in found:
        print(f"{each['name']:24} {each['role']:12} {'disabled' if each['disabled'] else ''}".rstrip())


def _hash(password: str) -> str:
    """Whoever may run commands here may set any password, but not unknowingly a weak one."""
    if 0 < len(password) < SHORTEST:
        sys.stderr.write(f"a password of less than {SHORTEST} characters is soon guessed\n")
    return hash_password(password, shortest=1)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise typer.BadParameter("expected it where nobody types", param_hint="--password-stdin")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise typer.BadParameter("the two passwords differ")
    return first


def _note(session: Session, action: str, about: staff.Staff, changes: dict[str, object]) -> None:
    audit.note(
        session,
        actor=f"shell:{getpass.getuser()}",
        action=action,
        noun="staff",
        noun_id=about.name,
        changes=changes,
        now=utc_now(),
    )
