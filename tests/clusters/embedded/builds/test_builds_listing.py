"""The committed catalogue is sound: every family pins exact releases, and every program of the region is built by one."""

from __future__ import annotations

import pytest

from tests.clusters.embedded.builds.go_mods import entries, go_mod, versions
from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.embedded.builds.facts import BuildList
from tidegate.embedded.builds.go_programs import PROGRAMS_FILE, kubernetes_libraries, read_programs
from tidegate.facts.inventory.releases import load_releases

BUILDS = ROOT / PROGRAMS_FILE.parent
FAMILIES = sorted(path.parent.name for path in BUILDS.glob("*/go.mod"))

PROGRAMS = {
    "argocd", "coredns", "etcd", "helm", "install-cni", "istio-cni", "karpenter", "knative-activator", "knative-autoscaler",
    "knative-controller", "knative-queue", "knative-webhook", "kserve-manager", "kube-apiserver", "kube-controller-manager",
    "kube-proxy", "kube-scheduler", "kube-state-metrics", "kubectl", "kubelet", "kwok", "net-gateway-api", "pause", "pilot-agent",
    "pilot-discovery", "prometheus", "promtool", "vault",
}  # fmt: skip
"""What images and machines are made of."""

RELEASES = load_releases(ROOT)
ISTIO_API = f"v{RELEASES.chart('istio', 'istiod')}"

PINNED = {
    "argocd": {
        "github.com/argoproj/argo-cd/v3": RELEASES.module("github.com/argoproj/argo-cd/v3"),
        "github.com/argoproj/argo-cd/gitops-engine": "v0.0.0-20260914071520-c9c369efcc5b",
        "k8s.io/client-go": "v0.36.3",
        "github.com/golang/protobuf": "v1.5.4",
        "github.com/grpc-ecosystem/grpc-gateway": "v1.16.0",
        "golang.org/x/tools": "v0.35.0",
        "gopkg.in/yaml.v2": "v2.4.0",
    },
    "coredns": {"github.com/coredns/coredns": RELEASES.module("github.com/coredns/coredns")},
    "etcd": {"go.etcd.io/etcd/server/v3": RELEASES.module("go.etcd.io/etcd/server/v3")},
    "helm": {"helm.sh/helm/v3": RELEASES.module("helm.sh/helm/v3")},
    "istio": {
        "istio.io/istio": RELEASES.module("istio.io/istio"),
        "istio.io/api": ISTIO_API,
        "istio.io/client-go": ISTIO_API,
        "github.com/envoyproxy/go-control-plane/envoy": "v1.40.0",
        "github.com/envoyproxy/go-control-plane/contrib": "v1.36.1-0.20260729145720-a2d8c7492908",
    },
    "karpenter": {"sigs.k8s.io/karpenter": RELEASES.module("sigs.k8s.io/karpenter")},
    "knative": {
        "knative.dev/serving": RELEASES.module("knative.dev/serving"),
        "knative.dev/net-gateway-api": RELEASES.module("knative.dev/net-gateway-api"),
    },
    "kserve": {
        "github.com/kserve/kserve": RELEASES.module("github.com/kserve/kserve"),
        "sigs.k8s.io/controller-runtime": "v0.22.5",
        "k8s.io/api": "v0.34.5",
        "k8s.io/client-go": "v0.34.5",
        "k8s.io/apiextensions-apiserver": "v0.34.3",
        "google.golang.org/grpc": "v1.79.3",
        "sigs.k8s.io/gateway-api": RELEASES.module("sigs.k8s.io/gateway-api"),
    },
    "kube-state-metrics": {"k8s.io/kube-state-metrics/v2": RELEASES.module("k8s.io/kube-state-metrics/v2")},
    "kubernetes": {"k8s.io/kubernetes": RELEASES.module("k8s.io/kubernetes")},
    "kwok": {"sigs.k8s.io/kwok": RELEASES.module("sigs.k8s.io/kwok")},
    "pause": {},
    "prometheus": {"github.com/prometheus/prometheus": RELEASES.module("github.com/prometheus/prometheus")},
    "vault": {
        "github.com/hashicorp/vault": RELEASES.module("github.com/hashicorp/vault"),
        "github.com/hashicorp/vault/sdk": "v0.20.0",
        "github.com/hashicorp/vault-helm": RELEASES.module("github.com/hashicorp/vault-helm"),
    },
}
"""The releases that were run together; a family's other modules follow from these."""

GO_RELEASES = {"argocd": "1.26.3", "karpenter": "1.26.6"}
"""Families whose upstream asks for more than 1.26.0."""

KUBERNETES_STAGING = 31
"""How many modules Kubernetes keeps in its own repository and publishes apart."""


