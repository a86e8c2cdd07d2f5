"""A region's API server as the platform's own `Kubernetes`, except that what only reads starts no kubectl.

`get` is answered over kept connections when its options are understood here; everything else, and every refusal, is left to
kubectl, whose words the platform judges by. A start of kubectl costs as much of the processor as a hundred such questions.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.acceptance.api_client import ApiClient
from tidegate.live.kubernetes import Kubernetes

_DISCOVERY = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
_SIMPLE_PATH = re.compile(r"\{((?:\.[A-Za-z0-9_-]+)+)\}")
_FLAGS = {"namespace", "all-namespaces", "selector", "field-selector", "output", "ignore-not-found", "chunk-size", "raw", "request-timeout"}


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object and where its objects are."""

    group: str
    version: str
    plural: str
    kind: str
    is_namespaced: bool

    def path(self, namespace: str = "", name: str = "") -> str:
        """Of all objects, of those of a namespace, or of one."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{namespace}" if namespace and self.is_namespaced else ""
        return f"{root}{within}/{self.plural}{f'/{name}' if name else ''}"


@dataclass(frozen=True, slots=True)
class Get:
    """A `kubectl get` that is understood. `wanted` are names of resources, each with the name of one object or without."""

    wanted: tuple[tuple[str, str], ...]
    namespace: str
    everywhere: bool
    query: str
    output: str
    may_lack: bool


def understand(arguments: Sequence[str]) -> Get | None:
    """What a `get` asks for; None when it is something else, or has options that are not known here."""
    if not arguments or arguments[0] != "get":
        return None
    plain = [one for one in arguments[1:] if not one.startswith("--")]
    flags = {name: value for one in arguments[1:] if one.startswith("--") for name, _, value in [one[2:].partition("=")]}
    output = flags.get("output", "")
    if (
        flags.keys() - _FLAGS
        or "raw" in flags
        or not plain
        or not (output == "json" or _SIMPLE_PATH.fullmatch(output.removeprefix("jsonpath=")))
    ):
        return None
    if any("/" in one for one in plain):
        pairs = [one.partition("/") for one in plain]
        wanted = tuple((kind, name) for kind, _, name in pairs)
        if not all(name for _, name in wanted):
            return None
    elif len(plain) == 1:
        wanted = tuple((kind, "") for kind in plain[0].split(","))
    elif "," in plain[0]:
        return None
    else:
        wanted = tuple((plain[0], name) for name in plain[1:])
    asked = {"labelSelector": flags.get("selector", ""), "fieldSelector": flags.get("field-selector", "")}
    query = urlencode({name: value for name, value in asked.items() if value})
    return Get(wanted, flags.get("namespace", ""), "all-namespaces" in flags, query, output, "ignore-not-found" in flags)


def told(document: Any, output: str) -> str:
    """A document as kubectl prints it: whole, or what a simple path leads to."""
    if output == "json":
        return json.dumps(document)
    found: Any = document
    for step in output.removeprefix("jsonpath=")[2:-1].split("."):
        found = found.get(step) if isinstance(found, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if found is None:
        return ""
    return found if isinstance(found, str) else json.dumps(found, separators=(",", ":"))


class Reader:
    """Answers what is understood, from one API server."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._known: dict[str, list[Resource]] = {}

    def close(self) -> None:
        """Ends its connections."""
        self._client.close()

    def answer(self, get: Get, timeout_seconds: float) -> str | None:
        """What kubectl would print; None when kubectl has to say it itself."""
        resources = [self._resource(kind) for kind, _ in get.wanted]
        items: list[Any] = []
        for (_, name), resource in zip(get.wanted, resources, strict=True):
            if resource is None or (resource.is_namespaced and not get.namespace and not get.everywhere):
                return None
            path = resource.path("" if get.everywhere else get.namespace, name)
            status, content = self._client.fetch("GET", f"{path}?{get.query}" if get.query else path, timeout_seconds=timeout_seconds)
            if status == 404 and name and get.may_lack:
                continue
            if status != 200:
                return None
            document = json.loads(content)
            identity = {"apiVersion": document["apiVersion"], "kind": resource.kind}
            found: list[Any] = [document] if name else [{**identity, **one} for one in document["items"]]
            for one in found:
                one["metadata"].pop("managedFields", None)  # kubectl hides them
            items += found
        if len(get.wanted) == 1 and get.wanted[0][1]:
            return told(items[0], get.output) if items else ""
        return told({"apiVersion": "v1", "kind": "List", "items": items}, get.output)

    def raw(self, path: str, timeout_seconds: float) -> str | None:
        """What is at a path; None when it is refused."""
        status, content = self._client.fetch("GET", path, timeout_seconds=timeout_seconds)
        return content.decode() if status == 200 else None

    def _resource(self, name: str) -> Resource | None:
        found = self._known.get(name)
        if found is None:  # never looked, or an add-on has brought it since
            self._known = self._discover()
            found = self._known.get(name, [])
        core = [one for one in found if not one.group]
        return core[0] if core else found[0] if len({one.group for one in found}) == 1 else None

    def _discover(self) -> dict[str, list[Resource]]:
        known: dict[str, list[Resource]] = {}
        for root in ("/api", "/apis"):
            status, content = self._client.fetch("GET", root, headers=_DISCOVERY)
            for group in json.loads(content)["items"] if status == 200 else ():
                own = group["metadata"].get("name", "")
                for version in group["versions"]:
                    for one in version.get("resources", ()):
                        resource = Resource(
                            own, version["version"], one["resource"], one["responseKind"]["kind"], one["scope"] == "Namespaced"
                        )
                        for name in {one["resource"], one.get("singularResource", ""), *one.get("shortNames", ())} - {""}:
                            known.setdefault(name, []).append(resource)
                            known.setdefault(f"{name}.{own}", []).append(resource)
        return known


@dataclass(frozen=True, slots=True)
class KeptKubernetes(Kubernetes):
    """One region's API server, read through `reader` where that can be."""

    reader: Reader

    def run(self, *arguments: str, stdin: str = "", timeout_seconds: float = 60) -> str:
        """As kubectl with `arguments`."""
        answer: str | None = None
        try:
            if arguments[:1] == ("get",) and len(arguments) > 1 and arguments[1].startswith("--raw="):
                answer = self.reader.raw(arguments[1].removeprefix("--raw="), 2 if "--request-timeout=2s" in arguments else timeout_seconds)
            elif get := understand(arguments):
                answer = self.reader.answer(get, timeout_seconds)
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            answer = None
        return Kubernetes.run(self, *arguments, stdin=stdin, timeout_seconds=timeout_seconds) if answer is None else answer


@dataclass(frozen=True, slots=True)
class Readers:
    """The readers of a process, one for each kubeconfig as it is now: a region that was brought up anew has another."""

    _open: dict[Path, tuple[int, Reader]] = field(default_factory=dict[Path, tuple[int, Reader]])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, kubeconfig: Path) -> Reader | None:
        """The reader of a region; None while it has no kubeconfig."""
        with self._lock:
            if not kubeconfig.exists():
                return None
            written = kubeconfig.stat().st_mtime_ns
            known = self._open.get(kubeconfig)
            if known is None or known[0] != written:
                if known:
                    known[1].close()
                known = self._open[kubeconfig] = written, Reader(ApiClient(kubeconfig))
            return known[1]

    def close(self) -> None:
        """Ends all connections."""
        for _, reader in self._open.values():
            reader.close()
        self._open.clear()
