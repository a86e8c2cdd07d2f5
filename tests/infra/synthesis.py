"""Terraform JSON as the tests look at it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tidegate.contracts.stacks import LISTING

ENDPOINT = "http://127.0.0.1:1"
"""Of an emulator that nobody asks: synthesis opens no connection."""

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Synthesis:
    """One synthesised tree."""

    folder: Path
    stacks: Mapping[str, Attributes]
    """Terraform JSON by stack name."""
    listing: Attributes

    def each(self, resource_type: str, *stack_names: str) -> Iterator[tuple[str, str, Attributes]]:
        """(stack, name, attributes) of every resource of a type, in the named stacks or in all."""
        for stack, document in self.stacks.items():
            if stack_names and stack not in stack_names:
                continue
            for name, attributes in document.get("resource", {}).get(resource_type, {}).items():
                yield stack, name, attributes

    def one(self, address: str) -> Attributes:
        """The resource `<stack>/<type>.<name>`."""
        stack, _, rest = address.partition("/")
        resource_type, _, name = rest.partition(".")
        return self.stacks[stack]["resource"][resource_type][name]


def read_synthesis(folder: Path) -> Synthesis:
    """Reads what `infra.main` wrote."""
    stacks = {path.parent.name: json.loads(path.read_text()) for path in sorted(folder.glob("stacks/*/cdk.tf.json"))}
    return Synthesis(folder, stacks, json.loads((folder / LISTING).read_text()))


def statements(policy: str) -> list[Attributes]:
    """The statements of a policy document."""
    return json.loads(policy)["Statement"]


def without_metadata(value: Any) -> Any:
    """The Terraform JSON without cdktf's `//` comments, which carry its version."""
    if isinstance(value, dict):
        return {key: without_metadata(inner) for key, inner in cast("Attributes", value).items() if key != "//"}
    if isinstance(value, list):
        return [without_metadata(inner) for inner in cast("list[Any]", value)]
    return value
