"""Known ways out of Argo CD's projects, closed in what is rendered and refused on the pull request."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.addons import argo_cd
from tests.judges.escapes import manifest
from tests.root import ROOT
from tidegate.manifests.placed import Placed
from tidegate.manifests.rules import RULES

RENDERED = ROOT / "gitops" / "rendered"
BY_NAME = {rule.__name__.replace("_", "-"): rule for rule in RULES}


def test_rendered_folders_hold_plain_manifests_only() -> None:
    """A5: no kustomization, chart, Jsonnet, symlink or submodule that Argo CD would follow."""
    paths = sorted(path for path in RENDERED.rglob("*") if not path.is_dir() or path.is_symlink())
    assert len(paths) > 100
    assert not [path for path in paths if path.is_symlink() or path.suffix != ".yaml" or path.stem.lower() in {"kustomization", "chart"}]
    assert not (ROOT / ".gitmodules").exists()


LINTED: dict[str, tuple[str, dict[str, Any]]] = {
    "A1-application-elsewhere": ("require-own-namespace", manifest("argoproj.io/v1alpha1", "Application", "argocd", project="platform")),
    "A1-cluster-object": ("require-own-namespace", manifest("rbac.authorization.k8s.io/v1", "ClusterRoleBinding")),
    "A3-default-project": ("require-project", manifest("argoproj.io/v1alpha1", "Application", "tenant-fraud", project="default")),
    "A4-deletion-hook": (
        "forbid-argo-cd-hooks",
        {
            "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
            "metadata": {"name": "a", "namespace": "tenant-fraud", "annotations": {"argocd.argoproj.io/hook": "Sync, PostDelete"}},
        },
    ),
    "A-pattern-in-a-project": (
        "forbid-project-wildcard", manifest("argoproj.io/v1alpha1", "AppProject", "argocd", destinations=[{"namespace": "team-1*"}]),
    ),
    "I1-allow-for-everybody": (
        "forbid-open-allow", manifest("security.istio.io/v1", "AuthorizationPolicy", "tenant-fraud", action="ALLOW", rules=[{}]),
    ),
    "I2-denial-by-path": (
        "forbid-path-based-denial",
        manifest(
            "security.istio.io/v1", "AuthorizationPolicy", "tenant-fraud", action="DENY",
            rules=[{"to": [{"operation": {"paths": ["/admin"]}}]}],
        ),
    ),
    "I3-account-with-a-dot": (
        "forbid-dotted-service-account",
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "fraud.serving", "namespace": "tenant-fraud"}},
    ),
    "I4-permissive": ("require-strict-mtls", manifest("security.istio.io/v1", "PeerAuthentication", "tenant-fraud", mtls={"mode": "PERMISSIVE"})),
}  # fmt: skip


@pytest.mark.parametrize("escape", LINTED)
def test_rule_for_manifests_refuses_the_escape(escape: str) -> None:
    """On the pull request, by `tidegate validate`; each rule has more cases in tests/tidegate/manifests/rules."""
    rule, object_ = LINTED[escape]
    findings = list(BY_NAME[rule](Placed("one.yaml", object_, "tenant-fraud")))
    assert [finding.rule for finding in findings] == [rule]
    assert findings[0].remedy


def test_settings_of_argo_cd_enforce_impersonation() -> None:
    """Without `enforced` a project that names no account would be applied with Argo CD's own rights."""
    assert (
        argo_cd.SETTINGS["application.sync.impersonation.enabled"] == argo_cd.SETTINGS["application.sync.impersonation.enforced"] == "true"
    )
