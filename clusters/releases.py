"""The releases of `clusters/releases.yaml`, for what is rendered."""

from __future__ import annotations

from pathlib import Path

from tidegate.facts.inventory.releases import load_releases

RELEASES = load_releases(Path(__file__).resolve().parents[1])
