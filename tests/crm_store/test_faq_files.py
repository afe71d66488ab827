"""Tables of FAQ entries, apart from the page on which they are chosen (tests/console/test_faq.py)."""

from __future__ import annotations

import time

from crm_store.faq_files import MOST_ROWS, read_table


def test_as_many_rows_as_a_file_may_have_get_names_in_a_moment_even_if_they_are_called_alike() -> None:
    began = time.process_time()
    found = read_table("question,answer\n" + "q,a\n" * MOST_ROWS, {}, {"faq/q_2"})
    assert time.process_time() - began < 2.5  # To seek each from the first takes seven.
    assert len(found.drafts) == MOST_ROWS
    assert list(found.drafts)[:3] == ["faq/q", "faq/q_3", "faq/q_4"]


def test_a_time_outside_of_the_calendar_is_told_with_its_line() -> None:
    found = read_table("question,answer,valid_until\nq,a,9999-12-31T23:00-08:00\n", {})
    assert [(fault.line, "within the calendar" in fault.said) for fault in found.faults] == [(2, True)]
