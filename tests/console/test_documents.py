"""The company's documents in the console: uploaded, read, shown, replaced, deleted, and drawn from."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

import pytest
from playwright.sync_api import Browser, FilePayload, expect

import pages
from console import documents as pages_of_documents
from console import drawing
from console.app import create_console
from crm_store import documents
from crm_store.documents import Document
from nlu.documents.faults import FAULTS
from parley.library import Library
from tests.console.assisted import assistant_of
from tests.console.office import PHONE, Office, Person, desk
from tests.nlu.model_server import ModelServer
from tests.nlu.office_files import docx, p
from tests.nlu.pdf_file import Pdf, locked

HERE = "/console/documents"
IDLE = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND state LIKE 'idle in transaction%%'"
)
RETURNS = "商品签收后30天内可以换货，运费由我们承担。"
HANDBOOK = Pdf([["购物手册"], ["换货", RETURNS]], outline={"换货": 1}).write()
WORD = docx(p("Care", "1"), p("Keep tea dry & cool."))


def with_library(office: Office, folder: Path | None = None) -> Office:
    """An office that keeps documents, without a language model."""
    office.host = replace(office.host, library=Library(folder, office.database))
    office.console = create_console(office.host)
    return office


def put(person: Person, *files: tuple[str, bytes]) -> str:
    sent = [("files", (name, data, "application/octet-stream")) for name, data in files]
    return str(person.post(HERE, files=sent).text)


def kept(office: Office) -> list[Document]:
    with office.database.reading() as session:
        return list(documents.list_documents(session))


def test_documents_are_uploaded_together_listed_and_their_text_is_shown(office: Office) -> None:
    ada = with_library(office).as_("ada")
    page = put(ada, ("C:\\files\\手册.pdf", HANDBOOK), ("care.docx", WORD))
    assert "Documents kept: 2" in page
    assert [(one.name, one.pages, one.passages) for one in kept(office)] == [
        ("care.docx", 0, 1),
        ("手册.pdf", 2, 2),
    ]
    assert "ada, " in page
    text = ada.get(f"{HERE}/{kept(office)[1].id}").text
    assert RETURNS in text
    assert "<cite>换货</cite>" in text
    assert "page 2" in text
    assert "Keep tea dry &amp; cool." in ada.get(f"{HERE}/{kept(office)[0].id}").text


def test_what_cannot_be_read_is_refused_with_its_reason_and_the_rest_is_kept(office: Office) -> None:
    ada = with_library(office).as_("ada")
    page = put(
        ada, ("care.docx", WORD), ("scan.pdf", Pdf([[]]).write()), ("a.pdf", locked(HANDBOOK, "secret")),
        ("<b>.exe", b"MZ"), ("", b"x"), ("CARE.docx", WORD),
    )  # fmt: skip
    assert [one.name for one in kept(office)] == ["care.docx"]
    assert re.findall(r"<strong>(.*?)</strong> (.{12})", page) == [
        ("care.docx", "is kept.</sp"),
        ("scan.pdf", "holds no tex"),
        ("a.pdf", "is protected"),
        ("&lt;b&gt;.exe", "is of a kind"),
        ("CARE.docx", "there is a d"),
    ]
    assert "Choose a file first" in ada.post(HERE).text


def test_every_fault_has_its_words() -> None:
    for language in pages.LANGUAGES:
        assert {f"fault_{fault}" for fault in FAULTS} <= set(drawing.words(language)["documents"])


def test_a_document_is_replaced_and_deleted_unless_somebody_else_was_faster(office: Office) -> None:
    ada = with_library(office).as_("ada")
    put(ada, ("care.docx", WORD))
    (one,) = kept(office)
    path = f"{HERE}/{one.id}"
    file = {"file": ("handbook.pdf", HANDBOOK, "application/pdf")}
    assert "is replaced" in ada.post(f"{path}/replace", version="1", files=file).text
    page = ada.post(f"{path}/replace", version="1", files=file)
    assert page.status_code == 422
    assert "somebody else has replaced" in page.text
    scan = {"file": ("handbook.pdf", Pdf([[]]).write(), "application/pdf")}
    assert "OCR" in ada.post(f"{path}/replace", version="2", files=scan).text
    assert "Choose a file" in ada.post(f"{path}/replace", version="2").text
    assert [(one.name, one.version) for one in kept(office)] == [("handbook.pdf", 2)]
    assert "somebody else" in ada.post(f"{path}/delete", version="1").text
    assert "“handbook.pdf” is deleted" in ada.post(f"{path}/delete", version="2").text
    assert kept(office) == []
    assert ada.get(path).status_code == 404


def test_who_writes_answers_sees_documents_and_admins_alone_change_them(office: Office) -> None:
    with_library(office)
    put(office.as_("ada"), ("care.docx", WORD))
    (one,) = kept(office)
    for name in ("sue", "mia"):
        person = office.as_(name)
        page = person.get(HERE).text
        assert "care.docx" in page
        assert 'type="file"' not in page + person.get(f"{HERE}/{one.id}").text
        assert "your role does not include" in put(person, ("b.docx", WORD))
        assert person.post(f"{HERE}/{one.id}/delete", version="1").status_code == 403
        file = {"file": ("b.docx", WORD, "")}
        assert person.post(f"{HERE}/{one.id}/replace", version="1", files=file).status_code == 403
    assert office.as_("aki").get(HERE).status_code == 403
    assert len(kept(office)) == 1


def test_without_a_model_documents_are_kept_and_the_page_says_so(office: Office) -> None:
    ada = with_library(office).as_("ada")
    assert "No language model is set up" in ada.get(HERE).text
    assert "Documents kept: 1" in put(ada, ("care.docx", WORD))


def test_the_folder_is_listed_and_what_cannot_be_read_in_it_says_why(office: Office, folder: Path) -> None:
    (folder / "手册.pdf").write_bytes(HANDBOOK)
    (folder / "scan.pdf").write_bytes(Pdf([[]]).write())
    mia = with_library(office, folder).as_("mia")
    page = mia.get(HERE).text
    assert page.count("/folder?name=") == 5
    assert RETURNS in mia.get(f"{HERE}/folder", params={"name": "手册.pdf"}).text
    assert "OCR" in mia.get(f"{HERE}/folder", params={"name": "scan.pdf"}).text
    assert "not read" in mia.get(HERE).text
    outside = folder.parent / "secret.md"
    outside.write_text("secret", "utf-8")
    for name in ("../secret.md", str(outside), "", "none.md"):
        assert mia.get(f"{HERE}/folder", params={"name": name}).status_code == 404


def test_a_form_that_is_too_large_is_not_read(sqlite_office: Office) -> None:
    ada = with_library(sqlite_office).as_("ada")
    big = ada.post(HERE, files={"files": ("a.txt", bytes(42 * 1024 * 1024), "text/plain")})
    assert big.status_code == 413
    assert "at most 20 MB" in put(ada, ("a.txt", bytes(21 * 1024 * 1024)))


def test_no_more_files_are_read_at_once_than_somebody_can_wait_for(
    sqlite_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = with_library(sqlite_office).as_("ada")
    page = put(ada, *((f"{n}.txt", b"x") for n in range(22)))
    assert page.count("is kept.") == 20
    assert page.count("Choose fewer files at once") == 2
    monkeypatch.setattr(pages_of_documents, "LONGEST_FORM", 0.0)
    assert "a.txt</strong> was not read" in put(ada, ("a.txt", b"x"))


def test_nothing_is_held_while_a_file_is_read(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes meanwhile, does: on SQLite there is one at a time."""
    with_library(office)
    assert office.host.library
    read = office.host.library.read

    def slow(name: str, data: bytes) -> documents.Read:
        with office.database.writing() as session:
            documents.add(session, documents.Read("other.md", 1, []), "staff:sue", office.time)
        with office.database.engine.connect() as connection:
            assert office.database.is_sqlite or connection.exec_driver_sql(IDLE).scalar() == 0
        return read(name, data)

    monkeypatch.setattr(office.host.library, "read", slow)
    put(office.as_("ada"), ("care.docx", WORD))
    assert [one.name for one in kept(office)] == ["care.docx", "other.md"]


