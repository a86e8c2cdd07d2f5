"""Starts MLServer with connections that outlive those who keep them.

Knative's queue-proxy keeps a connection for 90 idle seconds and uvicorn, by default, for 5. When the server closed one just as
a request was written into it, the caller got a 502: a request with a body is not sent twice. MLServer has a field for
uvicorn's settings, but no file or variable that fills it in.
"""

from __future__ import annotations

from mlserver.cli import main
from mlserver.rest.server import RESTServer
from uvicorn import Config

KEEP_ALIVE_SECONDS = 120
"""Longer than the 90 s of Go's default transport, which queue-proxy uses."""

_configure = RESTServer._get_config  # noqa: SLF001 - MLServer offers no other way


def _with_patience(server: RESTServer) -> Config:
    config = _configure(server)
    config.timeout_keep_alive = KEEP_ALIVE_SECONDS
    return config


RESTServer._get_config = _with_patience  # noqa: SLF001

if __name__ == "__main__":
    main()
