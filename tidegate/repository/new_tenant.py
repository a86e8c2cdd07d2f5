"""Writes the file of a new tenant, complete and valid, or nothing at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.errors import UsageError
from tidegate.facts import inventory, names
from tidegate.signing.bundles import digest_of, verify_version
from tidegate.signing.keys import embedded_signer
from tidegate.tools.files import write_whole

_HOT_FLOOR = 2
"""The least floor of a tier on somebody's request path: it must outlive a node."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What only the tenant can say."""

    name: str
    tier: str
    owner: str
    github_team: str
    model: str
    runtime: str
    caller: str
    artefact: Path
    """The folder with version 1 of the model, signed (`tidegate model sign`): its digest is taken from the files themselves."""
    golden_set: Path
    """The folder with the golden set."""
    public_key: Path | None = None
    """A file (PEM) with the key `<tenant>-release` that the model is signed with; default this machine's own of that name."""


def write_new_tenant(checkout: Checkout, answers: Answers) -> Path:
    """Writes `gitops/tenants/<name>.yaml` for every cluster of the inventory and returns its path.

    Raises `UsageError` when the tenant exists, `SigningError` when the artefact is not version 1 of that model, signed by that key, and
    `InventoryError` when the file would be refused; then nothing is written.
    """
    if "/" in answers.name or answers.name.startswith("."):  # such as `../x`, which must not leave the folder
        raise UsageError(f"{answers.name!r} is no tenant name; use lower-case letters, digits and dashes")
    path = checkout.root / "gitops" / "tenants" / f"{answers.name}.yaml"
    if path.exists():
        raise UsageError(f"tenant {answers.name} exists: gitops/tenants/{answers.name}.yaml; edit that file or choose another name")
    clusters = sorted(inventory.load(checkout.root).clusters)
    text = _text(answers, clusters, _verified_digest(answers), digest_of(answers.golden_set))
    with tempfile.TemporaryDirectory(prefix="tidegate-new-tenant-") as name:
        trial = Path(name)
        shutil.copytree(checkout.root / "clusters" / "inventory", trial / "clusters" / "inventory")
        for folder in ("tenants", "tombstones"):
            if (checkout.root / "gitops" / folder).is_dir():
                shutil.copytree(checkout.root / "gitops" / folder, trial / "gitops" / folder)
        (trial / "gitops" / "tenants" / f"{answers.name}.yaml").write_text(text, encoding="utf-8")
        inventory.load(trial)
    write_whole(path, text.encode())
    return path


def _verified_digest(answers: Answers) -> str:
    """The digest of the artefact's files, after their bytes, signature, name and version were verified."""
    sha256, key_id = digest_of(answers.artefact), names.release_key(answers.name)
    pem = answers.public_key.read_text(encoding="ascii", errors="replace") if answers.public_key else embedded_signer(key_id).public_pem()
    verify_version(answers.artefact, f"{answers.name}/{answers.model}/1", sha256, key_id, pem)
    return sha256


def _text(answers: Answers, clusters: list[str], sha256: str, golden_sha256: str) -> str:
    is_hot = answers.tier in {"regulated", "critical"}
    floor = _HOT_FLOOR if is_hot else 0
    model_root = f"s3://tidegate-models/{answers.name}/{answers.model}"
    rollout = ["strategy: pinned"] if answers.tier == "batch" else ["strategy: canary", "steps_percent: [10, 25, 50, 100]"]
    approval = ["    approval:", "      system: servicenow", f"      approver_group: {answers.name}-approvers"] if is_hot else []
    lines = [
        "# yaml-language-server: $schema=../../tidegate/facts/schemas/tenant.schema.json",
        f"name: {answers.name}",
        f"tier: {answers.tier}",
        f"owners: [{answers.owner}]",
        f"github_team: {json.dumps(answers.github_team)}",
        f"clusters: [{', '.join(clusters)}]",
        "",
        "# The most this tenant may use in one cluster at once.",
        "quota:",
        "  cpu: 16",
        "  memory_gib: 32",
        "  pods: 20",
        "budget_usd_per_month: 1000",
        "requests_per_second: 50",
        "",
        "callers:",
        f"  - subject: {answers.caller}",
        "",
        "models:",
        f"  {answers.model}:",
        f"    runtime: {answers.runtime}",
        "    artefact:",
        "      version: 1",
        f"      uri: {model_root}/1",
        f"      sha256: {sha256}",
        "      signature:",
        f"        uri: {model_root}/1/model.sig",
        f"        key_id: {names.release_key(answers.name)}",
        "    resources:",
        "      cpu: 1",
        "      memory_gib: 2",
        "    scaling:",
        f"      min_replicas: {floor}",
        "      max_replicas: 4",
        "    slo:",
        "      p99_ms: 200",
        f"      availability: {0.999 if is_hot else 0.99}",
        "    rollout:",
        *[f"      {line}" for line in rollout],
        *approval,
        "    golden_set:",
        f"      uri: {model_root}/golden/1",
        f"      sha256: {golden_sha256}",
        "      metric: auc",
        "      threshold: 0.8",
        "    load_profile:",
        "      requests_per_second: 10",
        "      duration_seconds: 60",
    ]
    return "\n".join(lines) + "\n"
