"""Fetches a bundle over HTTPS, as it is read: what is refused at its beginning is never fetched whole."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator
from urllib.parse import urlsplit

import requests

from tidegate.errors import BundleError, UsageError

CONNECT_SECONDS, SILENCE_SECONDS = 10.0, 30.0
"""How long a server may take to be reached, and between two pieces of what it sends."""

PATIENCE_SECONDS = 3600.0
"""How long a download may take in all: a gigabyte at 300 kB/s."""

_CHUNK_BYTES = 1 << 20


def is_url(source: str) -> bool:
    """Whether `source` is an address and not a file."""
    return "://" in source


def shown(url: str) -> str:
    """`url` as it may be printed: without a query, which may be a credential, and without a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


@contextlib.contextmanager
def opened(url: str) -> Generator[Response]:
    """What the server at `url` sends. Raises `UsageError` for anything but https:// and `BundleError` when it cannot be had.

    Certificates are checked against Mozilla's list, or the file in `REQUESTS_CA_BUNDLE`; credentials come from `~/.netrc`.
    """
    if urlsplit(url).scheme != "https":
        raise UsageError(f"{shown(url)} is not fetched: without TLS anybody on the way could change it; use https:// or a file")
    with requests.Session() as session, _own_errors(url):
        del session.adapters["http://"]  # so that no redirect leads there either
        with session.get(url, stream=True, timeout=(CONNECT_SECONDS, SILENCE_SECONDS), headers={"Accept-Encoding": "identity"}) as answer:
            if answer.status_code != requests.codes["ok"]:
                raise BundleError(f"{shown(url)} cannot be fetched: the server answers {answer.status_code} {answer.reason}")
            yield Response(answer.iter_content(_CHUNK_BYTES), url)


class Response:
    """The body of an answer, read from its beginning."""

    def __init__(self, chunks: Iterator[bytes], url: str) -> None:
        self._chunks = chunks
        self._url = url
        self._ahead = b""
        self._deadline = time.monotonic() + PATIENCE_SECONDS

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end. Raises `BundleError` when they do not come."""
        with _own_errors(self._url):
            while not self._ahead:
                if time.monotonic() > self._deadline:
                    raise BundleError(
                        f"{shown(self._url)} is not here after {PATIENCE_SECONDS:.0f} s; fetch it by other means, and name the file"
                    )
                chunk = next(self._chunks, None)
                if chunk is None:
                    return b""
                self._ahead = chunk
        taken, self._ahead = self._ahead[:size], self._ahead[size:]
        return taken


@contextlib.contextmanager
def _own_errors(url: str) -> Generator[None]:
    try:
        yield
    except requests.exceptions.InvalidSchema as error:
        raise BundleError(
            f"{shown(url)} leads on to an address without TLS, which is not followed; name the bundle's own address"
        ) from error
    except requests.exceptions.SSLError as error:
        raise BundleError(f"{shown(url)} is not trusted: {_cause(error)}; name your own authority's file in REQUESTS_CA_BUNDLE") from error
    except requests.exceptions.RequestException as error:
        raise BundleError(f"{shown(url)} cannot be fetched: {_cause(error)}") from error


def _cause(error: BaseException) -> str:
    """The innermost reason, where a library wraps it three times and repeats the address with its query."""
    while (
        inner := getattr(error, "reason", None) or next((one for one in error.args if isinstance(one, BaseException)), None)
    ) and isinstance(inner, BaseException):
        error = inner
    return str(error)
