"""What the controller needs of the API server, whoever speaks to it, and how that goes wrong."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol

Json = Mapping[str, Any]

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
OPENED = "OPENED"
"""The type of the first event of a watch, which is ours: from now on nothing is missed."""


class ApiError(Exception):
    """The API server refused, or did not answer (status 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}" if status else message)
        self.status = status


class UnreachableError(ApiError):
    """No answer, or half of one: a write may or may not have happened."""

    def __init__(self, message: str) -> None:
        super().__init__(0, message)


class NotFoundError(ApiError):
    """There is no such object."""


class ConflictError(ApiError):
    """The object is another one than the one that was seen."""


class GoneError(ApiError):
    """The watch begins too far back: read everything again."""


_ERRORS: Mapping[int, type[ApiError]] = {404: NotFoundError, 409: ConflictError, 410: GoneError}


def error_of(status: int, message: str) -> ApiError:
    """The exception for an answer's code."""
    return _ERRORS.get(status, ApiError)(status, message)


class Api(Protocol):
    """Requests to one API server. Each raises `ApiError`."""

    async def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """Reads an object or a list."""
        ...

    async def send(self, method: str, path: str, body: Json, *, content: str = JSON, **parameters: str) -> dict[str, Any]:
        """Makes one write; the object as it is after it."""
        ...

    def watch(self, path: str, **parameters: str) -> AsyncGenerator[dict[str, Any], None]:
        """`OPENED` when the server has taken it, then events as they come; it ends when the server ends it."""
        ...