def test_a_name_that_is_taken_is_refused_before_the_file_is_read(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = with_library(office).as_("ada")
    # As Macs write it: each letter of Korean in its parts.
    put(ada, (normalize("NFD", "안내 café.docx"), WORD))
    assert [one.name for one in kept(office)] == ["안내 café.docx"]
    assert office.host.library
    monkeypatch.setattr(office.host.library, "read", lambda *_: pytest.fail("it is read"))
    assert "there is a document of this name" in put(ada, ("안내 CAFÉ.docx", WORD))
    path = f"{HERE}/{kept(office)[0].id}"
    assert "at most 120 characters" in put(ada, (f"{'a' * 120}.docx", WORD))
    assert ada.post(f"{path}/delete", version="9" * 5000).status_code == 422


def test_many_passages_are_shown_page_by_page(office: Office) -> None:
    ada = with_library(office).as_("ada")
    put(ada, ("long.md", "\n".join(f"# T{n}\n\nText {n}." for n in range(120)).encode()))
    path = f"{HERE}/{kept(office)[0].id}"
    assert "Text 49." in ada.get(path).text
    assert "Text 50." not in ada.get(path).text
    assert 'start="101"' in ada.get(path, params={"from": "100"}).text
    assert ada.get(path, params={"from": "x"}).status_code == 200


def test_a_suggestion_cites_an_uploaded_document_and_its_page(
    office: Office, server: ModelServer, folder: Path
) -> None:
    assistant = assistant_of(office, server, folder)
    said = office.say("可以换货吗，运费谁承担")
    assert assistant.suggest(said.conversation_id).sources[0].document == "terms.md"
    put(office.as_("ada"), ("手册.pdf", HANDBOOK))
    assistant.shelving._looked = float("-inf")
    (source,) = assistant.suggest(said.conversation_id).sources
    assert (source.document, source.title, source.page) == ("手册.pdf", "换货", 2)
    aki = office.as_("aki")
    page = aki.post(
        f"/console/conversations/{said.conversation_id}/suggest", headers={"x-parley": "1"}
    ).text
    assert "手册.pdf, page 2" in page
    with office.database.writing() as session:
        (one,) = documents.list_documents(session)
        documents.remove(session, one.id, 1, "staff:ada", office.time)
    assistant.shelving._looked = float("-inf")
    assert assistant.suggest(said.conversation_id).sources[0].document == "terms.md"


@pytest.mark.parametrize("scripts", [True, False])
def test_files_are_uploaded_with_and_without_scripts(
    sqlite_office: Office, browser: Browser, scripts: bool
) -> None:
    office = with_library(sqlite_office)
    with office.serve() as url, desk(browser, url, "ada", java_script_enabled=scripts) as ada:
        page = ada.go(HERE)
        files: list[FilePayload] = [
            {"name": "手册.pdf", "mimeType": "application/pdf", "buffer": HANDBOOK},
            {"name": "scan.pdf", "mimeType": "application/pdf", "buffer": Pdf([[]]).write()},
        ]
        page.set_input_files("#files", files)
        page.get_by_role("button", name="Upload").click()
        expect(page.locator(".outcome.good")).to_contain_text("手册.pdf is kept")
        expect(page.locator(".outcome.bad")).to_contain_text("scan.pdf holds no text")
        expect(page.locator("#kept .documents a")).to_have_text("手册.pdf")
        if scripts:  # In the reader's own time, though the list came later than the page.
            expect(page.locator("#kept time")).to_have_attribute("title", re.compile("."))
    assert [one.name for one in kept(office)] == ["手册.pdf"]


@pytest.mark.parametrize(("status", "said"), [(413, "is too large"), (504, "the server did not answer")])
def test_what_a_proxy_says_instead_is_told_in_words(
    sqlite_office: Office, browser: Browser, status: int, said: str
) -> None:
    office = with_library(sqlite_office)
    with office.serve() as url, desk(browser, url, "ada") as ada:
        page = ada.go(HERE)
        page.route(
            "**/console/documents",
            lambda route: (
                route.fulfill(status=status, content_type="text/html", body="<h1>nginx</h1>")
                if route.request.method == "POST"
                else route.continue_()
            ),
        )
        page.set_input_files("#files", {"name": "a.md", "mimeType": "text/plain", "buffer": b"Tea."})
        page.get_by_role("button", name="Upload").click()
        expect(page.locator(".outcome.bad")).to_contain_text(said)
        expect(page.locator(".outcome.bad")).not_to_contain_text("nginx")


def test_files_are_dropped_onto_the_page(sqlite_office: Office, browser: Browser) -> None:
    office = with_library(sqlite_office)
    with office.serve() as url, desk(browser, url, "ada") as ada:
        page = ada.go(HERE)
        expect(page.get_by_text("Or drop files here")).to_be_visible()
        page.evaluate(
            """() => {
              const data = new DataTransfer();
              data.items.add(new File(["# Care\\n\\nKeep it dry."], "care.md"));
              data.items.add(new File([], "empty.md"));
              document.querySelector("#upload").dispatchEvent(
                new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
            }"""
        )
        expect(page.locator(".outcome.good")).to_contain_text("care.md is kept")
        expect(page.locator(".outcome.bad")).to_contain_text("empty.md is empty")
        expect(page.locator("#kept .documents a")).to_have_text("care.md")


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_easy_to_use_on_a_phone_and_by_keys(
    sqlite_office: Office, browser: Browser, folder: Path, locale: str, scheme: str
) -> None:
    office = with_library(sqlite_office, folder)
    assert office.host.library
    read = office.host.library.read(
        "一份名字很长很长很长很长很长很长很长的公司内部购物手册第二版.pdf", HANDBOOK
    )
    with office.database.writing() as session:
        documents.add(session, read, "staff:ada", office.time)
    with (
        office.serve() as url,
        desk(browser, url, "ada", **PHONE, locale=locale, color_scheme=scheme) as ada,
    ):
        page = ada.go("/console/faq")
        page.locator('a[href="/console/documents"]').click()
        page.locator("#upload").wait_for()
        ada.check()
        page.locator("#kept .documents a").focus()
        page.keyboard.press("Enter")
        page.locator(".passages").wait_for()
        ada.check()
        card, button = page.locator(".card").first, page.locator(".deeds .button").first
        outer, inner = card.bounding_box(), button.bounding_box()
        assert outer
        assert inner
        assert inner["x"] + inner["width"] <= outer["x"] + outer["width"]
        page.on("dialog", lambda dialog: dialog.accept())
        page.locator(".button.danger").focus()
        page.keyboard.press("Enter")
        page.locator(".said").wait_for()
        page.locator('a[href*="folder?name=terms.md"]').click()
        page.locator(".passages").wait_for()
        ada.check()
    assert kept(office) == []
