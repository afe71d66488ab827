"""The OpenAPI document and the page that is drawn from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi.openapi.models import OpenAPI
from playwright.sync_api import Browser, Route

import pages
from console.api import create_api
from tests.console.api.shop import Shop


@pytest.fixture
def document(sqlite_shop: Shop) -> dict[str, Any]:
    """The OpenAPI document, as anybody may read it."""
    response = sqlite_shop.ask("GET", "/api/openapi.json", token="")
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for item in document["paths"].values() for operation in item.values()]


def test_a_start_does_not_wait_for_the_document_to_be_written(sqlite_shop: Shop) -> None:
    api = create_api(sqlite_shop.api.state.host)
    assert api.openapi_schema is None
    assert api.openapi() is api.openapi_schema


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert OpenAPI.model_validate(document).paths


def test_every_reference_in_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(re.findall(r"'\$ref': '#/components/schemas/(\w+)'", str(document)))
    assert {"Customer", "Conversation", "Message", "Problem"} <= references
    assert references <= set(document["components"]["schemas"])


def test_every_address_of_the_contract_is_in_the_document(document: dict[str, Any]) -> None:
    conversation = "/api/v1/conversations/{conversation_id}"
    customer = "/api/v1/customers/{customer_id}"
    campaign = "/api/v1/campaigns/{campaign_id}"
    assert {path: sorted(item) for path, item in document["paths"].items()} == {
        "/api/v1/customers": ["get"],
        customer: ["delete", "get", "patch"],
        f"{customer}/timeline": ["get"],
        f"{customer}/export": ["get"],
        "/api/v1/conversations": ["get"],
        conversation: ["get"],
        f"{conversation}/messages": ["get", "post"],
        "/api/v1/events": ["get", "post"],
        "/api/v1/events/bulk": ["post"],
        "/api/v1/followups": ["get", "post"],
        "/api/v1/followups/{followup_id}": ["get"],
        "/api/v1/followups/{followup_id}/cancel": ["post"],
        "/api/v1/followups/{followup_id}/done": ["post"],
        "/api/v1/faqs": ["get", "post"],
        "/api/v1/faqs/{faq_id}": ["delete", "get", "put"],
        "/api/v1/tags": ["get"],
        "/api/v1/segments": ["get", "post"],
        "/api/v1/segments/preview": ["post"],
        "/api/v1/segments/{segment_id}": ["delete", "get", "patch"],
        "/api/v1/segments/{segment_id}/preview": ["get"],
        "/api/v1/campaigns": ["get", "post"],
        campaign: ["get", "patch"],
        **{
            f"{campaign}/{what}": ["post"]
            for what in ("preflight", "test", "launch", "pause", "resume", "stop")
        },
        f"{campaign}/report": ["get"],
        f"{campaign}/report.csv": ["get"],
        "/api/v1/parked": ["get"],
        "/api/v1/parked/{message_id}/replay": ["post"],
        "/api/v1/parked/{message_id}/dismiss": ["post"],
        "/api/v1/audit": ["get"],
        **{f"{conversation}/{what}": ["post"] for what in ("takeover", "release", "assign", "close")},
    }


def test_generated_clients_read_well(document: dict[str, Any]) -> None:
    operations = _operations(document)
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", each) for each in ids)
    nouns = {tag["name"] for tag in document["tags"]}
    for operation in operations:
        assert set(operation["tags"]) <= nouns
        assert operation["summary"]
        assert operation["description"]
        assert operation["security"][0]["bearer"]
        assert all(parameter["description"] for parameter in operation.get("parameters", ()))
        assert {"401", "403", "default"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            assert status.startswith("2") or set(response["content"]) == {"application/problem+json"}


def test_every_field_of_the_shapes_is_described_or_has_an_example(document: dict[str, Any]) -> None:
    bare = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, value in schema["properties"].items()
        if not ({"description", "examples", "$ref", "items"} & set(value))
    ]
    assert bare == []


def test_what_is_answered_has_exactly_the_documented_fields(shop: Shop) -> None:
    shop.say("hi")
    schemas = shop.ask("GET", "/api/openapi.json").json()["components"]["schemas"]
    conversation = shop.get("/conversations")["items"][0]
    message = shop.get(f"/conversations/{conversation['id']}/messages")["items"][0]
    customer = shop.get("/customers")["items"][0]
    for name, value in [("Conversation", conversation), ("Message", message), ("Customer", customer)]:
        assert set(value) == set(schemas[name]["properties"]) == set(schemas[name]["required"])


@pytest.mark.parametrize("language", list(pages.LANGUAGES))
def test_the_page_shows_every_operation_parameter_and_shape(
    sqlite_shop: Shop, document: dict[str, Any], language: str
) -> None:
    response = sqlite_shop.ask("GET", f"/api/docs?language={language}", token="")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    html = response.text
    for path in document["paths"]:
        assert f"<code>{path}</code>" in html
    for operation in _operations(document):
        assert f'id="{operation["operationId"]}"' in html
        for parameter in operation.get("parameters", ()):
            assert f"<code>{parameter['name']}</code>" in html
    for name in document["components"]["schemas"]:
        assert f'id="shape-{name}"' in html
    assert html.count("Authorization: Bearer $TOKEN") == len(_operations(document))
    targets = set(re.findall(r'href="#([^"]+)"', html))
    assert targets <= set(re.findall(r'id="([^"]+)"', html))


def test_the_page_speaks_the_readers_language(sqlite_shop: Shop) -> None:
    chinese = sqlite_shop.ask("GET", "/api/docs", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert '<html lang="zh-CN">' in chinese.text
    assert "程序接口" in chinese.text
    english = sqlite_shop.ask("GET", "/api/docs?language=en", headers={"Accept-Language": "zh"})
    assert "API for programs" in english.text


def test_the_page_asks_no_other_host_for_anything(sqlite_shop: Shop) -> None:
    response = sqlite_shop.ask("GET", "/api/docs", token="")
    loaded = re.findall(r'(?:src|href)="([^"]*)"', response.text)
    assert loaded
    assert [address for address in loaded if not re.match(r"/(?!/)|#|\?", address)] == []
    assert "default-src 'none'" in response.headers["content-security-policy"]
    style = next(address for address in loaded if "api_docs" in address)
    sheet = sqlite_shop.ask("GET", style, token="")
    assert sheet.status_code == 200
    assert sheet.headers["content-type"] == "text/css; charset=utf-8"
    assert "url(" not in sheet.text


def test_a_host_that_is_markup_stays_text(sqlite_shop: Shop) -> None:
    response = sqlite_shop.ask("GET", "/api/docs", headers={"Host": '"><script>x</script>'})
    assert "<script>x" not in response.text


@pytest.fixture
def drawn(sqlite_shop: Shop) -> dict[str, httpx.Response]:
    """The page and its style by path; asked for before a browser's event loop runs."""
    page = sqlite_shop.ask("GET", "/api/docs", token="")
    style = next(each for each in re.findall(r'href="([^"]*)"', page.text) if "api_docs" in each)
    return {"/api/docs": page, style: sqlite_shop.ask("GET", style, token="")}


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_phone_and_desktop(
    document: dict[str, Any], drawn: dict[str, httpx.Response], browser: Browser, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix("http://parley.test")
        if path.startswith("/static/"):
            route.fulfill(path=Path(pages.__file__).parent / path.rpartition("/")[2])
            return
        given = drawn[path]
        route.fulfill(status=given.status_code, headers=dict(given.headers), body=given.content)

    page.route("**/*", answer)
    page.goto("http://parley.test/api/docs")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("article.operation").count() == len(_operations(document))
    assert complaints == []
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
