"""Says for pods on KWOK's nodes what their queue-proxies would say while nobody asks them: that nothing is under way.

Without it Knative hears nothing of them and keeps them for ever. Nothing else of these pods answers: they are scheduled, not
executed. A route makes their addresses this node's own (programs.yaml), so that every one of them reaches the one server here.
"""

from __future__ import annotations

import argparse
import ipaddress
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 9090
"""Where Knative's autoscaler asks a pod (`http-autometric`)."""

PROTOBUF = "application/protobuf"
"""All that the autoscaler reads."""

LONG_AGO = 86_400.0
"""Seconds that a pod says it runs. The autoscaler looks again and again at those younger than its window."""


def stat(pod: str) -> bytes:
    """Knative's message `Stat` (pkg/autoscaler/metrics/stat.proto): whose it is, no request, and that it has run for long.

    A number that is left out is zero. Fields 1 (text) and 6 (double) are short enough to be written by hand.
    """
    name = pod.encode()
    return bytes([1 << 3 | 2, len(name)]) + name + bytes([6 << 3 | 1]) + struct.pack("<d", LONG_AGO)


def server(address: str, port: int, pods: ipaddress.IPv4Network) -> ThreadingHTTPServer:
    """Answers for the addresses of `pods`, and for no other that this machine has."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            pod = self.connection.getsockname()[0]
            known = ipaddress.IPv4Address(pod) in pods and self.path == "/metrics"
            body = stat(pod) if known else b""
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", PROTOBUF)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - upstream's name
            """Nothing: each pod is asked every second."""

    return ThreadingHTTPServer((address, port), Handler)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("pods", type=ipaddress.IPv4Network, help="the addresses of KWOK's pods")
    server("0.0.0.0", PORT, parser.parse_args().pods).serve_forever()  # noqa: S104 - thousands of addresses, in a namespace without a way out
