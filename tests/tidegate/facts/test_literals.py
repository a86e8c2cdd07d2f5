"""Ports, namespaces, labels and prices are spelled in `tidegate/facts` and nowhere else."""

from __future__ import annotations

import pytest

from tests.root import ROOT
from tests.tidegate.facts.literals import literals

FACTS = {
    "tidegate/facts/names.py",
    "tidegate/facts/ports.py",
    "tidegate/contracts/release_names.py",
    "tidegate/facts/nodes/accelerators.py",
    "tidegate/facts/nodes/node_shapes.py",
}
IN_PODS = ("clusters/workloads/", "clusters/embedded/")
"""Programs of images, which hold no facts; their tests compare with the facts what both must know."""

MODULES = [
    path.relative_to(ROOT).as_posix() for folder in ("tidegate", "clusters", "infra") for path in sorted((ROOT / folder).rglob("*.py"))
]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('{"namespace": "vault"}', "1: namespace vault"),
        ('add(create_namespace="tenant-a")', "1: namespace tenant-a"),
        ('NAMESPACE = "vault"', "1: namespace vault"),
        ('_pods("kube-system")', "1: namespace kube-system"),
        ('{"port": 80}', "1: port 80"),
        ('{"containerPort": 9153}', "1: port 9153"),
        ('{"prometheus.io/port": "9090"}', "1: port 9090"),
        ("add(from_port=443)", "1: port 443"),
        ("_METRICS_PORT = 9090", "1: port 9090"),
        ("_PORTS = (80, 81)", "1: port 81"),
        ('_port(53, "UDP")', "1: port 53"),
        ('{"tidegate.dev/tenant": name}', "1: label tidegate.dev/tenant"),
        ('labels["tidegate.dev/new"]', "1: label tidegate.dev/new"),
        ('taint = "nvidia.com/gpu"', "1: label nvidia.com/gpu"),
        ('{"m7i.large": InstanceShape(2, 8, 0, 0.1)}', "1: a machine's size and price"),
    ],
)
def test_literal_is_found(source: str, said: str) -> None:
    assert said in literals(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""Asks tidegate.dev/tenant on port 80 of kube-system."""',
        '{"namespace": names.NAMESPACE_VAULT, "port": ports.VAULT_PORT}',
        "listen(port=0)",
        '{"services.nodeports": "0", "vault": image}',
        'problem("no label tidegate.dev/tenant on it")',
    ],
)
def test_what_is_none_is_left_alone(source: str) -> None:
    assert literals(source) == []


def test_no_module_spells_what_a_fact_names() -> None:
    looked_at = [module for module in MODULES if module not in FACTS and not module.startswith(IN_PODS)]
    assert len(looked_at) > 300
    found = {module: lines for module in looked_at if (lines := literals((ROOT / module).read_text(encoding="utf-8")))}
    assert found == {}, "use tidegate.facts.names, ports and nodes"
