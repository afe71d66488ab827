"""Signing in: who may, how often one may try, what a session is and when it ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from playwright.sync_api import Browser
from sqlmodel import select

from crm_store import sign_ins, staff
from crm_store.passwords import hash_password
from crm_store.sign_ins import StaffSession, TooManyAttempts, WrongPassword
from crm_store.staff import LastAdmin, NameTaken, Staff, may
from tests.console.office import PASSWORD, PHONE, Office, desk


def test_a_name_is_known_however_it_is_written(office: Office) -> None:
    assert "Aki 秋" in office.as_(" AKI ").get("/console/account").text
    with office.database.writing() as session, pytest.raises(NameTaken):
        staff.add_staff(session, "Aki", "agent", "x", office.time)


@pytest.mark.parametrize("name", ["aki", "nobody"])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(sqlite_office: Office, name: str) -> None:
    answer = sqlite_office.visitor().post("/console/sign-in", csrf="", name=name, password="wrong")
    assert answer.status_code == 403
    assert "The name or the password is wrong." in answer.text
    assert "set-cookie" not in answer.headers


def test_only_a_digest_of_the_sessions_secret_is_kept(office: Office) -> None:
    person = office.as_("aki")
    secret = person.client.cookies["parley_session"]
    with office.database.reading() as session:
        (kept,) = session.exec(select(StaffSession))
    assert secret not in (kept.digest, str(kept.staff_id))
    assert len(secret) >= 43


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(sqlite_office: Office) -> None:
    person = sqlite_office.visitor()
    person.client.follow_redirects = False
    answer = person.post("/console/sign-in", csrf="", name="aki", password=PASSWORD)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_a_name_may_be_tried_ten_times_whoever_tries_and_in_whatever_process(office: Office) -> None:
    def attempt(number: int) -> type[Exception] | None:
        try:
            sign_ins.sign_in(office.database, "AKI", "wrong", f"10.0.0.{number}", office.time)
        except (WrongPassword, TooManyAttempts) as error:
            return type(error)
        return None

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(attempt, range(14)))
    assert (found.count(WrongPassword), found.count(TooManyAttempts)) == (10, 4)
    with pytest.raises(TooManyAttempts):
        sign_ins.sign_in(office.database, "aki", PASSWORD, "10.0.0.99", office.time)
    later = office.time + timedelta(minutes=15)
    assert sign_ins.sign_in(office.database, "aki", PASSWORD, "10.0.0.99", later)


def test_a_peer_may_try_fifty_times_whatever_names(
    sqlite_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_store.sign_ins.verify_password", lambda *_: False)
    for number in range(50):
        with pytest.raises(WrongPassword):
            sign_ins.sign_in(
                sqlite_office.database, f"n{number}", "x", f"2001:db8::{number}", sqlite_office.time
            )
    with pytest.raises(TooManyAttempts):
        sign_ins.sign_in(sqlite_office.database, "n51", "x", "2001:db8::beef", sqlite_office.time)


def test_sign_ins_that_hold_do_not_count(sqlite_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm_store.sign_ins.verify_password", lambda _, password: password == PASSWORD)
    database, time = sqlite_office.database, sqlite_office.time
    for number in range(49):
        with pytest.raises(WrongPassword):
            sign_ins.sign_in(database, f"n{number}", "x", "10.0.0.1", time)
    for _ in range(60):
        assert sign_ins.sign_in(database, "aki", PASSWORD, "10.0.0.1", time)
    with pytest.raises(WrongPassword):
        sign_ins.sign_in(database, "bo", "x", "10.0.0.1", time)
    with pytest.raises(TooManyAttempts):
        sign_ins.sign_in(database, "bo", "x", "10.0.0.1", time)


def test_too_many_attempts_are_told_with_the_minutes_to_wait(sqlite_office: Office) -> None:
    visitor = sqlite_office.visitor()
    for _ in range(10):
        visitor.post("/console/sign-in", csrf="", name="aki", password="wrong")
    answer = visitor.post("/console/sign-in", csrf="", name="aki", password=PASSWORD)
    assert answer.status_code == 429
    assert "Try again in 15 min." in answer.text


def test_a_session_ends_twelve_hours_after_its_last_use(office: Office) -> None:
    person = office.as_("aki")
    for _ in range(3):
        office.time += timedelta(hours=11)
        assert person.get("/console/account").url.path == "/console/account"
    office.time += timedelta(hours=13)
    assert person.get("/console/account").url.path == "/console/sign-in"


def test_a_session_ends_after_two_weeks_however_often_it_is_used(sqlite_office: Office) -> None:
    person = sqlite_office.as_("aki")
    for _ in range(34):
        sqlite_office.time += timedelta(hours=10)
        last = person.get("/console/account").url.path
    assert last == "/console/sign-in"


def test_who_signs_out_is_out(office: Office) -> None:
    person = office.as_("aki")
    secret = person.client.cookies["parley_session"]
    person.post("/console/sign-out")
    person.client.cookies.set("parley_session", secret)
    assert person.get("/console/account").url.path == "/console/sign-in"


def test_another_password_ends_all_other_sessions(office: Office) -> None:
    here, there = office.as_("aki"), office.as_("aki")
    answer = here.post("/console/account/password", old=PASSWORD, new="another long one")
    assert "Your password is changed." in answer.text
    assert "Your password is changed." not in here.get("/console/account").text
    assert there.get("/console/account").url.path == "/console/sign-in"
    assert office.as_("aki", "another long one")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("wrong", "another long one", "The name or the password is wrong."),
        (PASSWORD, "short", "A password needs at least eight characters."),
    ],
)
def test_a_password_is_not_changed_without_the_old_one_or_to_a_weak_one(
    sqlite_office: Office, old: str, new: str, why: str
) -> None:
    answer = sqlite_office.as_("aki").post("/console/account/password", old=old, new=new)
    assert answer.status_code == 422
    assert why in answer.text


def test_who_is_disabled_is_out_at_once(office: Office) -> None:
    person = office.as_("aki")
    with office.database.writing() as session:
        staff.disable(session, staff.get_staff(session, "aki"), office.time)
    assert person.get("/console/account").url.path == "/console/sign-in"
    with pytest.raises(WrongPassword):
        sign_ins.sign_in(office.database, "aki", PASSWORD, "10.0.0.1", office.time)


def test_the_last_administrator_stays_one(office: Office) -> None:
    with office.database.writing() as session:
        ada = staff.get_staff(session, "ada")
        with pytest.raises(LastAdmin):
            staff.disable(session, ada, office.time)
        with pytest.raises(LastAdmin):
            staff.set_role(session, ada, "agent")
        staff.set_role(session, staff.get_staff(session, "sue"), "admin")
        session.flush()
        staff.disable(session, ada, office.time)


def test_a_form_without_the_sessions_token_is_refused(sqlite_office: Office) -> None:
    person, other = sqlite_office.as_("aki"), sqlite_office.as_("bo")
    for token in ("", "0" * 64, other.csrf):
        answer = person.post("/console/language", csrf=token, language="zh")
        assert answer.status_code == 403, token
    assert person.post("/console/language", language="zh", back="/console/account").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://console.test:81"}],
)
def test_a_form_from_another_site_is_refused_even_with_the_token(
    sqlite_office: Office, headers: dict[str, str]
) -> None:
    person = sqlite_office.as_("aki")
    assert person.post("/console/language", language="zh", headers=headers).status_code == 403
    wrong = {"name": "aki", "password": PASSWORD, "headers": headers}
    assert sqlite_office.visitor().post("/console/sign-in", csrf="", **wrong).status_code == 403


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/console\\..", "javascript:alert(1)"],
)
def test_after_the_sign_in_nobody_is_led_elsewhere(sqlite_office: Office, wanted: str) -> None:
    person = sqlite_office.visitor()
    answer = person.post("/console/sign-in", csrf="", name="aki", password=PASSWORD, next=wanted)
    assert (answer.url.host, answer.url.path.startswith("/console/")) == ("console.test", True)


def test_who_was_on_the_way_somewhere_gets_there(sqlite_office: Office) -> None:
    person = sqlite_office.visitor()
    page = person.get("/console/account?x=1")
    assert page.url.path == "/console/sign-in"
    assert 'name="next" value="/console/account?x=1"' in page.text


def test_the_language_is_kept_with_the_person(office: Office) -> None:
    office.as_("aki").post("/console/language", language="zh", back="/console/account")
    assert "退出登录" in office.as_("aki").get("/console/account").text


def test_roles_include_what_they_should() -> None:
    assert may("agent", "inbox")
    assert not may("agent", "assign")
    assert may("supervisor", "assign")
    assert not may("supervisor", "campaigns")
    assert not may("marketer", "inbox")
    assert may("admin", "staff")
    assert not may("nobody", "inbox")
    with pytest.raises(LookupError):
        may("admin", "everything")


def test_an_unknown_address_is_told_on_a_page_like_the_others(sqlite_office: Office) -> None:
    answer = sqlite_office.as_("aki").get("/console/nothing")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_pages_may_load_nothing_from_elsewhere_and_are_not_kept(sqlite_office: Office) -> None:
    headers = sqlite_office.as_("aki").get("/console/account").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_a_hash_is_never_the_password() -> None:
    assert "correct" not in hash_password(PASSWORD)
    assert Staff.__table__.c.password_hash is not None  # type: ignore[attr-defined]


@pytest.mark.parametrize("options", [{}, PHONE, {"color_scheme": "dark", "locale": "zh-CN"}])
def test_signing_in_and_the_account_work_in_a_browser(
    sqlite_office: Office, browser: Browser, options: dict[str, object]
) -> None:
    with sqlite_office.serve() as url, desk(browser, url, "mia", **options) as mia:
        mia.go("/console/account")
        mia.check()
