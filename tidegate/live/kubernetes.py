"""Talks to a region's API server through kubectl and the loopback relay; reads only the fields that we judge."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tidegate import tools
from tidegate.errors import ToolError
from tidegate.manifests.yaml_text import Manifest


class Read(BaseModel):
    """Part of a Kubernetes object; what we do not judge is not read."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Metadata(Read):
    """Who the object is."""

    name: str
    namespace: str = ""
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    annotations: dict[str, str] = Field(default_factory=dict[str, str])
    creation_timestamp: str = Field(default="", alias="creationTimestamp")


class Condition(Read):
    """One line of a status."""

    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    since: str | None = Field(default=None, alias="lastTransitionTime")


ReadT = TypeVar("ReadT", bound=Read)


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """One region's API server. Every call raises `ToolError` with kubectl's own words when it is refused."""

    kubectl: Path
    kubeconfig: Path

    def run(self, *arguments: str, stdin: str = "", timeout_seconds: float = 60) -> str:
        """Kubectl with `arguments`; returns what it printed."""
        command = [str(self.kubectl), f"--kubeconfig={self.kubeconfig}", *arguments]
        return tools.run(command, stdin=stdin, timeout_seconds=timeout_seconds).stdout

    def watch(self, path: str, on_line: Callable[[str], None]) -> None:
        """Hands each change below the API server's `path`, a JSON line of its own, to `on_line`; returns when the server ends it."""
        tools.stream([str(self.kubectl), f"--kubeconfig={self.kubeconfig}", "get", f"--raw={path}"], on_line)

    def is_ready(self) -> bool:
        """Whether the API server calls itself ready."""
        try:
            return self.run("get", "--raw=/readyz", "--request-timeout=2s") == "ok"
        except ToolError:
            return False

    def apply(self, manifests: Sequence[Manifest], *, manager: str = "tidegate") -> None:
        """Applies the objects on the server's side, as the owner `manager` of the fields they set."""
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        options = ["--server-side", f"--field-manager={manager}", "--force-conflicts", "--filename=-"]
        self.run("apply", *options, stdin=document, timeout_seconds=180)

    def wait_until_rolled_out(self, deployment: str, namespace: str, *, patience_seconds: int = 180) -> None:
        """Returns when every pod of a Deployment is ready; raises `ToolError` after `patience_seconds`."""
        what = [f"deployment/{deployment}", f"--namespace={namespace}", f"--timeout={patience_seconds}s"]
        self.run("rollout", "status", *what, timeout_seconds=patience_seconds + 20)

    def read(self, kind: str, model: type[ReadT], *, namespace: str | None = None, selector: str = "") -> list[ReadT]:
        """Every object of a kind, in all namespaces by default; none when the cluster does not know the kind yet."""
        where = [f"--namespace={namespace}"] if namespace else ["--all-namespaces"]
        try:
            printed = self.run("get", kind, *where, f"--selector={selector}", "--output=json", "--chunk-size=0")
        except ToolError as error:
            if "the server doesn't have a resource type" in error.stderr:
                return []
            raise
        return [model.model_validate(each) for each in json.loads(printed)["items"]]

    def find(self, kind: str, name: str, model: type[ReadT], *, namespace: str) -> ReadT | None:
        """One object, None when it is not there."""
        try:
            printed = self.run("get", kind, name, f"--namespace={namespace}", "--output=json", "--ignore-not-found")
        except ToolError as error:
            if "the server doesn't have a resource type" in error.stderr:
                return None
            raise
        return model.model_validate_json(printed) if printed.strip() else None
