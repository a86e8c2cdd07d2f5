"""The candidates of merge gates that this checkout's regions hold beside the tenants of the tree, and the tombstones of former ones."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from tidegate.checkout import Checkout
from tidegate.errors import UsageError
from tidegate.facts.fact import Fact
from tidegate.facts.names import TenantName
from tidegate.facts.platform import Platform
from tidegate.facts.signature import ModelCatalogue
from tidegate.facts.tenant import Tenant
from tidegate.facts.tombstone import Tombstone
from tidegate.tools.files import write_whole


class Candidates(Fact):
    """By name. A tombstone stays until nothing is left of its candidate, or until the next one of its tenant comes."""

    tenants: dict[TenantName, Tenant] = Field(default_factory=dict[str, Tenant])
    tombstones: dict[TenantName, Tombstone] = Field(default_factory=dict[str, Tombstone])
    keys: dict[str, str] = Field(default_factory=dict[str, str])
    """The public keys that sign their files."""

    def beside(self, platform: Platform) -> Platform:
        """The platform with them."""
        catalogue = ModelCatalogue(keys={**platform.catalogue.keys, **self.keys}, models=platform.catalogue.models)
        return Platform(
            platform.clusters, {**platform.tenants, **self.tenants}, {**platform.tombstones, **self.tombstones}, catalogue
        )  # fmt: skip

    def living(self, tenant: Tenant, keys: dict[str, str]) -> Candidates:
        """With `tenant` in place of a former one."""
        tombstones = {name: one for name, one in self.tombstones.items() if name != tenant.name}
        return Candidates(tenants={**self.tenants, tenant.name: tenant}, tombstones=tombstones, keys={**self.keys, **keys})

    def removed(self, tombstone: Tombstone) -> Candidates:
        """Without the one that `tombstone` names."""
        tenants = {name: one for name, one in self.tenants.items() if name != tombstone.name}
        return Candidates(tenants=tenants, tombstones={**self.tombstones, tombstone.name: tombstone}, keys=self.keys)

    def forgotten(self, name: str) -> Candidates:
        """Without that tombstone."""
        tombstones = {each: one for each, one in self.tombstones.items() if each != name}
        return Candidates(tenants=self.tenants, tombstones=tombstones, keys=self.keys if self.tenants else {})


def read_candidates(checkout: Checkout) -> Candidates:
    """What `write_candidates` wrote last; nothing where it never did. Raises `UsageError` for a file that is damaged."""
    path = _path(checkout)
    try:
        return Candidates.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Candidates()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "whole"
        raise UsageError(f"{path}: {where}: {first['msg']}; delete the file, and run `tidegate up`") from error


def write_candidates(checkout: Checkout, candidates: Candidates) -> None:
    """Whole or not at all."""
    path = _path(checkout)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, candidates.model_dump_json(exclude_unset=True).encode())


def _path(checkout: Checkout) -> Path:
    return checkout.embedded / "candidates.json"
