"""Asks a cluster: several kinds of objects in one call of kubectl, whatever of them it knows already, and what pods have said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

from pydantic import ValidationError

from tidegate.errors import ToolError
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.log_lines import last_error_line
from tidegate.live.observed import Observed
from tidegate.live.observed_pods import ContainerStatus, Pod
from tidegate.live.observed_routes import Event

_UNKNOWN_KIND = re.compile(r"""the server doesn't have a resource type "([^"]+)\"""")

ObservedT = TypeVar("ObservedT", bound=Observed)


@dataclass(frozen=True, slots=True)
class Look:
    """The objects of one look."""

    objects: Sequence[Observed] = field(default_factory=tuple[Observed, ...])

    def of(self, kind: type[ObservedT]) -> list[ObservedT]:
        """The objects of a kind, by name."""
        return sorted((one for one in self.objects if isinstance(one, kind)), key=lambda one: (one.metadata.namespace, one.metadata.name))

    def named(self, kind: type[ObservedT], name: str) -> ObservedT | None:
        """One object by its name, None when it was not there."""
        return next((one for one in self.of(kind) if one.metadata.name == name), None)


def look(cluster: Kubernetes, kinds: Sequence[type[Observed]], *options: str) -> Look:
    """Every object of the kinds, where `options` say (default: all namespaces); kinds that the cluster does not know yet have none.

    Raises `ToolError` when the API server does not answer.
    """
    return _read(cluster, {kind.RESOURCE: kind for kind in kinds}, {kind.RESOURCE: () for kind in kinds}, options or ("--all-namespaces",))


def look_up(cluster: Kubernetes, wanted: Sequence[tuple[type[Observed], str]], *, namespace: str) -> Look:
    """The objects of that kind and name that are there."""
    by_name: dict[str, tuple[str, ...]] = {}
    for kind, name in wanted:
        by_name[kind.RESOURCE] = (*by_name.get(kind.RESOURCE, ()), name)
    options = (f"--namespace={namespace}", "--ignore-not-found")
    return _read(cluster, {kind.RESOURCE: kind for kind, _ in wanted}, by_name, options)


def log_reader(cluster: Kubernetes) -> Callable[[Pod, ContainerStatus], str]:
    """Gives the last error that a container told of before it ended, empty when nothing is left of it."""

    def read(pod: Pod, container: ContainerStatus) -> str:
        ended = pod.ended(container)
        if ended and ended.message:
            return last_error_line(ended.message)  # kubelet has kept the end of the log
        options = ["logs", pod.metadata.name, f"--namespace={pod.metadata.namespace}", f"--container={container.name}", "--tail=50"]
        now, before = options, [*options, "--previous"]
        for command in (before, now) if container.state.running else (now, before):
            try:
                line = last_error_line(cluster.run(*command, timeout_seconds=15))
            except ToolError:  # kubelet forgets old attempts
                continue
            if line:
                return line
        return ""

    return read


def event_reader(cluster: Kubernetes) -> Callable[[Observed], Sequence[Event]]:
    """Gives the warnings about an object."""

    def read(about: Observed) -> Sequence[Event]:
        chosen = f"--field-selector=involvedObject.kind={about.KIND},involvedObject.name={about.metadata.name},type=Warning"
        return look(cluster, [Event], f"--namespace={about.metadata.namespace}", chosen).of(Event)

    return read


def _read(
    cluster: Kubernetes, kinds: dict[str, type[Observed]], by_name: dict[str, tuple[str, ...]], options: Sequence[str],
) -> Look:  # fmt: skip
    left = dict(kinds)
    while left:
        named = [f"{resource}/{name}" for resource in left for name in by_name[resource]]
        try:
            printed = cluster.run("get", *(named or [",".join(left)]), *options, "--output=json", "--chunk-size=0")
        except ToolError as error:
            # Add-ons bring their kinds one after another, and kubectl names only the first that is missing.
            unknown = _UNKNOWN_KIND.search(error.stderr)
            missing = [resource for resource in left if unknown and resource.partition(".")[0] == unknown[1].partition(".")[0]]
            if not missing:
                raise
            for resource in missing:
                del left[resource]
        else:
            return Look(tuple(_objects(printed, kinds)))
    return Look()


def _objects(printed: str, kinds: dict[str, type[Observed]]) -> list[Observed]:
    if not printed.strip():
        return []
    document = cast("dict[str, object]", json.loads(printed))
    items = cast("list[dict[str, object]]", document["items"] if document.get("kind") == "List" else [document])
    known = {(kind.RESOURCE.partition(".")[2] if "." in kind.RESOURCE else "", kind.KIND): kind for kind in kinds.values()}
    found: list[Observed] = []
    for item in items:
        group = str(item.get("apiVersion", "")).rpartition("/")[0]
        kind = known.get((group, str(item.get("kind", ""))))
        if kind:
            try:
                found.append(kind.model_validate(item))
            except ValidationError:
                continue  # one object that is not as its kind promises must not hide all others
    return found
