"""Amounts and counts that nobody can reckon with are findings with file, key, value and remedy, wherever they stand."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.prices import PRICES
from tests.root import ROOT
from tidegate.errors import ManifestError, PriceError
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.manifests.budgets import budget_findings
from tidegate.manifests.fit.advice import advise
from tidegate.manifests.fit.check import fit_findings
from tidegate.manifests.fit.readable import unreadable_findings
from tidegate.manifests.fit.standing import standing_nodes
from tidegate.manifests.placed import Placed
from tidegate.manifests.validate import read_rendered

LIVE = "gitops/rendered/live-1"
AMOUNT, COUNT = (
    "write a Kubernetes quantity such as 500m or 2Gi [amount-unreadable]",
    "write a whole number from 0 to 500 [replicas-unreadable]",
)
DECISION, SCORER = f"{LIVE}/tenants/credit/inferenceservice-decision.yaml", f"{LIVE}/tenants/fraud/inferenceservice-scorer.yaml"
POOL, OVERLAY = f"{LIVE}/platform/gpu-pools/nodepool-l4-whole.yaml", f"{LIVE}/platform/gpu-pools/nodeoverlay-h100-slices-p5-4xlarge.yaml"
RUNTIME = f"{LIVE}/platform/runtimes/clusterservingruntime-tidegate-triton.yaml"


@pytest.fixture(scope="module")
def platform() -> Platform:
    return inventory.load(ROOT)


@pytest.fixture(scope="module")
def tree() -> list[Placed]:
    return read_rendered(ROOT)["live-1"]


def changed(tree: list[Placed], source: str, change: Callable[[Any], object]) -> list[Placed]:
    """The tree with one object edited."""
    edited: list[Placed] = []
    for placed in tree:
        manifest: Any = deepcopy(placed.manifest) if placed.source == source else placed.manifest
        if placed.source == source:
            change(manifest)
        edited.append(Placed(placed.source, manifest, placed.tenant_namespace))
    assert [each.manifest for each in edited] != [each.manifest for each in tree], source
    return edited


def refused_by_all(platform: Platform, objects: list[Placed]) -> list[str]:
    """What every reader of the objects says; all say the same, and none fails otherwise."""
    cluster = platform.clusters["live-1"]
    found = [str(finding) for finding in unreadable_findings(objects)]
    for reckon in (
        lambda: standing_nodes(cluster, objects, PRICES.table()),
        lambda: list(advise(platform, cluster, objects, PRICES.table())),
    ):
        with pytest.raises(ManifestError) as refused:
            reckon()
        assert [str(finding) for finding in refused.value.findings] == sorted(found)
    assert set(found) <= {str(finding) for finding in fit_findings(cluster, objects)}
    assert list(budget_findings(platform, {"live-1": objects}, PRICES)) == []
    return found


@pytest.mark.parametrize("odd", ["much", "1 Gi", "-1", "", "1e400", "nan", "9" * 5000, True, None, [], 2.5e300], ids=str)
def test_odd_request_is_named(odd: Any, platform: Platform, tree: list[Placed]) -> None:
    spoiled = changed(tree, DECISION, lambda service: service["spec"]["predictor"]["model"]["resources"]["requests"].update(cpu=odd))
    (line,) = refused_by_all(platform, spoiled)
    assert line.startswith(f"{DECISION}: spec.predictor.model.resources.requests.cpu")
    assert line.endswith(f": is no amount of anything; {AMOUNT}")


def test_every_place_of_an_amount_is_read(platform: Platform, tree: list[Placed]) -> None:
    def in_pod(service: Any) -> None:
        pod = service["spec"]["transformer"]
        pod["containers"][0]["resources"]["limits"]["memory"] = "1GB"
        pod["overhead"] = {"cpu": "x"}
        pod["resources"] = {"limits": {"cpu": "two"}}

    spoiled = changed(tree, DECISION, in_pod)
    spoiled = changed(spoiled, POOL, lambda pool: pool["spec"]["limits"].update({"nvidia.com/gpu": "eight"}))
    spoiled = changed(spoiled, OVERLAY, lambda overlay: overlay["spec"]["capacity"].update({"nvidia.com/mig-1g.10gb": "7 slices"}))
    spoiled = changed(spoiled, RUNTIME, lambda runtime: runtime["spec"]["containers"][0].update(resources={"requests": {"cpu": "1/2"}}))
    spoiled.append(Placed(f"{LIVE}/x.yaml", {"kind": "RuntimeClass", "metadata": {"name": "x"}, "overhead": {"podFixed": {"cpu": "?"}}}))
    assert sorted(line.partition(": is no")[0] for line in refused_by_all(platform, spoiled)) == sorted(
        [
            f"{DECISION}: spec.transformer.containers[0].resources.limits.memory = 1GB",
            f"{DECISION}: spec.transformer.overhead.cpu = x",
            f"{DECISION}: spec.transformer.resources.limits.cpu = two",
            f"{POOL}: spec.limits.nvidia.com/gpu = eight",
            f"{OVERLAY}: spec.capacity.nvidia.com/mig-1g.10gb = 7 slices",
            f"{RUNTIME}: spec.containers[0].resources.requests.cpu = 1/2",
            f"{LIVE}/x.yaml: overhead.podFixed.cpu = ?",
        ]
    )


@pytest.mark.parametrize("odd", [2**70, 501, -1, "2", True, None, 1.5], ids=str)
def test_odd_number_of_replicas_is_named(odd: Any, platform: Platform, tree: list[Placed]) -> None:
    for key in ("minReplicas", "maxReplicas"):
        (line,) = refused_by_all(platform, changed(tree, SCORER, lambda service, key=key: service["spec"]["predictor"].update({key: odd})))
        assert line.startswith(f"{SCORER}: spec.predictor.{key} = ")
        assert line.endswith(f": is no number of replicas; {COUNT}")
    deployment = {"kind": "Deployment", "metadata": {"name": "x"}, "spec": {"replicas": odd}}
    (line,) = refused_by_all(platform, [*tree, Placed(f"{LIVE}/x.yaml", deployment)])
    assert line.startswith(f"{LIVE}/x.yaml: spec.replicas = ")


def test_all_that_is_rendered_can_be_reckoned_with() -> None:
    for objects in read_rendered(ROOT).values():
        assert list(unreadable_findings(objects)) == []


def test_pool_that_the_facts_do_not_have_is_named(platform: Platform, tree: list[Placed]) -> None:
    renamed = changed(tree, POOL, lambda pool: pool["metadata"].update(name="l4-old"))
    with pytest.raises(ManifestError) as refused:
        list(advise(platform, platform.clusters["live-1"], renamed, PRICES.table()))
    assert str(refused.value) == (
        f"{POOL}: metadata.name = l4-old: clusters/inventory/live-1/cluster.yaml has no such pool; run `tidegate render` [pool-not-in-facts]"
    )


def test_machine_without_a_price_is_named_and_never_counted_as_free(platform: Platform, tree: list[Placed]) -> None:
    table = PRICES.table()
    without = table.model_copy(update={"on_demand": {name: usd for name, usd in table.on_demand.items() if name != "p5.4xlarge"}})
    cluster = platform.clusters["live-1"]
    for reckon in (lambda: standing_nodes(cluster, tree, without), lambda: list(advise(platform, cluster, tree, without))):
        with pytest.raises(PriceError) as refused:
            reckon()
        assert str(refused.value) == (
            "clusters/prices/us-east-1.yaml: on_demand.p5.4xlarge: is not there, and a rendered pool may bring this machine; read the region's "
            "prices again with `tidegate cost prices refresh`, or name another machine [price-missing-in-region]"
        )
    # What no pool names is not offered, rather than offered for nothing.
    few = {name: usd for name, usd in table.on_demand.items() if name[:3] not in {"g6f", "c7i", "c8g"}}
    offered = list(advise(platform, cluster, tree, table.model_copy(update={"on_demand": few})))
    choices = [choice for advice in offered for choice in (advice.same_kind, advice.any_kind) if choice]
    assert choices
    assert {name[:3] for choice in choices for name in choice.machines}.isdisjoint({"g6f", "c7i", "c8g"})
