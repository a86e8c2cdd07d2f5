"""How much memory a gateway may take, whoever fills it: a proxy that reaches its container's limit is killed, with every call that it holds.

The local gateway keeps each body until it is whole (`body_limits`), so callers that stall pile up there. Envoy's overload manager resets
the largest of them and then refuses new requests. It resets streams of HTTP/2 only, so the edge speaks HTTP/2 to the local gateway
(`gateways`). Why, what was measured and what else was tried is in decision 0047.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from clusters.objects.fingerprint import fingerprint
from clusters.objects.wire_form import to_wire
from tidegate.facts import names
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import ConfigMapArgsDict

NAME = "gateway-memory"
_FILE, _FOLDER = "bootstrap.json", "/etc/tidegate/gateway-memory"

LIMIT_MIB = 1024
"""A gateway container's limit, which is Istio's default for proxies."""

HEAP_MIB = 640
"""From when on new requests are refused. The rest of the limit is for Envoy's code and statistics (60 MiB), for Istio's agent beside it
(45 MiB), and for what requests that were let in before still send."""

_LOOK_SECONDS = 0.05
_UNREACHABLE = 2
"""Of `HEAP_MIB`: where Envoy would have ended what it could. It ends at most 50 requests at each change of the pressure and none at its
end, so that a gateway that came there would refuse everybody until the stalled requests time out."""

_RESET_FROM = 0.7
_SMALLEST_BYTES_AS_POWER = 12
"""Envoy sorts requests into eight sizes, each twice the one before, from this on: those of 512 KiB and more are the largest and go first."""

_TYPES = "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3"
_MONITOR = "envoy.resource_monitors.fixed_heap"


def bootstrap(heap_mib: int = HEAP_MIB) -> dict[str, object]:
    """What Envoy merges into the configuration that it starts with."""
    begins, refuses = _RESET_FROM / _UNREACHABLE, 1 / _UNREACHABLE
    scaled = {"name": _MONITOR, "scaled": {"scaling_threshold": begins, "saturation_threshold": 1.0}}
    reached, full = ({"name": _MONITOR, "threshold": {"value": value}} for value in (begins, refuses))
    actions = {"shrink_heap": reached, "reset_high_memory_stream": scaled, "stop_accepting_requests": full}
    return {
        "overload_manager": {
            "refresh_interval": f"{_LOOK_SECONDS}s",
            "buffer_factory_config": {"minimum_account_to_track_power_of_two": _SMALLEST_BYTES_AS_POWER},
            "resource_monitors": [
                {
                    "name": _MONITOR,
                    "typed_config": {"@type": f"{_TYPES}.FixedHeapConfig", "max_heap_size_bytes": _UNREACHABLE * heap_mib << 20},
                }
            ],
            "actions": [{"name": f"envoy.overload_actions.{name}", "triggers": [trigger]} for name, trigger in actions.items()],
        }
    }


def file_object() -> Manifest:
    """The file that gateways start with."""
    described: ConfigMapArgsDict = {
        "api_version": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": names.NAMESPACE_EDGE, "labels": names.component_labels("edge")},
        "data": {_FILE: _text()},
    }
    return to_wire(described)


def of_container() -> dict[str, object]:
    """What a gateway's container needs for it; Istio's agent hands the file to Envoy."""
    return {
        "resources": {"limits": {"memory": f"{LIMIT_MIB}Mi"}},
        "env": [{"name": "ISTIO_BOOTSTRAP_OVERRIDE", "value": f"{_FOLDER}/{_FILE}"}],
        "volumeMounts": [{"name": NAME, "mountPath": _FOLDER, "readOnly": True}],
    }


def of_template() -> dict[str, dict[str, object]]:
    """What a gateway's pods need for it: the file, and a mark of its content, since pods read it at their start only."""
    return {
        "metadata": {"annotations": {names.ANNOTATION_CONFIG: fingerprint(_text())}},
        "spec": {"volumes": [{"name": NAME, "configMap": {"name": NAME}}]},
    }


def _text() -> str:
    return json.dumps(bootstrap())
