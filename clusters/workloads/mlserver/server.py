"""Starts MLServer with connections that outlive those who keep them, and answers that say which model gave them.

Knative's queue-proxy keeps a connection for 90 idle seconds and uvicorn, by default, for 5. When the server closed one just as
a request was written into it, the caller got a 502: a request with a body is not sent twice. MLServer has a field for
uvicorn's settings, but no file or variable that fills it in.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from mlserver.cli import main
from mlserver.rest.server import RESTServer
from uvicorn import Config

from clusters.workloads import verified_model
from clusters.workloads.mlserver import answers

KEEP_ALIVE_SECONDS = 120
"""Longer than the 90 s of Go's default transport, which queue-proxy uses."""

Event = dict[str, Any]
Receive, Send = Callable[[], Awaitable[Event]], Callable[[Event], Awaitable[None]]
Application = Callable[[Event, Receive, Send], Awaitable[None]]
"""As ASGI 3 has them."""

_configure = RESTServer._get_config  # noqa: SLF001 - MLServer offers no other way


class Named:
    """Adds headers to every answer of an ASGI application."""

    def __init__(self, application: Application, headers: Mapping[str, str]) -> None:
        self._application = application
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """One request."""

        async def named(message: Event) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._headers]
            await send(message)

        await self._application(scope, receive, named)


def _with_patience(server: RESTServer) -> Config:
    config = _configure(server)
    config.timeout_keep_alive = KEEP_ALIVE_SECONDS
    config.app = Named(config.app, verified_model.answer_headers(Path(sys.argv[-1])))
    return config


RESTServer._get_config = _with_patience  # noqa: SLF001
answers.install()

if __name__ == "__main__":
    main()
