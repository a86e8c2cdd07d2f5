"""Takes a served model out of its tenant's file and puts it into the tenant's tombstone, or changes nothing at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from tidegate.checkout import Checkout
from tidegate.errors import UsageError
from tidegate.facts import inventory
from tidegate.facts.platform import Platform, tenant_source
from tidegate.facts.tombstone import tombstone_source
from tidegate.repository.tombstone_files import put, tombstone_text, tried


@dataclass(frozen=True, slots=True)
class ModelRemoval:
    """A model that was removed: the file that it was taken out of and the one that lists it now, relative to the repository."""

    changed: str
    written: str


def remove_model(checkout: Checkout, reference: str, requested_by: str, reason: str, today: date) -> ModelRemoval:
    """Writes the tombstone of a model, `<tenant>/<name>`, and takes the model out of the tenant's file.

    A tombstone of other models of the tenant lists this one too, with the newest reason. Raises `UsageError` when there is no such
    model, it is the only one, or the file is written so that no lines can be taken out of it, and `InventoryError` when the inventory
    is refused as it is or would be afterwards; then nothing is changed.
    """
    platform = inventory.load(checkout.root)
    name, _, model = reference.partition("/")
    if name not in platform.tenants:
        raise UsageError(f"no tenant {name!r}; there are {', '.join(sorted(platform.tenants))}")
    tenant = platform.tenants[name]
    if model not in tenant.models:
        raise UsageError(f"no model {model!r} of {name}; there are {', '.join(sorted(tenant.models))}")
    if len(tenant.models) == 1:
        raise UsageError(f"{reference} is the only model of {name}; `tidegate tenant remove {name}` removes both")
    source, tombstone = tenant_source(name), tombstone_source(name)
    earlier = platform.tombstones.get(name)
    if earlier and not earlier.models:
        raise UsageError(f"{tombstone} removes {name} from {', '.join(earlier.clusters)}; delete it once nothing of {name} runs there")
    written = (checkout.root / source).read_text(encoding="utf-8")
    models = tuple(dict.fromkeys([*(earlier.models if earlier else ()), model]))
    changes = {
        source: without_model(written, model).encode(),
        tombstone: tombstone_text(tenant, requested_by, reason, today, models=models),
    }
    wanted = {other: facts for other, facts in tenant.models.items() if other != model}
    left = tried(checkout, changes) if changes[source] != written.encode() else platform
    if not _is_all_but(platform, left, name, wanted):
        raise UsageError(f"{source}: cannot take out models.{model}; write the models below each other, each as a block of lines")
    put(checkout, changes)
    return ModelRemoval(source, tombstone)


def _is_all_but(before: Platform, after: Platform, tenant: str, models: object) -> bool:
    return after.tenants == {**before.tenants, tenant: before.tenants[tenant].model_copy(update={"models": models})}


def without_model(text: str, model: str) -> str:
    """The tenant's file without the block of one model, with the comments that stand directly above it."""
    lines = text.splitlines(keepends=True)
    begin = next((number for number, line in enumerate(lines) if re.match(r"models:\s*(#.*)?$", line)), None)
    if begin is None:
        return text
    heads = [(number, found) for number, line in enumerate(lines) if number > begin and (found := _KEY.match(line))]
    indent = len(heads[0][1]["indent"]) if heads else 0
    start = next((number for number, found in heads if len(found["indent"]) == indent and found["key"].strip("'\"") == model), None)
    if not indent or start is None:
        return text
    end = start + 1
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip(" ")) > indent):
        end += 1
    while not lines[end - 1].strip():
        end -= 1  # blank lines stay before what follows
    while lines[start - 1].startswith(f"{' ' * indent}#"):
        start -= 1
    return "".join(lines[:start] + lines[end:])


_KEY = re.compile(r"""(?P<indent> *)(?P<key>[^\s#:]+):""")
