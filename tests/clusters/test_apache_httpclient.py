"""Apache HttpClient 5.4 offers TLS by itself with GET, HEAD and OPTIONS where it speaks plain HTTP, as to a proxy that adds TLS.

Proxies of Envoy refuse that by default, some leave it without an answer; the edge ignores it. Since 5.4.2 the client offers nothing where a
header `Connection` is there already, which it adds itself (seen on the wire, 2026-11-30); so 5.4 it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance.clients import apache
from tests.clusters.edge_proxies import running, token
from tests.clusters.edge_requests import PATH
from tidegate import tools
from tidegate.facts.platform import Platform


@pytest.fixture(scope="module")
def jars() -> Path:
    return apache.site()


@pytest.fixture
def edge(tmp_path: Path, platform: Platform) -> Iterator[int]:
    with running(tmp_path, platform) as port:
        yield port


def test_its_offer_of_tls_changes_no_answer(jars: Path, edge: int, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text("{}", encoding="utf-8")
    told = {"URL": f"http://127.0.0.1:{edge}", "TOKEN": token("card-authorisation"), "BODY": str(body)}
    asked = (f"GET {PATH}", f"POST {PATH}", f"POST {PATH} TLS/1.2")
    printed = tools.run(apache.command(jars, *asked), env=told, timeout_seconds=120).stdout.splitlines()
    assert printed == ['200 TLS/1.2 {"outputs": []}', '200 - {"outputs": []}', '200 TLS/1.2 {"outputs": []}']


def test_jar_with_another_hash_is_refused_and_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fetched(folder: Path, jars: Sequence[str]) -> list[tuple[str, Path]]:
        (folder / "a-1.jar").write_text("other", encoding="utf-8")
        return [(jar, folder / "a-1.jar") for jar in jars]

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(apache, "_fetched", fetched)
    with pytest.raises(
        ValueError, match=r"locks/clients\.jars: org\.apache\S+:5\.4 has the hash d9298a10\w+, not 40a72f6d\w+; do not use it"
    ):
        apache.site()
    assert not list((tmp_path / "tidegate/jars").iterdir())


def test_machine_without_maven_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "find", {"javac": Path("/usr/bin/javac")}.get)
    with pytest.raises(pytest.skip.Exception, match=r"^Apache HttpClient is not tried: install mvn \(Debian's package maven\)$"):
        apache.site()
