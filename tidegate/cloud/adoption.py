"""After a killed apply, finds what it created but did not get to write into state, and hands it to Terraform as imports.

Terraform writes state every second (`PERSIST_SECONDS`) while it applies; what it created in the last moment, or was just
creating, is in the account only. Creating it again would fail where names are unique and leave an orphan that costs money
where they are not. A resource is recognised by the arguments that name it, or by its stack's tags and its Name tag.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tidegate.cloud.keys import is_named_by_arguments, key_of
from tidegate.cloud.listed import ListedResource
from tidegate.cloud.state import State

PERSIST_SECONDS = 1
"""For `TF_STATE_PERSIST_INTERVAL`; Terraform's own default is 20."""

IMPORTS_FILE = "adopt.tf.json"
"""Beside the stack's own JSON for the one apply that needs it."""

_REFERENCE = re.compile(r"\$\{([a-z0-9_]+\.[A-Za-z0-9_-]+)\.([a-z0-9_]+)\}")


@dataclass(frozen=True, slots=True)
class Import:
    """One resource to adopt: its address in the configuration, and the id Terraform imports it by."""

    to: str
    id: str


def find_imports(configuration: Mapping[str, Any], stack: str, state: State | None, listed: Iterable[ListedResource]) -> list[Import]:
    """What the account lists as `stack`'s, or under a name only this stack uses, while `state` lacks it.

    `configuration` is the stack's Terraform JSON. The order is the configuration's.
    """
    known: dict[str, Mapping[str, object]] = {instance.address: instance.attributes for instance in state.instances} if state else {}
    ids = {(one.type, one.id) for one in listed}
    by_name = {(one.type, one.name): one.id for one in listed if one.stack == stack and one.name}
    found: list[Import] = []
    # A second look finds what refers to something that the first look found.
    for _ in range(3):
        for address, resource_type, arguments in _resources(configuration):
            if address in known:
                continue
            resource_id = _identify(resource_type, _resolved(arguments, known), ids, by_name)
            if resource_id:
                known[address] = {"id": resource_id, "arn": resource_id, **arguments}
                found.append(Import(address, resource_id))
    return found


def _identify(
    resource_type: str, arguments: Mapping[str, object], ids: set[tuple[str, str]], by_name: Mapping[tuple[str, str], str]
) -> str | None:
    if is_named_by_arguments(resource_type):
        try:
            key = key_of(resource_type, arguments)
        except KeyError:
            return None
        return key if (resource_type, key) in ids else None
    tags = arguments.get("tags")
    name = cast("Mapping[str, str]", tags).get("Name", "") if isinstance(tags, dict) else ""
    return by_name.get((resource_type, name))


def _resources(configuration: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    for resource_type, by_name in configuration.get("resource", {}).items():
        for name, arguments in by_name.items():
            yield f"{resource_type}.{name}", resource_type, arguments


def _resolved(arguments: Mapping[str, object], known: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """The arguments with references to known resources replaced; one that stays open matches nothing."""

    def replace(match: re.Match[str]) -> str:
        return str(known.get(match.group(1), {}).get(match.group(2), match.group(0)))

    return {key: _REFERENCE.sub(replace, value) if isinstance(value, str) else value for key, value in arguments.items()}


def write_imports(folder: Path, stack: str, state: State | None, listed: Iterable[ListedResource]) -> int:
    """Writes the imports of `stack` beside its JSON in `folder`; returns how many there are."""
    configuration = json.loads((folder / "cdk.tf.json").read_text(encoding="utf-8"))
    already = {block["to"] for block in configuration.get("import", [])}
    imports = [one for one in find_imports(configuration, stack, state, listed) if one.to not in already]
    if imports:
        text = json.dumps({"import": [{"to": one.to, "id": one.id} for one in imports]}, indent=2)
        (folder / IMPORTS_FILE).write_text(text + "\n", encoding="utf-8")
    return len(imports)


def remove_imports(folder: Path) -> None:
    """The imports are done."""
    (folder / IMPORTS_FILE).unlink(missing_ok=True)
