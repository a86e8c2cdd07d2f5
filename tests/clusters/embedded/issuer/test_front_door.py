"""The internet machine's front door leads callers to the token issuer, by TLS."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from tests.clusters.embedded.issuer.running_issuer import CHECKOUT, FORM, GRANT, Issuer, UnixConnection
from tidegate import tools
from tidegate.embedded.identity import certificates
from tidegate.embedded.images import python_site
from tidegate.embedded.machines.supervision import fill


def test_front_door_leads_to_the_issuer(issuer: Issuer, tmp_path: Path) -> None:
    """The committed configuration in the real Envoy; only addresses, ports and folders differ."""
    authority = certificates.authority("internet")
    served = certificates.issue(authority, "registry.example.com", hosts=["login.example.com"])
    certificates.write_secret(tmp_path / "front.crt", served.certificate_pem)
    certificates.write_secret(tmp_path / "front.key", served.key_pem)
    text = (CHECKOUT.root / "clusters/embedded/network/front.yaml").read_text()
    for inside, here in {
        "port_value: 443}": "port_value: 0}", "port_value: 80}": "port_value: 0}", "/etc/machine/": f"{tmp_path}/",
        "/run/issuer.sock": str(issuer.listens_on), "/run/host/s3.sock": str(tmp_path / "s3.sock"),
    }.items():  # fmt: skip
        assert inside in text
        text = text.replace(inside, here)
    admin = "admin: {address: {pipe: {path: " + str(tmp_path / "a.sock") + "}}}\n"
    (tmp_path / "front.yaml").write_text(admin + fill(text, {"internet_address": "127.0.0.1"}))
    envoy = python_site.site_folder(CHECKOUT, "locks/node.txt", lambda _line: None) / "envoy" / "_bin" / "envoy"
    configured = [str(envoy), "--config-path", str(tmp_path / "front.yaml"), "--disable-hot-restart", "--concurrency", "1"]
    assert "OK" in tools.run([*configured, "--mode", "validate"]).stdout
    process = tools.start_server([*configured, "--log-level", "warn"], log_path=tmp_path / "front.log")
    try:
        port = _listening(tmp_path / "a.sock", process, tmp_path / "front.log")
        status, body = _over_tls(port, authority, "GET", "/tidegate/keys")
        assert (status, len(json.loads(body)["keys"])) == (200, 2)
        status, body = _over_tls(port, authority, "POST", "/tidegate/token", body=urlencode(GRANT), headers={**FORM, **issuer.basic()})
        assert status == 200
        assert issuer.verified(json.loads(body)["access_token"])[1]["tenant"] == "fraud"
    finally:
        tools.stop_server(process)


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
