"""From Pulumi's typed dictionaries (`snake_case`) to the names that the Kubernetes API uses.

Pulumi's `...ArgsDict` types are used as types only: importing pulumi_kubernetes takes over a second, and its engine is not
needed to write a file. A test compares this conversion with what Pulumi itself registers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias, cast

from tidegate.manifests.yaml_text import Manifest

_Fields: TypeAlias = "dict[str, object]"

_IRREGULAR = {
    "boot_id": "bootID", "client_ip": "clientIP", "cluster_ip": "clusterIP", "cluster_ips": "clusterIPs", "container_id":
    "containerID", "continue_": "continue", "dataset_uuid": "datasetUUID", "disk_uri": "diskURI", "downward_api": "downwardAPI",
    "except_": "except", "exec_": "exec", "external_id": "externalID", "external_ips": "externalIPs", "from_": "from", "host_ip":
    "hostIP", "host_ipc": "hostIPC", "host_ips": "hostIPs", "host_pid": "hostPID", "image_id": "imageID", "load_balancer_ip":
    "loadBalancerIP", "machine_id": "machineID", "node_id": "nodeID", "non_resource_urls": "nonResourceURLs", "pd_id": "pdID",
    "pod_cidr": "podCIDR", "pod_cidrs": "podCIDRs", "pod_ip": "podIP", "pod_ips": "podIPs", "provider_id": "providerID",
    "resource_id": "resourceID", "scale_io": "scaleIO", "set_hostname_as_fqdn": "setHostnameAsFQDN", "storage_policy_id":
    "storagePolicyID", "system_uuid": "systemUUID", "target_wwns": "targetWWNs", "volume_id": "volumeID",
}  # fmt: skip

FREE_FORM = frozenset(
    {
        "annotations", "binary_data", "capacity", "data", "default", "default_request", "hard", "labels", "limits",
        "match_labels", "max", "max_limit_request_ratio", "min", "node_selector", "overhead", "requests", "string_data",
    }
)  # fmt: skip
"""Fields whose keys are the user's own words and stay as they are, where they hold a mapping (a LimitRange's `limits` is a list)."""


class _WireNames(dict[str, str]):
    def __missing__(self, key: str) -> str:
        name = self[key] = re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), key)
        return name


WIRE_NAMES = _WireNames(_IRREGULAR)
"""Wire names by Pulumi's; a name not seen before is converted and remembered."""


def to_wire(typed: Mapping[str, object]) -> Manifest:
    """The object as the API server takes it. Free-form maps are shared with `typed`, not copied."""
    wire: _Fields = {}
    for key, value in typed.items():
        if isinstance(value, dict):
            wire[WIRE_NAMES[key]] = cast("object", value) if key in FREE_FORM else to_wire(cast("_Fields", value))
        elif isinstance(value, list):
            wire[WIRE_NAMES[key]] = [
                to_wire(cast("_Fields", item)) if isinstance(item, dict) else item for item in cast("list[object]", value)
            ]
        else:
            wire[WIRE_NAMES[key]] = value
    return wire
