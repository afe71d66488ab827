"""Masking: enough of a phone number or an e-mail address to recognise it, too little to use it."""

from __future__ import annotations

from typing import Any

MASKED = ("phone", "email")  # attributes that are shown in full only on demand


def mask_phone(number: str) -> str:
    """Without its last digits but four: `+86138****8000`."""
    return f"{number[:-8]}****{number[-4:]}"


def mask_email(address: str) -> str:
    """Its first letter and its domain: `a***@example.com`."""
    return f"{address[:1]}***@{address.rpartition('@')[2]}"


def mask(name: str, value: Any) -> Any:
    """The value of an attribute as it is shown to whoever has not asked for it."""
    if name == "phone":
        return mask_phone(str(value))
    return mask_email(str(value)) if name == "email" else value
