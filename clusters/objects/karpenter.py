"""`karpenter.sh`, `karpenter.k8s.aws` and `karpenter.kwok.sh` (Karpenter 1.14)."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from clusters.objects import Metadata


class NodeClassRef(TypedDict):
    """Who makes the machines."""

    group: str
    kind: Literal["EC2NodeClass", "KWOKNodeClass"]
    name: str


class Taint(TypedDict):
    """Keeps pods off that do not tolerate it."""

    key: str
    value: str
    effect: Literal["NoSchedule"]


class Requirement(TypedDict):
    """A node label and its allowed values."""

    key: str
    operator: Literal["In"]
    values: list[str]


class NodeSpec(TypedDict):
    """What the pool's nodes are like."""

    nodeClassRef: NodeClassRef
    taints: NotRequired[list[Taint]]
    requirements: list[Requirement]
    expireAfter: str
    terminationGracePeriod: str


class NodeTemplate(TypedDict):
    """Labels and spec of the pool's nodes."""

    metadata: dict[str, dict[str, str]]
    spec: NodeSpec


class Disruption(TypedDict):
    """When Karpenter may take a node away."""

    consolidationPolicy: Literal["WhenEmpty"]
    consolidateAfter: str
    budgets: list[dict[str, str]]


class NodePoolSpec(TypedDict):
    """A kind of node and how many of it."""

    template: NodeTemplate
    limits: dict[str, str]
    disruption: Disruption


class NodePool(TypedDict):
    """Nodes from zero."""

    apiVersion: Literal["karpenter.sh/v1"]
    kind: Literal["NodePool"]
    metadata: Metadata
    spec: NodePoolSpec


class NodeOverlaySpec(TypedDict):
    """Resources that a machine has and its vendor does not list."""

    requirements: list[Requirement]
    capacity: dict[str, str]


class NodeOverlay(TypedDict):
    """Corrects what Karpenter believes of a machine."""

    apiVersion: Literal["karpenter.sh/v1alpha1"]
    kind: Literal["NodeOverlay"]
    metadata: Metadata
    spec: NodeOverlaySpec


class Ec2NodeClass(TypedDict):
    """Machines of EC2."""

    apiVersion: Literal["karpenter.k8s.aws/v1"]
    kind: Literal["EC2NodeClass"]
    metadata: Metadata
    spec: dict[str, object]


class KwokNodeClass(TypedDict):
    """Machines that exist only as Node objects."""

    apiVersion: Literal["karpenter.kwok.sh/v1alpha1"]
    kind: Literal["KWOKNodeClass"]
    metadata: Metadata
    spec: dict[str, str]
