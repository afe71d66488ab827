"""What was measured, as tables in Markdown: one of intents, one of FAQs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Result = Mapping[str, Any]
_COSTS = {
    "trained, s": "train_seconds",
    "+ MB": "train_mb",
    "texts/s": "texts_per_second",
    "one, µs": "single_us",
    "serving, MB": "serve_mb",
}
_INTENTS = {
    "accuracy": "accuracy",
    "entity F1": "entity_f1",
    "≤ 3 % wrong": "answered_at_3_wrong",
    "calibration": "calibration_error",
    "AUROC": "auroc",
    "strange at 80 %": "strange_answered_at_80",
    "known at 3 %": "known_answered_at_3",
}
_FAQS = {"first": "first", "in three": "in_three"}


def tables(results: Sequence[Result]) -> Iterator[str]:
    """Both tables; one without rows is left out."""
    for columns, is_faq in ((_INTENTS, False), (_FAQS, True)):
        some = [result for result in results if result["is_faq"] == is_faq]
        if some:
            yield from _table(some, {**columns, **_COSTS})
            yield ""


def _table(results: Sequence[Result], columns: Mapping[str, str]) -> Iterator[str]:
    shown = {title: name for title, name in columns.items() if any(name in result for result in results)}
    yield "| " + " | ".join(["set", "who", *shown]) + " |"
    yield "| --- | --- |" + " ---: |" * len(shown)
    for result in results:
        cells = [result["set"], result["engine"], *[_cell(result.get(name)) for name in shown.values()]]
        yield "| " + " | ".join(cells) + " |"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) and value <= 1 else f"{value:,}"
