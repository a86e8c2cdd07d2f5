"""Admission policies: each folder of `policies/`, filled with the facts of one cluster and with its exemptions.

A `policy.yaml` is a ValidatingAdmissionPolicy and its binding as the API server takes them; `${...}` stands for a fact of
`_facts`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml_rs

from clusters.components.admission.awaited_policies import awaited
from clusters.components.admission.policy_exemptions import EXEMPTIONS, POLICY_NAME, Exemption, Exemptions, let_in
from clusters.components.admission.policy_groups import Document, grouped
from clusters.components.admission.writers import accounts
from clusters.components.network.edge_limits import hosts, subjects
from clusters.components.serving.runtimes import MODEL_FORMATS
from tidegate.contracts.release_names import ANNOTATION_WITHOUT_PARAMETER, GUARD_CONFIG_MAP
from tidegate.errors import Finding, ManifestError
from tidegate.facts import cloud_names, names
from tidegate.facts.cluster import Cluster
from tidegate.facts.inventory.read import read_fact
from tidegate.facts.models.images import admitted
from tidegate.facts.models.route_names import LIVE_ENDING
from tidegate.facts.platform import Platform
from tidegate.facts.stage import Stage
from tidegate.facts.tenant import Tier
from tidegate.manifests import policy_files
from tidegate.manifests.yaml_text import Manifest

COMPONENT = "policies"

ROOT = Path(__file__).resolve().parents[3]
"""The checkout that this code is in."""

_KINDS = ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]
_NO_PARAMETER = {"parameterNotFoundAction": "Deny"}


def objects(
    platform: Platform, cluster: Cluster, root: Path = ROOT, *, without: Collection[str] = awaited()
) -> Iterator[Manifest]:  # fmt: skip
    """What the API server gets of `root / "policies"`: policies and their bindings, those for objects of tenants as one.

    `without` names those that are not in force yet. Raises as `by_folder` does.
    """
    for document in grouped([pair for pair in by_folder(platform, cluster, root) if pair[0]["metadata"]["name"] not in without]):
        document["metadata"]["labels"] = names.component_labels(COMPONENT)
        yield cast("Manifest", document)


def by_folder(platform: Platform, cluster: Cluster, root: Path = ROOT) -> list[tuple[Document, Document]]:
    """Policy and binding of every folder of `root / "policies"`.

    Raises `ManifestError` for a file that is no policy and its binding, does not fail closed, or names an unknown fact, and
    `InventoryError` for a refused file of exemptions.
    """
    facts = _facts(platform, cluster)
    listed = read_fact(root, EXEMPTIONS, Exemptions).exemptions
    folders = sorted(path.parent for path in (root / "policies").glob("*/policy.yaml"))
    unknown = sorted({entry.policy for entry in listed} - {folder.name for folder in folders})
    if not folders or unknown:
        problem = f"no policy {', '.join(unknown)}" if unknown else "no policy at all"
        raise ManifestError([Finding(EXEMPTIONS.as_posix(), "exemptions", "policy-unknown", problem, "name a folder of policies/")])
    return [
        _policy(folder, facts, [entry for entry in listed if (entry.policy, entry.cluster) == (folder.name, cluster.name)])
        for folder in folders
    ]


def _policy(folder: Path, facts: Mapping[str, str], exempt: Sequence[Exemption]) -> tuple[Document, Document]:
    source = f"policies/{folder.name}/policy.yaml"
    policy, binding = _documents(source, _text(folder / "policy.yaml"), facts)
    if findings := list(_odd(source, folder.name, policy, binding)):
        raise ManifestError(findings)
    if exempt:
        let_in(policy["spec"], exempt)
    return policy, binding


def _documents(source: str, text: str, facts: Mapping[str, str]) -> list[Document]:
    if unknown := sorted(policy_files.placeholders(text) - facts.keys()):
        remedy = f"one of {', '.join(sorted(facts))}"
        raise ManifestError([Finding(source, "", "fact-unknown", f"no fact {', '.join(unknown)}", remedy)])
    try:
        loaded = cast("object", yaml_rs.loads(policy_files.filled(text, facts), parse_datetime=False))
    except ValueError as error:
        problem = str(error).strip().replace("\n", " ")
        raise ManifestError([Finding(source, "", "yaml-syntax", problem, "write plain YAML")]) from error
    documents = cast("list[object]", loaded if isinstance(loaded, list) else [loaded])
    described = [cast("Document", document) for document in documents if isinstance(document, dict)]
    if [
        each.get("kind") for each in described if "name" in each.get("metadata", ()) and "spec" in each
    ] != _KINDS or documents != described:
        raise ManifestError(
            [Finding(source, "kind", "policy-kinds", "not one policy and then its binding", f"write {' and '.join(_KINDS)}")]
        )
    return described


def _odd(source: str, name: str, policy: Mapping[str, Any], binding: Mapping[str, Any]) -> Iterator[Finding]:
    """What the API server would take, and we do not."""
    parameter = binding["spec"].get("paramRef", _NO_PARAMETER)["parameterNotFoundAction"]
    may_lack = bool(policy["metadata"].get("annotations", {}).get(ANNOTATION_WITHOUT_PARAMETER))
    for path, found, wanted in (
        ("metadata.name", policy["metadata"]["name"], name),
        ("spec.failurePolicy", policy["spec"].get("failurePolicy"), "Fail"),
        ("[1].metadata.name", binding["metadata"]["name"], name),
        ("[1].spec.policyName", binding["spec"].get("policyName"), name),
        ("[1].spec.validationActions", binding["spec"].get("validationActions"), ["Deny", "Audit"]),
        ("[1].spec.paramRef.parameterNotFoundAction", parameter, "Allow" if may_lack else "Deny"),
    ):
        if found != wanted:
            yield Finding(source, path, "policy-field", f"must be {wanted}", "correct it", str(found))
    if not re.match(POLICY_NAME, name):
        remedy = "begin with require-, forbid-, limit- or default-"
        yield Finding(source, "metadata.name", "policy-name", "does not say what it does", remedy, name)
    missing = {names.ANNOTATION_REASON, names.ANNOTATION_REFUSES} - policy["metadata"].get("annotations", {}).keys()
    for annotation in sorted(missing):
        yield Finding(source, f"metadata.annotations[{annotation}]", "policy-undescribed", "is missing", "say why the policy is there")
    for index, validation in enumerate(policy["spec"].get("validations", ())):
        if not validation.get("message"):
            yield Finding(source, f"spec.validations[{index}].message", "policy-silent", "is missing", "say what is wrong; and what to do")


def _facts(platform: Platform, cluster: Cluster) -> dict[str, str]:
    """What `${...}` may name."""
    tenants = platform.tenants_of(cluster.name)
    return {
        **accounts(),
        "canary_tiers": _cel(sorted(tier for tier in Tier if tier.is_hot) if cluster.stage is Stage.PRODUCTION else []),
        "edge_namespace": names.NAMESPACE_EDGE,
        "guard_config_map": GUARD_CONFIG_MAP,
        "image_catalogue": _cel(admitted(platform.images)),
        "live_ending": LIVE_ENDING,
        "model_catalogue": names.MODEL_CATALOGUE,
        "model_formats": _cel(sorted(MODEL_FORMATS.values())),
        "models_bucket": cloud_names.models_bucket(cluster.name, cluster.account_id),
        "platform_account_groups": _cel([names.account_group(namespace) for namespace in names.PLATFORM_NAMESPACES]),
        "platform_images": names.PLATFORM_IMAGES,
        "platform_namespace": names.NAMESPACE_PLATFORM,
        "registry": names.APPROVED_REGISTRY,
        "tenant_hosts": _cel({tenant.name: hosts(cluster, tenant) for tenant in tenants if subjects(tenant)}),
    }


def _cel(value: object) -> str:
    """A list or map as CEL writes it, in quotes that stand inside of YAML's own; names and hosts hold neither kind."""
    return json.dumps(value).replace('"', "'")


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
