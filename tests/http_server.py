"""A server of HTTP on loopback that many callers reach at the same time."""

from __future__ import annotations

import http.server
import sys


class Server(http.server.ThreadingHTTPServer):
    """The standard library's, whose queue of five makes the kernel drop further connections on a busy machine: each then waits a second."""

    request_queue_size = 1024

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing about callers that gave up."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] - annotated as a socket's pair, unused