APART = {
    ("argocd", "golang.org/x/tools"): "upstream holds it back",
    ("knative", "sigs.k8s.io/gateway-api"): "what KServe takes leads to the next minor release of the Kubernetes libraries",
    (
        "knative",
        "go.opentelemetry.io/",
    ): "its programs panic at their start when OpenTelemetry describes itself by another schema than theirs",
    ("vault", ""): "what keeps secrets is built of the versions that upstream released it with",
}
"""Modules, by how their path begins, that a family pins in another version than those it could share them with, and why."""


@pytest.fixture(scope="module")
def catalogue() -> BuildList:
    return read_programs(Checkout(ROOT))


def test_every_program_of_the_region_is_built_by_one_family(catalogue: BuildList) -> None:
    assert sorted(catalogue.names) == sorted(PROGRAMS)


def test_every_folder_is_a_family_and_every_family_a_folder(catalogue: BuildList) -> None:
    assert sorted(family.name for family in catalogue.families) == FAMILIES == sorted(PINNED)


def test_what_a_region_needs_first_is_built_first(catalogue: BuildList) -> None:
    names = [family.name for family in catalogue.families]
    assert names[:4] == ["pause", "etcd", "kubernetes", "coredns"]
    assert names.index("istio") < names.index("knative") < names.index("kserve") < names.index("argocd")
    assert names.index("helm") < names.index("istio")


@pytest.mark.parametrize("family", FAMILIES)
def test_family_pins_the_releases_that_were_run(family: str) -> None:
    module = go_mod(family)
    found = versions(module)
    assert module["Module"]["Path"] == f"tidegate.dev/builds/{family}"
    assert module["Go"] == GO_RELEASES.get(family, "1.26.0")
    assert "Toolchain" not in module
    assert {path: found.get(path) for path in PINNED[family]} == PINNED[family]


@pytest.mark.parametrize("family", FAMILIES)
def test_family_takes_nothing_from_this_machine(family: str) -> None:
    """A replacement without a version is a folder; one beside the family's own go.mod is in its key."""
    module = go_mod(family)
    folders = [one["New"]["Path"] for one in entries(module, "Replace") if not one["New"].get("Version")]
    assert [path for path in folders if not path.startswith("./") or not (BUILDS / family / path / "go.mod").is_file()] == []
    sums = BUILDS / family / "go.sum"
    assert sums.is_file() == bool(module.get("Require"))
    if sums.is_file():
        summed = {line.rsplit(" ", 1)[0] for line in sums.read_text(encoding="utf-8").splitlines()}
        assert [path for path in PINNED[family] if f"{path} {versions(module)[path]}" not in summed] == []


def test_kubernetes_and_all_it_publishes_apart_are_one_release(catalogue: BuildList) -> None:
    (family,) = [family for family in catalogue.families if family.name == "kubernetes"]
    replaced = {one["Old"]["Path"]: one["New"]["Version"] for one in entries(go_mod("kubernetes"), "Replace")}
    assert len(replaced) == KUBERNETES_STAGING
    assert set(replaced.values()) == {family.release.replace("1.", "v0.", 1)}


def test_families_with_the_same_kubernetes_libraries_share_what_is_compiled() -> None:
    """Go compiles a package once for all programs that use it in the same version and with the same of all it imports."""
    by_libraries: dict[str, dict[str, dict[str, list[str]]]] = {}
    for family in FAMILIES:
        libraries = kubernetes_libraries((BUILDS / family / "go.mod").read_text(encoding="utf-8"))
        if libraries is None:
            continue
        apart_in = tuple(path for of, path in APART if of == family)
        for path, version in versions(go_mod(family)).items():
            if not path.startswith(apart_in):
                by_libraries.setdefault(libraries, {}).setdefault(path, {}).setdefault(version, []).append(family)
    apart = [
        f"{path}: {', '.join(f'{version} in {chr(32).join(who)}' for version, who in pinned.items())}; `go get` the newest in each"
        for modules in by_libraries.values()
        for path, pinned in modules.items()
        if len(pinned) > 1
    ]
    assert apart == []
    assert min(map(len, by_libraries.values())) > 50, "the search finds too little"


def test_programs_tell_the_release_of_their_family(catalogue: BuildList) -> None:
    for family in catalogue.families:
        told = {text for name, text in family.variables.items() if name.lower().endswith(("version.version", "version.gitversion"))}
        assert told <= {family.release, f"v{family.release}"}, family.name
        major, minor = "1", "35"
        assert {text for name, text in family.variables.items() if name.endswith("Major")} <= {major}
        assert {text for name, text in family.variables.items() if name.endswith("Minor")} <= {minor}


def test_packages_of_others_are_tools_of_their_family(catalogue: BuildList) -> None:
    """Else `go mod tidy` would drop what they need."""
    for family in catalogue.families:
        declared = {one["Path"] for one in entries(go_mod(family.name), "Tool")}
        assert {binary.package for binary in family.binaries} - {"."} == declared, family.name
        if any(binary.package == "." for binary in family.binaries):
            assert (BUILDS / family.name / "main.go").is_file()
