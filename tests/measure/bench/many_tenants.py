"""One region with very many tenants, rendered and validated: seconds, the largest object and the memory of the process.

`python -m tests.measure.bench.many_tenants TENANTS MODELS` prints them as JSON; each size has a process of its own, because the memory
of one process never shrinks.
"""

from __future__ import annotations

import gc
import hashlib
import json
import resource
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from clusters import cluster_tree
from tests.measure.bench.entries import in_memory
from tests.prices import PRICES
from tidegate import tools
from tidegate.facts import inventory
from tidegate.facts.models.served_model import Rollout, ServedModel
from tidegate.facts.platform import Platform, check
from tidegate.facts.tenant import Quota, Tenant, Tier
from tidegate.manifests.sizes import json_bytes
from tidegate.manifests.tree import emit_tree, file_path, write_trees
from tidegate.manifests.validate import PricedPlatform, validate_folder
from tidegate.repository.schemas import load_schemas

CLUSTER = "live-1"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one region of so many tenants and models each takes; seconds are of one core."""

    tenants: int
    models: int
    objects: int
    largest: str
    largest_bytes: int
    check_s: float
    render_s: float
    validate_s: float
    memory_mib: int
    findings: tuple[str, ...]


def platform_of(root: Path, tenants: int, models: int) -> Platform:
    """The committed cluster with `tenants` copies of one tenant, each with `models` models of their own artefacts; nobody calls another."""
    committed = inventory.load(root)
    pattern, model = committed.tenants["fraud"], committed.tenants["fraud"].models["scorer"]
    names = [f"team-{number:04d}" for number in range(tenants)]
    return Platform(
        {CLUSTER: committed.clusters[CLUSTER]},
        {name: _tenant(name, pattern, [_model(name, f"model-{number:02d}", model) for number in range(models)]) for name in names},
        {},
        committed.catalogue,
    )


def _tenant(name: str, pattern: Tenant, models: Iterable[ServedModel]) -> Tenant:
    changed: dict[str, object] = {
        "name": name, "tier": Tier.STANDARD, "clusters": (CLUSTER,), "quota": Quota(cpu=512, memory_gib=512, pods=500),
        "models": {f"model-{number:02d}": model for number, model in enumerate(models)},
    }  # fmt: skip
    return pattern.model_copy(update=changed)


def _model(tenant: str, name: str, pattern: ServedModel) -> ServedModel:
    uri = f"s3://tidegate-models/{tenant}/{name}/1"
    artefact = pattern.artefact.model_copy(update={"uri": uri, "sha256": hashlib.sha256(uri.encode()).hexdigest()})
    scaling = pattern.scaling.model_copy(update={"min_replicas": 1, "max_replicas": 4})
    golden = pattern.golden_set.model_copy(update={"uri": f"s3://tidegate-models/{tenant}/{name}/golden/1"})
    signature = artefact.signature.model_copy(update={"uri": f"{uri}/model.sig", "key_id": tenant})
    changed: dict[str, object] = {
        "artefact": artefact.model_copy(update={"signature": signature}), "scaling": scaling, "golden_set": golden,
        "rollout": Rollout(strategy="blue-green"),
    }  # fmt: skip
    return pattern.model_copy(update=changed)


def measure(root: Path, tenants: int, models: int) -> Measured:
    """Checks the facts, renders and validates, in this process."""
    platform, schemas = platform_of(root, tenants, models), load_schemas()
    gc.disable()  # as the program does
    started = time.process_time()
    findings = [found for found in check(platform) if found.rule != "pair-unknown"]  # one region has no pair here
    checked = time.process_time()
    objects = list(cluster_tree.objects(platform))
    sizes = {file_path(each): json_bytes(each.manifest) for each in objects}
    with in_memory() as scratch:
        began = time.process_time()
        write_trees({scratch / "rendered": emit_tree(cluster_tree.objects(platform))})
        rendered = time.process_time()
        findings += validate_folder(scratch / "rendered", schemas, PricedPlatform(platform, PRICES))
        validated = time.process_time()
    largest = max(sizes, key=lambda path: sizes[path])
    return Measured(
        tenants, models, len(objects), largest, sizes[largest], round(checked - started, 2), round(rendered - began, 2),
        round(validated - rendered, 2), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, tuple(map(str, findings[:10])),
    )  # fmt: skip


REGIONS = ((200, 5), (2000, 5), (200, 50))
"""Tenants and models of each; the first two show the growth."""


def measured(root: Path) -> list[Measured]:
    """Every region, each in a process of its own."""
    command = [sys.executable, "-m", "tests.measure.bench.many_tenants"]
    asked = [[*command, str(tenants), str(models)] for tenants, models in REGIONS]
    return [Measured(**json.loads(tools.run(one, cwd=root, timeout_seconds=1800).stdout)) for one in asked]


def entry(found: list[Measured]) -> dict[str, object]:
    """What is kept of it: each region, and the growth of time from the first to the second, by which tenants grow tenfold."""
    small, large = found[:2]
    growth = (large.render_s + large.validate_s) / (small.render_s + small.validate_s)
    return {"regions": [asdict(one) for one in found], "growth": round(growth, 2), "tenants": large.tenants // small.tenants}


def summary(found: list[Measured]) -> str:
    """A line for each region, and one about the growth."""
    lines = [
        f"{one.tenants} tenants x {one.models} models: {one.objects} objects, rendered in {one.render_s} s and validated in {one.validate_s} s, "
        f"{one.memory_mib} MiB, {len(one.findings)} findings, largest {one.largest} of {one.largest_bytes} bytes"
        for one in found
    ]
    grown = entry(found)
    return "\n".join([*lines, f"{grown['tenants']} times the tenants take {grown['growth']} times the time (goal: at most linear)"])


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Path(__file__).resolve().parents[3], int(sys.argv[1]), int(sys.argv[2])))))
