"""Passwords: kept as argon2id hashes. Slow on purpose: never on an event loop, never many at once."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING

from crm_store.messages import ParleyError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 8
LONGEST = 1000

# Each takes 64 MiB while it lasts: a flood of sign-ins must not take the machine's memory.
_AT_ONCE = threading.BoundedSemaphore(2)
# Of a password that nobody has. It is verified for names that nobody has, so that they take as long.
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$C0jIcKG6/SJ+gWLM3Nj49g$Vn8WHjdiseWLY+lbItzkKoECfMZV+Ta1LlvluGzIp3A"
)


class WeakPassword(ParleyError):
    """A password needs at least eight characters."""


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    # Here, so that a server that nobody signs in to never loads it.
    from argon2 import PasswordHasher

    return PasswordHasher()


def hash_password(password: str, *, shortest: int = SHORTEST) -> str:
    """The hash to keep; WeakPassword if it is too short. To be called outside any transaction."""
    if not shortest <= len(password) <= LONGEST:
        raise WeakPassword
    with _AT_ONCE:
        return _hasher().hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one of the hash; as slow, and False, where there is none."""
    from argon2.exceptions import InvalidHashError, VerificationError

    with _AT_ONCE:
        try:
            _hasher().verify(password_hash or _NOBODY, password)
        except (InvalidHashError, VerificationError):
            return False
    return password_hash is not None
