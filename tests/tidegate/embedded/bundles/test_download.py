"""A bundle is fetched over TLS only, from whom the machine trusts, and no further than it was found good."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tests.tidegate.embedded.bundles.scratch_bundles import Place, export, lacking, make_place, new_signer, snapshot
from tidegate.embedded.bundles import download
from tidegate.embedded.bundles.import_bundle import Imported, import_bundle
from tidegate.embedded.identity import certificates
from tidegate.errors import BundleError, UsageError

TOKEN = "signature=secret"


@dataclass
class Store:
    """A file store on loopback: what it has, and what it was asked for."""

    port: int = 0
    content: bytes = b""
    promised_bytes: int | None = None
    """The length that it tells, when it is not the true one."""
    leads_to: str = ""
    status: int = 200
    asked: list[str] = field(default_factory=list[str])
    sent_bytes: int = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/a.bundle?{TOKEN}"


class _Handler(BaseHTTPRequestHandler):
    store: ClassVar[Store]

    def do_GET(self) -> None:
        self.store.asked.append(self.path)
        if self.store.leads_to and len(self.store.asked) == 1:
            self.send_response(302)
            self.send_header("Location", self.store.leads_to)
            self.end_headers()
            return
        self.send_response(self.store.status)
        self.send_header("Content-Length", str(self.store.promised_bytes or len(self.store.content)))
        self.end_headers()
        with contextlib.suppress(OSError):  # who has read enough goes away
            for begin in range(0, len(self.store.content), 1 << 16):
                self.wfile.write(self.store.content[begin : begin + (1 << 16)])
                self.store.sent_bytes += 1 << 16

    def log_message(self, *_: object) -> None: ...  # pyright: ignore[reportIncompatibleMethodOverride] - it says nothing


@contextlib.contextmanager
def serving(folder: Path, *, tls: bool = True) -> Generator[Store]:
    store = Store()

    class Handler(_Handler): ...

    Handler.store = store
    authority = certificates.authority("team-ca")
    leaf = certificates.issue(authority, "localhost", hosts=["localhost"])
    for name, content in (("ca.pem", authority.certificate_pem), ("leaf.pem", leaf.certificate_pem + leaf.key_pem)):
        (folder / name).write_bytes(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "leaf.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    store.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def store(here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Store]:
    """A store with a bundle of `here`, trusted; from now on another machine's cache is used."""
    content = export(here, tmp_path / "a.bundle", new_signer(tmp_path)).read_bytes()
    with serving(tmp_path) as store:
        store.content = content
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        yield store


@pytest.fixture
def there(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    assert store.content
    return make_place(tmp_path / "there", monkeypatch)


def take(place: Place, url: str, key: str = "team.pub") -> Imported:
    return import_bundle(place.checkout, url, place.folder.parent / key, lambda _subject, _what: None)


def refusal(place: Place, url: str, key: str = "team.pub") -> str:
    """What is said when it is refused; the cache is as before, and nobody reads the credential in the address."""
    before = snapshot(place.cache)
    with pytest.raises((BundleError, UsageError)) as refused:
        take(place, url, key)
    assert snapshot(place.cache) == before
    assert TOKEN not in str(refused.value)
    return str(refused.value)


def test_bundle_is_fetched_and_unpacked(store: Store, there: Place) -> None:
    told: list[str] = []
    brought = import_bundle(there.checkout, store.url, there.folder.parent / "team.pub", lambda _subject, what: told.append(what))
    assert told[0].startswith("fetching and checking: 0 MB in ")
    assert (brought.lacking, brought.source) == ((), f"https://localhost:{store.port}/a.bundle")
    assert lacking(there) == []
    assert store.asked == [f"/a.bundle?{TOKEN}"]
    assert list(there.cache.glob(".importing*")) == []


def test_address_that_leads_on_over_tls_is_followed(store: Store, there: Place) -> None:
    store.leads_to = f"https://localhost:{store.port}/elsewhere"
    take(there, store.url)
    assert lacking(there) == []
    assert store.asked == [f"/a.bundle?{TOKEN}", "/elsewhere"]


def test_what_is_not_needed_is_not_fetched(store: Store, there: Place) -> None:
    store.content = store.content[: len(store.content) - 1024] + bytes(32 << 20)  # what follows would be damage, were it read
    assert "something follows its content" in refusal(there, store.url)
    store.content = store.content[: len(store.content) - (32 << 20)] + bytes(1024)
    take(there, store.url)
    store.content += bytes(64 << 20)
    store.sent_bytes = 0
    assert take(there, store.url).written == {}
    assert store.sent_bytes < 32 << 20


def test_wrong_key_is_noticed_before_the_content_is_fetched(store: Store, there: Place, tmp_path: Path) -> None:
    new_signer(tmp_path, "another")
    store.content += bytes(64 << 20)
    assert "is signed with the key" in refusal(there, store.url, "another.pub")
    assert store.sent_bytes < 32 << 20


def test_without_tls_nothing_is_asked(store: Store, there: Place) -> None:
    said = f"http://localhost:{store.port}/a.bundle is not fetched: without TLS anybody on the way could change it; use https:// or a file"
    assert refusal(there, store.url.replace("https", "http")) == said
    assert refusal(there, "ftp://localhost/a.bundle").startswith("ftp://localhost/a.bundle is not fetched: without TLS")
    assert store.asked == []


def test_address_that_leads_on_without_tls_is_refused(store: Store, there: Place, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with serving(tmp_path / "plain", tls=False) as plain:
        plain.content, store.leads_to = store.content, f"http://localhost:{plain.port}/a.bundle"
        said = f"https://localhost:{store.port}/a.bundle leads on to an address without TLS, which is not followed; name the bundle's own address"
        assert refusal(there, store.url) == said
        assert plain.asked == []


def test_server_that_nobody_vouches_for_is_refused(store: Store, there: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    said = refusal(there, store.url)
    assert said.startswith(f"https://localhost:{store.port}/a.bundle is not trusted: ")
    assert "certificate verify failed" in said
    assert said.endswith("name your own authority's file in REQUESTS_CA_BUNDLE")
    assert store.asked == []


def test_answer_of_the_server_is_told(store: Store, there: Place) -> None:
    store.status = 404
    assert refusal(there, store.url) == f"https://localhost:{store.port}/a.bundle cannot be fetched: the server answers 404 Not Found"


def test_connection_that_breaks_is_told(store: Store, there: Place) -> None:
    store.promised_bytes, store.content = len(store.content), store.content[:-5000]
    assert refusal(there, store.url).startswith(f"https://localhost:{store.port}/a.bundle cannot be fetched: ")


def test_truncated_file_in_the_store_is_told(store: Store, there: Place) -> None:
    store.content = store.content[:-2000]
    assert refusal(there, store.url).startswith(f"https://localhost:{store.port}/a.bundle is cut off: ")


def test_server_that_is_not_there_is_told(there: Place) -> None:
    assert refusal(there, f"https://localhost:1/a.bundle?{TOKEN}").endswith("Connection refused")


def test_server_that_falls_silent_is_given_up(store: Store, there: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "SILENCE_SECONDS", 0.3)
    silent = threading.Event()

    def wait(_self: object) -> None:
        silent.wait(10)

    monkeypatch.setattr(_Handler, "do_GET", wait)
    assert "timed out" in refusal(there, store.url)
    silent.set()


def test_download_without_an_end_is_given_up(store: Store, there: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PATIENCE_SECONDS", 0.0)
    assert refusal(there, store.url).endswith("/a.bundle is not here after 0 s; fetch it by other means, and name the file")
