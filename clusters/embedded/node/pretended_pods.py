"""Says for pods on KWOK's nodes what their queue-proxies would say while nobody asks them: that nothing is under way.

Without it Knative hears nothing of them and keeps them for ever. Nothing else of these pods answers: they are scheduled, not
executed. A route makes their addresses this node's own (programs.yaml), so that every one of them reaches the one server here.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import struct
from typing import cast

PORT = 9090
"""Where Knative's autoscaler asks a pod (`http-autometric`)."""

PROTOBUF = "application/protobuf"
"""All that the autoscaler reads."""

LONGEST_REQUEST_BYTES = 8192

LONG_AGO = 86_400.0
"""Seconds that a pod says it runs. The autoscaler looks again and again at those younger than its window."""


def stat(pod: str) -> bytes:
    """Knative's message `Stat` (pkg/autoscaler/metrics/stat.proto): whose it is, no request, and that it has run for long.

    A number that is left out is zero. Fields 1 (text) and 6 (double) are short enough to be written by hand.
    """
    name = pod.encode()
    return bytes([1 << 3 | 2, len(name)]) + name + bytes([6 << 3 | 1]) + struct.pack("<d", LONG_AGO)


class Answer(asyncio.Protocol):
    """One connection. Knative opens a new one to each pod every second, so no thread and no parser of headers is started for it."""

    def __init__(self, pods: ipaddress.IPv4Network) -> None:
        self._pods = pods
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Notes which pod is asked."""
        self._transport = cast("asyncio.Transport", transport)
        self._pod = str(transport.get_extra_info("sockname")[0])

    def data_received(self, data: bytes) -> None:
        """Answers every request that has come whole."""
        self._read += data
        while b"\r\n\r\n" in self._read:
            request, _, self._read = self._read.partition(b"\r\n\r\n")
            self._transport.write(self._answer(request))
        if len(self._read) > LONGEST_REQUEST_BYTES:
            self._transport.close()

    def _answer(self, request: bytes) -> bytes:
        if not request.startswith(b"GET /metrics ") or ipaddress.IPv4Address(self._pod) not in self._pods:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        body = stat(self._pod)
        return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (PROTOBUF.encode(), len(body), body)


async def serve(address: str, port: int, pods: ipaddress.IPv4Network) -> asyncio.Server:
    """Answers for the addresses of `pods`, and for no other that this machine has."""
    return await asyncio.get_running_loop().create_server(lambda: Answer(pods), address, port)


async def main(pods: ipaddress.IPv4Network) -> None:
    """Serves until it is killed."""
    server = await serve("0.0.0.0", PORT, pods)  # noqa: S104 - thousands of addresses, in a namespace without a way out
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("pods", type=ipaddress.IPv4Network, help="the addresses of KWOK's pods")
    asyncio.run(main(parser.parse_args().pods))
