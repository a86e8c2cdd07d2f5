"""Tombstones as commands write them: tried out beside the inventory first, then put in place together with what they replace."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.host_refusals import naming

_FOLDERS = ("clusters/inventory", "gitops/tenants", "gitops/tombstones")


def tombstone_text(
    tenant: Tenant, requested_by: str, reason: str, today: date, *, clusters: Sequence[str] = (), models: Sequence[str] = (),
) -> bytes:  # fmt: skip
    """The file of a tombstone of `tenant`, or of `models` of it, in `clusters` (default: where the tenant runs)."""
    lines = [
        "# yaml-language-server: $schema=../../tidegate/facts/schemas/tombstone.schema.json",
        f"name: {tenant.name}",
        *([f"namespace: {tenant.namespace}"] if tenant.namespace else []),
        f"clusters: [{', '.join(clusters or tenant.clusters)}]",
        *([f"models: [{', '.join(models)}]"] if models else []),
        # As JSON, which YAML reads alike: whatever was typed arrives as that very text, or is refused as such.
        f"requested_by: {json.dumps(requested_by, ensure_ascii=False)}",
        f"reason: {json.dumps(reason, ensure_ascii=False)}",
        f'removed_on: "{today.isoformat()}"',
    ]
    # What no text file can hold is left to the reader to refuse.
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")


def tried(checkout: Checkout, changes: Mapping[str, bytes | None]) -> Platform:
    """The inventory as it would be with `changes`: files relative to the repository, None for one that goes.

    Raises `InventoryError` when it would be refused.
    """
    with tempfile.TemporaryDirectory(prefix="tidegate-tombstone-") as folder:
        trial = Path(folder)
        for path in _FOLDERS:
            if (checkout.root / path).is_dir():
                shutil.copytree(checkout.root / path, trial / path)
        for path, content in changes.items():
            if content is None:
                (trial / path).unlink()
            else:
                (trial / path).parent.mkdir(exist_ok=True)
                (trial / path).write_bytes(content)
        return inventory.load(trial)


def put(checkout: Checkout, changes: Mapping[str, bytes | None]) -> None:
    """Makes `changes` in the checkout; when one fails, everything is as it was."""
    files = {checkout.root / path: content for path, content in changes.items()}
    before = {path: path.read_bytes() if path.is_file() else None for path in files}
    missing = [folder for folder in dict.fromkeys(path.parent for path in files) if not folder.is_dir()]
    try:
        for folder in missing:
            folder.mkdir()
        _write({path: content for path, content in files.items() if content is not None})
        # Last: until then all that is to be written is there.
        for path, content in files.items():
            if content is None:
                path.unlink()
    except BaseException:
        _restore(before)
        for folder in missing:
            folder.rmdir()
        raise


def _write(files: Mapping[Path, bytes]) -> None:
    for path, content in files.items():
        with naming(path):
            _staged(path).write_bytes(content)
    for path in files:
        _staged(path).replace(path)


def _restore(before: Mapping[Path, bytes | None]) -> None:
    for path, content in before.items():
        _staged(path).unlink(missing_ok=True)
        if content is None:
            path.unlink(missing_ok=True)
        elif not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)


def _staged(path: Path) -> Path:
    return path.with_suffix(".new")  # not a suffix that anybody reads
