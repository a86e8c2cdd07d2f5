"""Karpenter with its KWOK provider: real scheduling and limits over nodes that are played. Production runs the AWS provider.

NodePools are the same in both (`clusters.components.nodes.gpu_pools`); the machines' shapes and prices come from the same table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from clusters.addons import at_rest, documents
from clusters.addons.add_on import AddOn, ChartRelease, HelmChart, SourceModule, YamlFiles
from clusters.addons.documents import Document
from clusters.addons.region import AddOnRegion
from clusters.objects.fingerprint import fingerprint
from clusters.objects.placement import CAPACITY_TYPE_LABEL
from clusters.releases import RELEASES
from tidegate.facts import names, ports
from tidegate.facts.cluster import CapacityType, Cluster
from tidegate.facts.inventory.prices import load_prices
from tidegate.facts.nodes.accelerators import InstanceShape, instance_shapes
from tidegate.facts.prices.tables import PriceTable

VERSION = RELEASES.release("karpenter")
MODULE = SourceModule.pinned("sigs.k8s.io/karpenter", family="karpenter")

FEATURE_GATES = "NodeOverlay=true"
"""Shared cards are NodeOverlays; the chart has no value for this gate, so the variable is set whole."""

_ROOT = Path(__file__).resolve().parents[2]

_INSTANCE_TYPES = "instance-types"
_FOLDER = "/etc/tidegate/instance-types"
_FILE = "instance-types.json"


def instance_types(cluster: Cluster) -> str:
    """The machines of the cluster's pools, as the provider's file wants them: a list, `Price` and `Requirements` in capitals.

    Reserved capacity is left out: the provider knows no reservations, so pools that prefer it get on-demand nodes.
    """
    table = load_prices(_ROOT).table(cluster.region)
    shapes: dict[str, InstanceShape] = {}
    for pool in cluster.gpu_pools.values():
        known = instance_shapes(pool.accelerator)
        shapes.update({name: known[name] for name in pool.instance_types})
    return json.dumps([_instance_type(cluster, name, shape, table) for name, shape in sorted(shapes.items())], indent=1)


def _instance_type(cluster: Cluster, name: str, shape: InstanceShape, table: PriceTable) -> Mapping[str, object]:
    paid = (CapacityType.ON_DEMAND, CapacityType.SPOT)
    prices = {capacity: round(float(table.usd_per_hour(name, capacity) or 0), 4) for capacity in paid}
    offerings = [
        {
            "Price": price,
            "Available": True,
            "Requirements": [_in(CAPACITY_TYPE_LABEL, capacity.value), _in("topology.kubernetes.io/zone", zone)],
        }
        for capacity, price in prices.items()
        for zone in cluster.network.availability_zones
    ]
    return {
        "name": name,
        "offerings": offerings,
        "architecture": shape.architecture.value,
        "operatingSystems": ["linux"],
        "resources": {
            "cpu": str(shape.vcpus),
            "memory": f"{shape.memory_gib}Gi",
            "ephemeral-storage": "200Gi",
            "pods": "110",
            names.GPU_TAINT_KEY: str(shape.gpus),
        },
    }


def _in(key: str, value: str) -> Mapping[str, object]:
    return {"key": key, "operator": "In", "values": [value]}


def _values(region: AddOnRegion) -> Mapping[str, object]:
    return {
        "replicas": region.facts.replicas,
        # A region has one node to be on.
        "topologySpreadConstraints": [],
        "dnsPolicy": "ClusterFirst",
        "settings": {"batchMaxDuration": "2s", "batchIdleDuration": "200ms"},
        "controller": {
            "image": {"repository": "karpenter", "tag": VERSION},
            "env": [
                {"name": "DISABLE_LEADER_ELECTION", "value": str(not at_rest.elects_a_leader(region)).lower()},
                {"name": "INSTANCE_TYPES_FILE_PATH", "value": f"{_FOLDER}/{_FILE}"},
            ],
            "extraVolumeMounts": [{"name": _INSTANCE_TYPES, "mountPath": _FOLDER, "readOnly": True}],
        },
        "extraVolumes": [{"name": _INSTANCE_TYPES, "configMap": {"name": _INSTANCE_TYPES}}],
    }


def _adapt(upstream: list[Document], region: AddOnRegion) -> list[Document]:
    documents.pin_images(upstream, {"karpenter": region.image("karpenter")})
    documents.shrink(upstream, {"controller": "96Mi"})
    deployment = documents.find(upstream, "Deployment", "karpenter")
    for container in documents.containers(deployment):
        documents.set_environment(container, {"FEATURE_GATES": FEATURE_GATES})
    template = documents.section(deployment, "spec", "template", "metadata")
    machines_file = instance_types(region.cluster)
    documents.section(template, "annotations").update(
        {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(ports.KARPENTER_METRICS_PORT),
            names.ANNOTATION_CONFIG: fingerprint(machines_file),
        }
    )
    machines: Document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _INSTANCE_TYPES, "labels": names.component_labels("add-ons")},
        "data": {_FILE: machines_file},
    }
    return [*upstream, machines]


ADD_ON = AddOn(
    name="karpenter",
    version=VERSION,
    wave=-80,
    namespace=names.NAMESPACE_KARPENTER,
    production=ChartRelease(
        "oci://public.ecr.aws/karpenter", "karpenter", VERSION, {"settings": {"featureGates": {"nodeOverlay": True}}}
    ),
    embedded=(
        HelmChart(MODULE, "kwok/charts", "karpenter", names.NAMESPACE_KARPENTER, _values),
        YamlFiles(MODULE, ("kwok/apis/crds/*.yaml",)),
    ),
    images=("karpenter",),
    adapt=_adapt,
    owned_namespaces=(names.NAMESPACE_KARPENTER,),
)  # fmt: skip
