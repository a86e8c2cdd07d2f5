"""The model registry of one running region: files fetched from it, and a candidate's put into it."""

from __future__ import annotations

from pathlib import Path

from tidegate.cloud.account import Account
from tidegate.cloud.model_buckets import registries_of
from tidegate.embedded import emulator, example_models
from tidegate.embedded.fleet.bring_up import Local
from tidegate.facts import cloud_names, names
from tidegate.repository.verify_models import buckets
from tidegate.signing.bundles import SigningError
from tidegate.tools.progress import OnProgress


def fetch(local: Local, region: str, uri: str, folder: Path) -> Path:
    """What the registry holds at `uri`, put into the empty `folder`. Raises `SigningError` where it holds nothing."""
    return buckets(local.platform, _account(local))[_bucket(local, region)].fetch(uri, folder)


def find_file(local: Local, region: str, path: str, name: str, folder: Path) -> Path | None:
    """The file `name` below `path`, put into `folder`; None where the registry holds none."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        found = fetch(local, region, f"{names.MODEL_REGISTRY_URI}{path}", folder) / name
    except SigningError:  # nothing is there
        return None
    return found if found.is_file() else None


def upload(local: Local, region: str, folder: Path, on_progress: OnProgress) -> None:
    """Puts every file below `folder` where the region's pods fetch theirs."""
    bucket = _bucket(local, region)
    example_models.upload_folder(folder, {bucket: registries_of(local.platform, _account(local))[bucket]}, on_progress)


def _account(local: Local) -> Account:
    running, _ = emulator.ensure_running(local.checkout)
    return Account(running.endpoint)


def _bucket(local: Local, region: str) -> str:
    return cloud_names.models_bucket(region, local.platform.clusters[region].account_id)
