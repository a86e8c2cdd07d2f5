"""The fit check says of thousands of generated pods what the real scheduler says."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.root import ROOT, WHOLE
from tests.scheduling_server import node_manifest, running_scheduler
from tests.tidegate.manifests.fit.generated_cases import RUNTIME_CLASSES, SEEN, Case, agent_manifests, draw_nodes, draw_pod
from tidegate.facts import inventory
from tidegate.manifests.fit.needs import read_needs
from tidegate.manifests.fit.nodes import misfits
from tidegate.manifests.fit.pools import cluster_pools
from tidegate.manifests.validate import read_folder

SEED = 6
FURNISHINGS = 6
ROUNDS = 10 if WHOLE else 3
GROUPS = 40
CASES = FURNISHINGS * ROUNDS * GROUPS
"""720 pods, each with nodes of its own; 2,400 in whole runs."""


@pytest.mark.apiserver
@pytest.mark.timeout(1200)
def test_agrees_with_the_scheduler(tmp_path: Path) -> None:
    random = Random(SEED)
    platform = inventory.load(ROOT)
    placed = read_folder(ROOT / "gitops" / "rendered").objects
    machines = [node for name, cluster in platform.clusters.items() for pool in cluster_pools(cluster, placed[name]) for node in pool.nodes]
    disagreements: list[str] = []
    fitting = 0
    with running_scheduler(tmp_path) as scheduler:
        for name, overhead in RUNTIME_CLASSES.items():
            scheduler.must_create({
                "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": name,
                "overhead": {"podFixed": overhead},
            })  # fmt: skip
        for furnishing in range(FURNISHINGS):
            groups = [draw_nodes(random, f"g{group}", machines) for group in range(GROUPS)]
            nodes = [node for group in groups for node in group]
            scheduler.furnish([node_manifest(node) for node in nodes], [agent for node in nodes for agent in agent_manifests(node)])
            for turn in range(ROUNDS):
                cases = [
                    Case(name := f"case-{furnishing}-{turn}-{index}", group, draw_pod(random, name, group))
                    for index, group in enumerate(groups)
                ]
                verdicts = scheduler.judge([case.pod for case in cases])
                for case in cases:
                    needs, verdict = read_needs(case.pod["spec"]), verdicts[case.name]
                    hosts = {node.name for node in case.nodes if not misfits(needs, node)}
                    fitting += bool(verdict.node)
                    if bool(hosts) != bool(verdict.node) or (verdict.node and verdict.node not in hosts):
                        disagreements.append(
                            f"{case.name}: fits {sorted(hosts)}, scheduler {verdict}\n  {case.pod['spec']}\n  {case.nodes}"
                        )
    assert not disagreements, f"{len(disagreements)} of {CASES}:\n" + "\n".join(disagreements[:5])
    assert 0.2 < fitting / CASES < 0.75, f"{fitting} of {CASES} fit: the cases say little"
    assert min(SEEN.values()) >= 2 * ROUNDS, SEEN
    print(f"{CASES} cases, {fitting} of them fit, no disagreement; drawn: {dict(sorted(SEEN.items()))}")  # noqa: T201 - shown with -s
