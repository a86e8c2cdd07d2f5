"""No fact is written for nothing: each leaf changes an object, a stack or a verdict, or is on the list of what nothing uses yet.

A leaf is enumerated from the models, so that a new field is judged on the day it is made. A change counts when it shows in a field
that a program reads (`effects`). What shows elsewhere has a row in `consumers`; what shows nowhere is in `RECORDED`, and `tidegate
model explain` says so.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from clusters.components.admission.policy_exemptions import Exemptions
from tests.leaves import effects
from tests.leaves.consumers import BUILT, CONSUMERS
from tests.leaves.leaves import Leaf, leaves_of, places_of, values_for
from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.facts import inventory
from tidegate.facts.cluster import Cluster, GpuPool
from tidegate.facts.github import PlatformFacts
from tidegate.facts.models.images import CataloguedImage, ImageCatalogue
from tidegate.facts.models.served_model import MeasuredPhase
from tidegate.facts.platform import Platform
from tidegate.facts.signature import ApprovedModel, ModelCatalogue
from tidegate.facts.stage import Stage
from tidegate.facts.tenant import Tenant
from tidegate.facts.tombstone import Tombstone
from tidegate.repository.explain_model import explain_model
from tidegate.repository.recorded_facts import NOT_ENFORCED, RECORDED

ROOTS: dict[str, type[BaseModel]] = {
    "tenant": Tenant, "cluster": Cluster, "tombstone": Tombstone, "catalogue": ModelCatalogue, "platform file": PlatformFacts,
    "exemptions": Exemptions, "image list": ImageCatalogue,
}  # fmt: skip
"""Every fact that a file of the platform holds."""

PEM = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"

VALUES: dict[str, tuple[object, ...]] = {
    "tenant: namespace": ("payments",),
    "tenant: host": ("pay.example.com",),
    "tenant: callers[].tenant": ("merchants",),
    "tenant: callers[].requests_per_second": (7,),
    "tenant: in_flight_per_model": (7,),
    "tenant: models.*.slo.p99_ms": (200_000.0,),
    "tenant: models.*.slo.time_to_first_token_ms": (700.0,),
    "tenant: models.*.max_body_mib": (7,),
    "tenant: models.*.scaling.requests_per_second_target": (70,),
    "tenant: models.*.golden_set.regress_at_most": (0.07,),
    "tenant: models.*.golden_set.holds_training_rows": ("They are its own answers.",),
    "tenant: models.*.artefact.size_gib": (8.0,),
    "tenant: models.*.artefact_by_stage.*.size_gib": (8.0,),
    "cluster: kubernetes_version": ("1.34", "1.35"),
    "cluster: network.cidr": ("10.99.0.0/16",),
    "cluster: gpu_pools.*.instance_types[]": ("p5.4xlarge", "g6.4xlarge", "g6.xlarge", "g6.12xlarge", "p4d.24xlarge"),
    "tombstone: removed_on": (date(2026, 11, 22),),
    "tombstone: namespace": ("retired-things",),
    "catalogue: keys.*": (PEM.replace("A", "B"),),
    "image list: images[].name": ("ngram-server",),
    "image list: images[].tag": ("1.8.0",),
    "image list: images[].digest": (f"sha256:{'2' * 64}",),
    "image list: images[].revision": ("2" * 40,),
}
"""Where a neighbour of what stands there would not be taken."""

AT_MOST = 3
"""Values and places that are tried for each leaf."""


@dataclass(frozen=True, slots=True)
class Case:
    """A leaf of a root."""

    root: str
    leaf: Leaf

    @property
    def name(self) -> str:
        return f"{self.root}: {self.leaf.path}"


def _has_a_choice(leaf: Leaf) -> bool:
    """A field with one possible value is no choice of anybody."""
    return sum(len(get_args(form)) if get_origin(form) is Literal else 2 for form in leaf.types) > 1


CASES = [Case(root, leaf) for root, model in ROOTS.items() for leaf in leaves_of(model) if _has_a_choice(leaf)]
CONSUMED = {one.field: one for one in CONSUMERS}
ONLY_RECORDED = {f"tenant: {path}" for path in RECORDED}
SHOWN = [case for case in CASES if case.root not in {"platform file", "exemptions"}]
"""Those that a `Platform` holds; the others are read from their file where they are used."""


@pytest.fixture(scope="module")
def base() -> Platform:
    """Three of the committed tenants, with every optional part somewhere."""
    found = inventory.load(ROOT)
    tenants = {name: found.tenants[name] for name in ("assistant", "credit", "merchants")}
    chat = tenants["assistant"].models["chat"]
    measured = (MeasuredPhase(phase="load", seconds=95.5, measured_on="2026-11-21"),)
    tenants["assistant"] = tenants["assistant"].model_copy(update={"models": {"chat": chat.model_copy(update={"cold_start": measured})}})
    anomaly = tenants["merchants"].models["anomaly"]
    staged = {Stage.PRODUCTION: anomaly.artefact.model_copy(update={"version": 2, "uri": f"{anomaly.artefact.uri[:-1]}2"})}
    anomaly = anomaly.model_copy(update={"artefact_by_stage": staged})
    tenants["merchants"] = tenants["merchants"].model_copy(update={"models": {"anomaly": anomaly}})
    live_1, live_2 = found.clusters["live-1"], found.clusters["live-2"]
    sliced = GpuPool.model_validate_json(
        '{"accelerator": "nvidia-l4", "instance_types": ["g6.2xlarge"], "capacity_types": ["spot"], "max_gpus": 4, '
        '"sharing": {"kind": "time-slicing", "replicas": 4}}'
    )
    live_1 = live_1.model_copy(
        update={
            "gpu_pools": {**live_1.gpu_pools, "sliced": sliced},
            "endpoint": live_1.endpoint.model_copy(update={"public": True, "allowed_cidrs": ("192.0.2.0/24",)}),
        }
    )
    live_2 = live_2.model_copy(update={"edge": live_2.edge.model_copy(update={"addresses": ("192.0.2.7",)})})
    tombstone = Tombstone.model_validate_json(
        '{"name": "retired", "clusters": ["live-1"], "requested_by": "maria@example.com", "reason": "It was sold.", "removed_on": "2026-11-21"}'
    )
    removed = tombstone.model_copy(update={"name": "credit", "models": ("decision-old",)})
    earlier = ApprovedModel(
        model="credit/decision/7", uri="s3://tidegate-models/credit/decision/7", sha256="7" * 64, key_id="credit-release"
    )
    catalogue = ModelCatalogue(keys={"credit-release": PEM}, models=(earlier,))
    image = CataloguedImage(name="mlserver", tag="0.9.0", digest=f"sha256:{'1' * 64}", sbom_sha256="1" * 64, revision="1" * 40)
    return Platform({"live-1": live_1, "live-2": live_2}, tenants, {"retired": tombstone, "credit": removed}, catalogue, (image,))


VIEWS: tuple[Callable[[Platform], effects.Effects], ...] = (effects.rendered, effects.stacks, effects.reviewed, effects.rendered_here)


@pytest.fixture(scope="module")
def before(base: Platform) -> list[effects.Effects]:
    return [view(base) for view in VIEWS]


def changed(base: Platform, case: Case) -> Iterator[Platform]:
    """The platform with another value in that leaf, in some place of it."""
    known = VALUES.get(case.name, ())
    if case.root == "catalogue":
        for old, put in places_of(base.catalogue, case.leaf.path):
            for value in islice(values_for(case.leaf, old, known), AT_MOST):
                yield replace(base, catalogue=put(value))
        return
    if case.root == "image list":
        for old, put in places_of(ImageCatalogue.model_construct(images=base.images), case.leaf.path):
            for value in islice(values_for(case.leaf, old, known), AT_MOST):
                yield replace(base, images=put(value).images)
        return
    group = f"{case.root}s"
    held: dict[str, BaseModel] = getattr(base, group)
    for name, fact in held.items():
        for old, put in islice(places_of(fact, case.leaf.path), AT_MOST):
            for value in islice(values_for(case.leaf, old, known), AT_MOST):
                yield replace(base, **{group: {**held, name: put(value)}})


@pytest.mark.parametrize("case", SHOWN, ids=lambda case: case.name)
def test_leaf_changes_what_a_program_reads_or_is_listed(case: Case, base: Platform, before: list[effects.Effects]) -> None:
    is_tried, shows = False, False
    for platform in islice(changed(base, case), 2 * AT_MOST):
        is_tried = True
        with contextlib.suppress(KeyError):  # of a machine that has no such card, which validation refuses
            if shows := any(view(platform) != was for view, was in zip(VIEWS, before, strict=True)):
                break
    listed = case.name in CONSUMED or case.name in ONLY_RECORDED
    assert is_tried, "no value could be changed; give one in VALUES, or a place in `base`"
    assert shows or listed, "changes nothing: use it, take it out, or name its consumer"
    assert not (shows and listed), "shows in what is rendered, so its row says the wrong thing"


def test_every_row_is_of_a_leaf_and_every_leaf_is_in_one_table() -> None:
    names = {case.name for case in CASES}
    elsewhere = {case.name for case in CASES if case not in SHOWN}
    assert CONSUMED.keys() <= names
    assert elsewhere <= CONSUMED.keys()
    assert ONLY_RECORDED - names <= {"tenant: models.*.approval.system"}, "a choice of one is recorded, too, and cannot be changed"
    assert not CONSUMED.keys() & ONLY_RECORDED
    assert len(CONSUMED) == len(CONSUMERS)
    assert len(names) > 120, "the enumeration finds too little"


@pytest.mark.parametrize("test", sorted({*(one.test for one in CONSUMERS), *BUILT.values()}))
def test_named_test_exists(test: str) -> None:
    path, _, name = test.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    function, _, parameter = name.partition("[")
    assert function in defined
    if parameter:
        cases = [*(ROOT / path).parent.rglob("*.yaml"), ROOT / path]
        assert any(parameter.rstrip("]") in one.read_text(encoding="utf-8") for one in cases)


def test_every_class_of_facts_that_is_read_from_a_file_is_known() -> None:
    known = {model.__name__ for model in ROOTS.values()} | BUILT.keys()
    assert _read_classes() == known


def _read_classes() -> set[str]:
    """The models that product code hands to the readers of files."""
    found = {"Cluster", "Tenant", "Tombstone", "ModelCatalogue", "ImageCatalogue"}  # by `tidegate.facts.inventory` itself
    for path in (one for folder in ("tidegate", "clusters", "infra") for one in (ROOT / folder).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match call:
                case ast.Call(ast.Name("read_fact" | "read_with_releases"), [_, _, ast.Name(model)]) if model[0].isupper():
                    found.add(model)
                case _:
                    pass
    return found


def test_explanation_says_what_nothing_uses_yet() -> None:
    rows = {row.path: row.why for row in explain_model(Checkout(ROOT), "credit/decision")}
    partly = f"`tidegate gate load` judges by it; otherwise {NOT_ENFORCED}: waits for alerts and the release controller"
    assert rows["models.decision.slo.availability"].startswith(partly)
    assert rows["models.decision.slo.p99_ms"].startswith(f"above 150 s it decides the timeout of requests, and {partly}")
    assert NOT_ENFORCED not in rows["models.decision.golden_set.threshold"] + rows["models.decision.load_profile.duration_seconds"]
    assert rows["log_retention_days"] == f"{NOT_ENFORCED}: waits for a store for the logs of pods"
    assert rows["models.decision.rollout.strategy"].startswith(f"{NOT_ENFORCED}: a version takes all traffic when it is ready")
    assert NOT_ENFORCED not in rows["models.decision.scaling.min_replicas"]
    (written,) = {row.path: row for row in explain_model(Checkout(ROOT), "scoring/fraud-shadow") if row.path.endswith(".strategy")}.values()
    assert (written.value, "traffic is treated as with pinned" in written.why) == ("shadow", True)
    partly_used = {f"models.decision.{field}" for field in ("rollout.strategy", "slo.p99_ms", "slo.availability")}
    told = {path for path, why in rows.items() if NOT_ENFORCED in why} - partly_used
    wanted = {path.replace("*", "decision").removesuffix("[]") for path in RECORDED}
    assert told == wanted, "all that the model's file holds"


def test_annotation_label_and_unread_config_map_do_not_count(base: Platform, before: list[effects.Effects]) -> None:
    """What the issue of honesty is about: a budget shows in an annotation only."""
    tenant = base.tenants["credit"].model_copy(update={"budget_usd_per_month": 1.0, "owners": ("other@example.com",)})
    assert effects.rendered(replace(base, tenants={**base.tenants, "credit": tenant})) == before[0]


def test_lists_of_what_is_read_name_nothing_that_is_not_rendered(base: Platform) -> None:
    standard = base.tenants["credit"].models["decision"]
    scaled = standard.model_copy(update={"scaling": standard.scaling.model_copy(update={"mode": "standard"})})
    crowd = {f"decision-{number}": standard for number in range(30)}
    tenant = base.tenants["credit"].model_copy(update={"models": {**crowd, "scaled": scaled}})
    whole = "".join(effects.rendered(replace(base, tenants={**base.tenants, "credit": tenant})).values())
    maps = {key.rpartition("/")[2] for key in effects.rendered(base) if "/ConfigMap/" in key}
    assert [name for name in (*effects.READ_ANNOTATIONS, *effects.READ_LABELS) if f'"{name}"' not in whole] == []
    assert maps == effects.READ_CONFIG_MAPS.keys()
