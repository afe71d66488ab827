"""Numbers in addresses: whatever stands there, a page comes, never an error of ours."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crm_store import comparisons
from tests.console.office import NOON, Office
from tests.console.test_versions import trained

NO_NUMBERS = ("0", "-1", "²", "x", "", "9" * 18, "9" * 19, "9" * 5000)


@pytest.mark.parametrize(
    "path",
    [
        "faq/unanswered?page=",
        "versions/comparisons/{comparison}?page=",
        "conversations/{conversation}/older?before=",
        "inbox?q=tea&before=",
        "parked?before=",
    ],
)
def test_a_number_that_is_none_is_as_good_as_no_number(office: Office, path: str) -> None:
    said = office.say("hello")
    versions = trained(office, 2)
    with office.database.writing() as session:
        span = NOON - timedelta(days=1), NOON
        asked = comparisons.ask(session, (versions[0], versions[1]), span, "staff:mia", NOON).id
    address = path.format(comparison=asked, conversation=said.conversation_id)
    sue = office.as_("sue")
    assert {sue.get(f"/console/{address}{number}").status_code for number in NO_NUMBERS} == {200}
