"""The internet machine's front door leads callers to the token issuer, by TLS."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from urllib.parse import urlencode

from tests.clusters.embedded.issuer.running_issuer import CHECKOUT, FORM, GRANT, Issuer, UnixConnection
from tidegate import tools
from tidegate.embedded.identity import certificates
from tidegate.embedded.images import python_site
from tidegate.embedded.machines.supervision import fill


@contextlib.contextmanager
def front_door(folder: Path, issuer: Path) -> Generator[tuple[int, certificates.KeyPair]]:
    """Port and authority of the committed configuration in the real Envoy; only addresses, ports and folders differ."""
    authority = certificates.authority("internet")
    served = certificates.issue(authority, "registry.example.com", hosts=["login.example.com"])
    certificates.write_secret(folder / "front.crt", served.certificate_pem)
    certificates.write_secret(folder / "front.key", served.key_pem)
    text = (CHECKOUT.root / "clusters/embedded/network/front.yaml").read_text()
    for inside, here in {
        "port_value: 443}": "port_value: 0}", "port_value: 80}": "port_value: 0}", "/etc/machine/": f"{folder}/",
        "/run/issuer.sock": str(issuer), "/run/host/s3.sock": str(folder / "s3.sock"),
    }.items():  # fmt: skip
        assert inside in text
        text = text.replace(inside, here)
    admin = "admin: {address: {pipe: {path: " + str(folder / "a.sock") + "}}}\n"
    (folder / "front.yaml").write_text(admin + fill(text, {"internet_address": "127.0.0.1"}))
    envoy = python_site.site_folder(CHECKOUT, "locks/node.txt", lambda _line: None) / "envoy" / "_bin" / "envoy"
    configured = [str(envoy), "--config-path", str(folder / "front.yaml"), "--disable-hot-restart", "--concurrency", "1"]
    assert "OK" in tools.run([*configured, "--mode", "validate"]).stdout
    process = tools.start_server([*configured, "--log-level", "warn"], log_path=folder / "front.log")
    try:
        yield _listening(folder / "a.sock", process, folder / "front.log"), authority
    finally:
        tools.stop_server(process)


def test_front_door_leads_to_the_issuer(issuer: Issuer, tmp_path: Path) -> None:
    with front_door(tmp_path, issuer.listens_on) as (port, authority):
        status, body = _over_tls(port, authority, "GET", "/tidegate/keys")
        assert (status, len(json.loads(body)["keys"])) == (200, 2)
        status, body = _over_tls(port, authority, "POST", "/tidegate/token", body=urlencode(GRANT), headers={**FORM, **issuer.basic()})
        assert status == 200
        assert issuer.verified(json.loads(body)["access_token"])[1]["tenant"] == "fraud"


def test_request_that_an_ending_issuer_took_is_asked_again(tmp_path: Path) -> None:
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "issuer.sock"))
        server.listen()
        server.settimeout(10)

        def end_twice_then_answer() -> None:
            for answer in (b"", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"):
                connection, _ = server.accept()
                with connection:
                    asked.append(connection.recv(65536))
                    connection.sendall(answer)

        thread = threading.Thread(target=end_twice_then_answer)
        thread.start()
        with front_door(tmp_path, tmp_path / "issuer.sock") as (port, authority):
            assert _over_tls(port, authority, "POST", "/tidegate/token", body=urlencode(GRANT), headers=FORM) == (200, b"{}")
        thread.join()
    assert [one.partition(b" HTTP")[0] for one in asked] == [b"POST /tidegate/token"] * 3


def _listening(admin: Path, process: tools.ServerProcess, log: Path) -> int:
    """The port of the listener `tls`, once Envoy has chosen it."""
    deadline = time.monotonic() + 60
    while True:
        connection = UnixConnection(admin)
        try:
            connection.request("GET", "/listeners?format=json")
            said = json.loads(connection.getresponse().read())
            found = [one["local_address"]["socket_address"]["port_value"] for one in said["listener_statuses"] if one["name"] == "tls"]
            if found and found[0]:
                return found[0]
        except (OSError, KeyError):
            assert tools.is_running(process), log.read_text()
        finally:
            connection.close()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def _over_tls(
    port: int, authority: certificates.KeyPair, method: str, path: str, *, body: str = "", headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    context = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    connection = http.client.HTTPConnection("login.example.com")
    connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="login.example.com")
    try:
        connection.request(method, path, body or None, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
