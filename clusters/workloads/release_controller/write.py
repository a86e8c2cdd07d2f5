"""Carries out one decision as one write, bound to what was seen and made only while the Lease is ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clusters.workloads.release_controller.api import APPLY, JSON, Api, ConflictError, Json
from clusters.workloads.release_controller.kinds import PARAMETERS, RELEASES, ROUTES, SERVICES, Kind
from clusters.workloads.release_controller.known import Known, Model, Parameter, Release
from clusters.workloads.release_controller.lease import Lease
from clusters.workloads.release_controller.sources import Sources
from tidegate.contracts.release import ReleaseSpec, ReleaseStatus
from tidegate.contracts.release_names import FIELD_MANAGER, GUARD_CONFIG_MAP, RELEASE_GROUP, RELEASE_KIND, RELEASE_VERSION, live_route
from tidegate.release.look import Decision, Remember, Wait
from tidegate.release.objects import files_object, guard_data, route_object
from tidegate.release.observation import ProposeCommit, RunSmoke, SetFiles, SetGuard, SetRoute

OWN = {"fieldManager": FIELD_MANAGER}
OURS = {**OWN, "force": "true"}
"""Whoever else wrote one of our fields loses it; no other field is in what is applied."""

Written = tuple[Kind, Json]


def takes_back(decision: Decision, known: Known) -> bool:
    """Whether it gives nobody more users but the stable version: then it is made at once, on whatever was seen last."""
    release, route = known.release, known.route
    if not isinstance(decision, SetRoute) or route is None or release is None or release.status.stable is None:
        return False
    stable = release.status.stable.name
    before = route.route.shares
    return all(one.revision == stable or one.percent <= before.get(one.revision, 0) for one in decision.targets)


class Writer:
    """Makes writes while the Lease is held. Raises `ConflictError` when something is no longer what was seen: then one looks again."""

    def __init__(self, api: Api, lease: Lease, sources: Sources) -> None:
        self._api, self._lease, self._sources = api, lease, sources

    async def carry_out(self, decision: Decision, known: Known, release: Release, spec: ReleaseSpec) -> Written | None:
        """The object as it is after the write; None when the decision is no write of an object."""
        model = known.model
        match decision:
            case Remember(status):
                return await self.remember(model, release, spec, status)
            case SetFiles():
                return await self._name_files(known, decision)
            case SetGuard(guard):
                parameter = known.parameter or Parameter()
                return await self._set_parameter(model, parameter, guard_data(parameter.data, model.name, guard))
            case SetRoute():
                return await self._set_route(known, decision)
            case RunSmoke(candidate):
                self._sources.smoke.begin(model, spec, candidate)
            case ProposeCommit():
                self._sources.proposals.propose(model, spec, decision)
            case Wait():
                pass
        return None

    async def remember(self, model: Model, release: Release, spec: ReleaseSpec, status: ReleaseStatus) -> Written:
        """Writes the status."""
        body = {
            "apiVersion": f"{RELEASE_GROUP}/{RELEASE_VERSION}", "kind": RELEASE_KIND,
            "metadata": _bound(model.namespace, model.name, release.uid, release.resource_version),
            "spec": spec.model_dump(mode="json", by_alias=True),
            "status": status.model_dump(mode="json", by_alias=True, exclude_none=True),
        }  # fmt: skip
        return RELEASES, await self._send("PUT", RELEASES.path(model.namespace, model.name, "status"), body, OWN)

    async def _name_files(self, known: Known, wanted: SetFiles) -> Written:
        namespace, name = known.model
        body = files_object(namespace, name, wanted)
        if known.owner is None:
            raise ConflictError(409, f"InferenceService {known.model} is gone")
        # With its UID, an apply to one that was deleted meanwhile is refused; without, it would make another one of two fields.
        body["metadata"]["uid"] = known.owner.reference["metadata"]["uid"]
        return SERVICES, await self._send("PATCH", SERVICES.path(namespace, name), body, OURS, APPLY)

    async def _set_parameter(self, model: Model, before: Parameter, data: Mapping[str, str]) -> Written:
        if not before.resource_version:
            metadata = {"name": GUARD_CONFIG_MAP, "namespace": model.namespace}
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
            return PARAMETERS, await self._send("POST", PARAMETERS.path(model.namespace), body, OWN)
        metadata = _bound(model.namespace, GUARD_CONFIG_MAP, before.uid, before.resource_version)
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        return PARAMETERS, await self._send("PUT", PARAMETERS.path(model.namespace, GUARD_CONFIG_MAP), body, OWN)

    async def _set_route(self, known: Known, wanted: SetRoute) -> Written:
        namespace, name = known.model
        if known.owner is None:
            raise ConflictError(409, f"InferenceService {known.model}, which the Route belongs to, is gone")
        body = route_object(namespace, name, known.owner.reference, wanted)
        if not wanted.resource_version or known.route is None:
            return ROUTES, await self._send("POST", ROUTES.path(namespace), body, OWN)
        body["metadata"]["uid"] = known.route.uid
        return ROUTES, await self._send("PATCH", ROUTES.path(namespace, live_route(name)), body, OURS, APPLY)

    async def _send(self, method: str, path: str, body: Json, parameters: Mapping[str, str], content: str = JSON) -> dict[str, Any]:
        self._lease.must_be_held()
        return await self._api.send(method, path, body, content=content, **parameters)


def _bound(namespace: str, name: str, uid: str, version: str) -> dict[str, str]:
    return {"namespace": namespace, "name": name, "uid": uid, "resourceVersion": version}
