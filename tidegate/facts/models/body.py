"""How large a request's body may be, so that no caller ends a model server by what it sends."""

from __future__ import annotations

BODY_MIB_MAX = 16
"""The most that a model may take. A gateway keeps a body until it is whole: those of 50 callers are 800 MiB, below its limit of 1 GiB."""

BODY_MIB_DEFAULT = 4
"""Taken where a replica has the memory for it. A thousand rows of fifty features are 0.5 MiB of JSON."""

_COPIES = 20
"""How many times its size a body is reckoned to take in a server: as text, as Python's numbers and as the model's own. Not measured; 11 times
would be what a body of 180 MB, which was reported to end a server, takes of the 2 GiB that fraud's replicas have."""

_SHARE = 0.5
"""Of a replica's memory, for the bodies of all requests that are in it at once; the rest is the server and the model."""


def default_mib(memory_gib: float, concurrency: int) -> int:
    """The largest body of a replica with `memory_gib` that answers `concurrency` requests at once, in MiB: a power of two, at least 1."""
    room = memory_gib * 1024 * _SHARE / (_COPIES * concurrency)
    return max(size for size in (1, 2, BODY_MIB_DEFAULT) if size <= max(room, 1))
