"""The API for programs: it writes rows; it can neither send nor think."""

from console.api.app import create_api

__all__ = ["create_api"]
