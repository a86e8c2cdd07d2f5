"""The regions of the embedded platform as an attack finds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from tidegate.attack.attacked_region import AttackedRegion, Request
from tidegate.embedded import prediction
from tidegate.embedded.fleet.bring_up import Local, cluster_of
from tidegate.embedded.fleet.region import API, service_address
from tidegate.embedded.model_index import find_version, read_sample
from tidegate.errors import MachineError
from tidegate.facts.embedded import path_served_here
from tidegate.facts.tenant import Tenant


def attacked_regions(local: Local, programs: Mapping[str, Path], models: Path) -> list[AttackedRegion]:
    """All regions. `programs` names kubectl, `models` is the folder of trained models."""
    return [
        AttackedRegion(
            name=name, node=local.addresses.regions[name].node, api=service_address(local.addresses.regions[name], API),
            cluster=cluster_of(local, name, programs) if local.machine(name).process() else None,
            token_for=partial(_token, local, name), request_for=partial(_request, models),
        )
        for name in local.regions
    ]  # fmt: skip


def _token(local: Local, region: str, tenant: Tenant) -> str:
    return prediction.token_for(local, tenant, region)


def _request(models: Path, tenant: Tenant, model: str) -> Request:
    path = path_served_here(tenant.models[model])
    version = find_version(models, path)
    if version is None:
        raise MachineError(f"{path} is not among the trained models, so there is no request to send")
    sample = read_sample(models, version)
    return Request(sample.path, json.dumps(sample.request))
