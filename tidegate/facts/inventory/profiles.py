"""Reads `clusters/embedded/profiles.yaml`: what models must carry on the embedded region."""

from __future__ import annotations

from pathlib import Path

from tidegate.errors import Finding, InventoryError
from tidegate.facts.inventory.read import read_fact
from tidegate.facts.models.embedded_profile import EmbeddedProfile, EmbeddedProfiles
from tidegate.facts.platform import Platform

PROFILES = Path("clusters/embedded/profiles.yaml")


def profile_findings(root: Path, platform: Platform) -> list[Finding]:
    """What is wrong with the file; nothing where somebody has none, who judges nothing on an embedded region."""
    if not (root / PROFILES).is_file():
        return []
    try:
        load_profiles(root, platform)
    except InventoryError as error:
        return list(error.findings)
    return []


def load_profiles(root: Path, platform: Platform) -> dict[str, EmbeddedProfile]:
    """By `<tenant>/<model>`. Raises `InventoryError` when the file is refused or names a model that no tenant has."""
    profiles = read_fact(root, PROFILES, EmbeddedProfiles).profiles
    known = [f"{tenant}/{model}" for tenant, facts in sorted(platform.tenants.items()) for model in sorted(facts.models)]
    removed = {f"{tombstone.name}/{model}" for tombstone in platform.tombstones.values() for model in tombstone.models}
    strange = [
        one for one in sorted(profiles) if one not in known and one not in removed and one.partition("/")[0] not in platform.tombstones
    ]
    if strange:
        remedy = f"write one of {', '.join(known)}, or remove the entry"
        raise InventoryError([
            Finding(PROFILES.as_posix(), f"profiles.{one}", "profile-of-no-model", "no tenant serves such a model", remedy) for one in strange
        ])  # fmt: skip
    return profiles
