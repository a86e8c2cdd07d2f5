"""Sizes: the API server keeps every object whole in etcd, which takes no request above its limit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from tidegate.errors import Finding
from tidegate.facts import names
from tidegate.manifests.placed import Placed, fields
from tidegate.manifests.tree import name_of

BYTES_MAX = 1024**2
"""As JSON. etcd takes requests of 1.5 MiB (`DefaultMaxRequestBytes` of server/embed/config.go); Argo CD and the API server add
annotations, managed fields and a status to what we render."""


_RETIRE = "take versions off that nobody will return to: `tidegate model catalogue <tenant> --retire <tenant>/<model>/<version>`, then `tidegate render`"
"""The list that admission reads cannot be rendered as several: a policy that finds several parameters wants each of them to agree."""


def json_bytes(manifest: Mapping[str, object]) -> int:
    """The size of an object as compact JSON, whatever numbers somebody wrote into it."""
    return len(json.dumps(manifest, separators=(",", ":"), ensure_ascii=False, default=str).encode(errors="backslashreplace"))


def size_findings(placed: Placed) -> Iterator[Finding]:
    """A larger object is refused at the merge, or when its status has grown."""
    if (size := json_bytes(placed.manifest)) <= BYTES_MAX:
        return
    problem = f"{size} bytes as JSON, at most {BYTES_MAX}"
    if placed.kind == "ConfigMap" and name_of(placed.manifest) == names.MODEL_CATALOGUE:
        versions = len(fields(placed.manifest.get("data")))
        yield placed.finding("object-too-large", "data", problem, _RETIRE, f"{versions} versions")
    else:
        yield placed.finding("object-too-large", "", problem, "render it as several objects")
