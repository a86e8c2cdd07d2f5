"""Rules between facts: exact to the last step, and never worse for giving more."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.tidegate.facts.documents import VALID, Document, served_models, tenants
from tidegate.errors import Finding
from tidegate.facts.cluster import CapacityType, Cluster
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.nodes.accelerators import instance_shapes
from tidegate.facts.platform import Platform, check
from tidegate.facts.rules.pools import pools_for
from tidegate.facts.tenant import Tenant

SIDECAR = {"cpu": Fraction(1, 10), "memory_gib": Fraction(1, 8)}
QUEUE_PROXY = {"cpu": Fraction(25, 1000), "memory_gib": Fraction(64, 1024)}
SMALLEST_STEP = {"cpu": Fraction(1, 1000), "memory_gib": Fraction(1, 1024), "pods": Fraction(1)}
LARGEST = {"cpu": 1024, "memory_gib": 32768, "pods": 2000}


def _cluster(name: str, **changes: Any) -> Cluster:
    return Cluster.model_validate_json(json.dumps({**VALID[name], **changes}))


def _tenant(document: Document) -> Tenant:
    return Tenant.model_validate_json(json.dumps(document))


CLUSTERS = {name: _cluster(name) for name in ("live-1", "live-2")}


def _findings(*documents: Document) -> list[Finding]:
    return check(Platform(CLUSTERS, {document["name"]: _tenant(document) for document in documents}))


def _needed(document: Document, field: str) -> Fraction:
    """What the quota must at least allow, reckoned without binary fractions: all floors, and what one release starts beside them."""
    models = document["models"].values()
    return sum((_of_parts(model, field, lambda low: low) for model in models), Fraction(0)) + max(
        _released(model, field) for model in models
    )


def _released(model: Document, field: str) -> Fraction:
    if model["scaling"].get("mode") == "standard":
        return _of_parts(model, field, lambda low: math.ceil(low / 4))
    return _of_parts(model, field, lambda low: max(low, 1))


def _of_parts(model: Document, field: str, pods: Callable[[int], int]) -> Fraction:
    parts = [(model["scaling"]["min_replicas"], model["resources"])]
    parts += [(model[part]["min_replicas"], model[part]["resources"]) for part in ("transformer", "explainer") if part in model]
    beside = [SIDECAR] if model["scaling"].get("mode") == "standard" else [SIDECAR, QUEUE_PROXY]
    sidecars = Fraction(0) if field == "pods" else sum((one[field] for one in beside), Fraction(0))
    each = [(pods(low), 1 if field == "pods" else Fraction(Decimal(str(own[field]))) + sidecars) for low, own in parts]
    return Fraction(sum(replicas * one for replicas, one in each))


def _with_quota(document: Document, **quota: Any) -> Document:
    return {**document, "quota": {**document["quota"], **quota}}


def _number(exact: Fraction, field: str) -> float:
    return int(exact) if field == "pods" else float(exact)


@pytest.mark.parametrize("field", ["cpu", "memory_gib", "pods"])
@given(document=tenants())
def test_quota_of_floors_and_a_release_suffices_and_one_step_less_does_not(field: str, document: Document) -> None:
    needed, step = _needed(document, field), SMALLEST_STEP[field]
    assume(step < needed <= LARGEST[field])

    def accused(quota: Fraction) -> bool:
        return f"quota.{field}" in {finding.path for finding in _findings(_with_quota(document, **{field: _number(quota, field)}))}

    assert not accused(needed)
    assert accused(needed - step)


@pytest.mark.parametrize("field", ["cpu", "memory_gib", "pods"])
@given(document=tenants())
def test_quota_raised_as_the_remedy_says_is_accepted(field: str, document: Document) -> None:
    smallest = _number(SMALLEST_STEP[field], field)
    accusations = [finding for finding in _findings(_with_quota(document, **{field: smallest})) if finding.path == f"quota.{field}"]
    assume(accusations and _needed(document, field) <= LARGEST[field])

    remedy = float(accusations[0].remedy.split()[3])

    assert f"quota.{field}" not in {
        finding.path for finding in _findings(_with_quota(document, **{field: _number(Fraction(remedy), field)}))
    }


@given(document=tenants(), field=st.sampled_from(["cpu", "memory_gib", "pods"]), share=st.fractions(0, 1))
def test_raising_a_quota_never_adds_findings(document: Document, field: str, share: Fraction) -> None:
    now = Fraction(Decimal(str(document["quota"][field])))
    steps = int((LARGEST[field] - now) * share / SMALLEST_STEP[field])
    higher = _with_quota(document, **{field: _number(now + steps * SMALLEST_STEP[field], field)})

    def accused(one: Document) -> set[str]:
        return {finding.path for finding in _findings(one)}  # a quota below the floors may become one without room for a release

    assert accused(higher) <= accused(document)


@given(document=tenants(), resource=st.sampled_from(["nvidia.com/gpu", "nvidia.com/mig-1g.10gb"]), more=st.integers(0, 100))
def test_raising_an_accelerator_quota_never_adds_findings(document: Document, resource: str, more: int) -> None:
    quota = document["quota"]["accelerators"]
    higher = _with_quota(document, accelerators={**quota, resource: min(512, quota.get(resource, 0) + more)})

    def accused(one: Document) -> set[str]:
        return {finding.path for finding in _findings(one)}  # a quota below the floors may become one without room for a release

    assert accused(higher) <= accused(document)


@st.composite
def gpu_pools(draw: st.DrawFn) -> Document:
    """A valid pool of any kind."""
    types = {
        "nvidia-l4": ["g6.xlarge", "g6.2xlarge", "g6.12xlarge"],
        "nvidia-a10g": ["g5.xlarge", "g5.12xlarge"],
        "nvidia-h100-80gb": ["p5.48xlarge"],
    }
    accelerator = draw(st.sampled_from(sorted(types)))
    pool: Document = {
        "accelerator": accelerator,
        "instance_types": draw(st.lists(st.sampled_from(types[accelerator]), min_size=1, max_size=3, unique=True)),
        "capacity_types": draw(st.lists(st.sampled_from(["spot", "on-demand", "reserved"]), min_size=1, max_size=3, unique=True)),
        "max_gpus": draw(st.integers(8, 512)),
    }
    if draw(st.booleans()):
        mig = {"kind": "mig", "profile": "1g.10gb"} if accelerator == "nvidia-h100-80gb" else {"kind": "time-slicing", "replicas": 4}
        pool["sharing"] = mig
    return pool


@settings(max_examples=150)
@given(pools=st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), gpu_pools(), min_size=1), served=served_models())
def test_pools_for_returns_exactly_the_pools_that_hold_a_replica(pools: Document, served: Document) -> None:
    cluster, model = _cluster("live-1", gpu_pools=pools), ServedModel.model_validate_json(json.dumps(served))
    if model.accelerator is None:
        assert pools_for(cluster, model) == {}
        return

    chosen = pools_for(cluster, model)

    on_spot = model.capacity == "spot"
    share, cards = model.accelerator.share, model.accelerator.count if model.accelerator.share == "whole" else 1
    for name, pool in cluster.gpu_pools.items():
        machines = [instance_shapes(pool.accelerator)[instance_type] for instance_type in pool.instance_types]
        fits = (
            pool.accelerator == model.accelerator.accelerator
            and {"MigSharing": "mig-1g.10gb", "TimeSlicing": "time-slice", "NoneType": "whole"}[type(pool.sharing).__name__] == share
            and any((capacity is CapacityType.SPOT) == on_spot for capacity in pool.capacity_types)
            and any(
                machine.gpus >= cards
                and machine.gpus <= pool.max_gpus
                and machine.vcpus >= Decimal(str(model.resources.cpu)) + Decimal("0.1")
                and machine.memory_gib >= model.resources.memory_gib + 0.125
                for machine in machines
            )
        )
        assert (name in chosen) == fits, name


@settings(max_examples=30)
@given(st.lists(tenants(), min_size=2, max_size=4, unique_by=lambda document: document["name"]), st.randoms(use_true_random=False))
def test_order_of_facts_does_not_change_findings(documents: list[Document], random: Any) -> None:
    documents = [{**document, "clusters": ["live-1"], "namespace": "shared", "host": "shared.example.com"} for document in documents]
    shuffled = random.sample(documents, len(documents))

    assert sorted(_findings(*shuffled)) == sorted(_findings(*documents))
    swapped = Platform(dict(reversed(CLUSTERS.items())), {document["name"]: _tenant(document) for document in documents})
    assert sorted(check(swapped)) == sorted(_findings(*documents))


@st.composite
def _cidrs(draw: st.DrawFn) -> str:
    address = f"10.{draw(st.integers(0, 3))}.{draw(st.integers(0, 255))}.0"
    return str(IPv4Network(f"{address}/{draw(st.integers(16, 20))}", strict=False))


@given(_cidrs(), _cidrs())
def test_overlap_of_a_pair_is_found_from_either_side(one: str, other: str) -> None:
    def overlaps(first: str, second: str) -> list[str]:
        networks = {name: {**VALID[name]["network"], "cidr": cidr} for name, cidr in (("live-1", first), ("live-2", second))}
        platform = Platform({name: _cluster(name, network=network) for name, network in networks.items()}, {})
        return [finding.rule for finding in check(platform)]

    expected = ["pair-cidr-overlap"] if IPv4Network(one).overlaps(IPv4Network(other)) else []
    assert overlaps(one, other) == overlaps(other, one) == expected


def test_tenants_of_a_cluster_are_those_that_name_it_in_order() -> None:
    places = {"b": ["live-1"], "a": ["live-1"], "c": ["live-2"]}
    tenants_by_name = {name: _tenant({**VALID["assistant"], "name": name, "clusters": clusters}) for name, clusters in places.items()}

    assert [tenant.name for tenant in Platform(CLUSTERS, tenants_by_name).tenants_of("live-1")] == ["a", "b"]


def _assistant(**changes: Any) -> Document:
    return {**VALID["assistant"], "models": {"chat": {**VALID["assistant"]["models"]["chat"], **changes}}}


def test_quota_check_does_not_lose_a_thousandth_to_binary_fractions() -> None:
    document = _assistant(resources={"cpu": 0.901, "memory_gib": 12}, scaling={"min_replicas": 1, "max_replicas": 1})

    assert "quota.cpu" in {finding.path for finding in _findings(_with_quota(document, cpu=2.051))}
    assert "quota.cpu" not in {finding.path for finding in _findings(_with_quota(document, cpu=2.052))}


@pytest.mark.parametrize(
    ("instance_type", "cpu", "count", "fits"),
    [
        pytest.param("g6.xlarge", 3.875, 1, True, id="fills-the-machine-with-its-sidecars"),
        pytest.param("g6.xlarge", 3.876, 1, False, id="a-thousandth-too-large"),
        pytest.param("g6.xlarge", 1, 2, False, id="more-cards-than-the-machine"),
        pytest.param("g6.12xlarge", 1, 4, True, id="as-many-cards-as-the-machine"),
    ],
)
def test_pool_fits_when_one_machine_holds_a_replica(instance_type: str, cpu: float, count: int, fits: bool) -> None:
    pool = {"accelerator": "nvidia-l4", "instance_types": [instance_type], "capacity_types": ["on-demand"], "max_gpus": 8}
    document = _assistant(resources={"cpu": cpu, "memory_gib": 4}, accelerator={"accelerator": "nvidia-l4", "count": count})
    model = _tenant(document).models["chat"]

    assert bool(pools_for(_cluster("live-1", gpu_pools={"l4": pool}), model)) == fits
