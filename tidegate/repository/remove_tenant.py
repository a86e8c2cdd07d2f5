"""Moves a tenant from `gitops/tenants` to `gitops/tombstones`, or changes nothing at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.errors import UsageError
from tidegate.facts import inventory
from tidegate.facts.platform import tenant_source
from tidegate.facts.tombstone import tombstone_source
from tidegate.host_refusals import naming

_FOLDERS = ("clusters/inventory", "gitops/tenants", "gitops/tombstones")


@dataclass(frozen=True, slots=True)
class Removal:
    """A tenant that was moved: the file that is gone and the one that was written, relative to the repository."""

    deleted: str
    written: str


def remove_tenant(checkout: Checkout, name: str, requested_by: str, reason: str, today: date) -> Removal:
    """Writes the tombstone of tenant `name` and deletes its file.

    Raises `UsageError` when there is no such tenant, `InventoryError` when the inventory is refused as it is, or would be
    without the tenant (somebody still names it as a caller), or would be with this tombstone; then nothing is changed.
    """
    tenants = inventory.load(checkout.root).tenants
    if name not in tenants:
        raise UsageError(f"no tenant {name!r}; there are {', '.join(sorted(tenants))}")
    old, new = tenant_source(name), tombstone_source(name)
    tenant = tenants[name]
    lines = [
        "# yaml-language-server: $schema=../../tidegate/facts/schemas/tombstone.schema.json",
        f"name: {name}",
        *([f"namespace: {tenant.namespace}"] if tenant.namespace else []),
        f"clusters: [{', '.join(tenant.clusters)}]",
        # As JSON, which YAML reads alike: whatever was typed arrives as that very text, or is refused as such.
        f"requested_by: {json.dumps(requested_by, ensure_ascii=False)}",
        f"reason: {json.dumps(reason, ensure_ascii=False)}",
        f'removed_on: "{today.isoformat()}"',
    ]
    # What no text file can hold is left to the reader to refuse.
    content = ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")
    with tempfile.TemporaryDirectory(prefix="tidegate-remove-tenant-") as folder:
        trial = Path(folder)
        for path in _FOLDERS:
            if (checkout.root / path).is_dir():
                shutil.copytree(checkout.root / path, trial / path)
        (trial / old).unlink()
        (trial / new).parent.mkdir(exist_ok=True)
        (trial / new).write_bytes(content)
        inventory.load(trial)
    _move(checkout.root / old, checkout.root / new, content)
    return Removal(old, new)


def _move(old: Path, new: Path, content: bytes) -> None:
    """Puts `content` in `new` and takes `old` away; when that fails, `new` goes again."""
    had_folder = new.parent.is_dir()
    new.parent.mkdir(exist_ok=True)
    staged = new.with_suffix(".new")  # not a suffix that anybody reads
    try:
        with naming(new):
            staged.write_bytes(content)
        staged.replace(new)
        old.unlink()
    except BaseException:
        for leftover in (staged, new):
            leftover.unlink(missing_ok=True)
        if not had_folder:
            new.parent.rmdir()
        raise
