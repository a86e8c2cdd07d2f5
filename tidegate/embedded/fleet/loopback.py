"""TLS through the loopback relays to what answers inside, verified as its other callers verify it."""

from __future__ import annotations

import socket
import ssl

from tidegate.embedded.fleet import internet
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.machines import network

_CONNECT_SECONDS = 10
"""For TLS too: an edge on two busy cores was seen to need more than 5 s for a handshake."""


def connect(local: Local, relay: str, server_name: str) -> ssl.SSLSocket:
    """A connection through `relay` to `server_name`. Raises `OSError`."""
    authority = internet.own_authority(local.machine(network.INTERNET)).certificate_pem.decode()
    context = ssl.create_default_context(cadata=authority)
    port = local.relays()[relay][0]
    plain = socket.create_connection(("127.0.0.1", port), timeout=_CONNECT_SECONDS)
    try:
        return context.wrap_socket(plain, server_hostname=server_name)
    except OSError:
        plain.close()
        raise


def why_not(error: OSError, *, whose: str, behind: str) -> str:
    """What `connect` failed for; `whose` certificate was expected, `behind` the relay should have been what."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not {whose}: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError | ConnectionResetError):
        return f"the relay answers, no {behind} behind it does"
    return str(error)
