"""One model's objects as the API server has them at this moment: whatever moves users up is decided on these, never on what was kept."""

from __future__ import annotations

import asyncio
from typing import Any

from clusters.workloads.release_controller import known
from clusters.workloads.release_controller.api import Api, NotFoundError
from clusters.workloads.release_controller.kinds import PARAMETERS, PREDICTOR, RELEASES, REVISIONS, ROUTES, SERVICES, Kind
from clusters.workloads.release_controller.known import Known, Model
from tidegate.contracts.release_names import GUARD_CONFIG_MAP, live_route
from tidegate.facts.names import KSERVE_LABEL_MODEL


class Reader:
    """Asks for what the store keeps."""

    def __init__(self, api: Api, own_namespace: str) -> None:
        self._api, self._own = api, own_namespace

    async def read(self, model: Model) -> Known:
        """What is known of a model now. Raises `ApiError`."""
        namespace, name = model
        release, owner, route, parameter, ours, revisions = await asyncio.gather(
            self._object(RELEASES, namespace, name),
            self._object(SERVICES, namespace, name),
            self._object(ROUTES, namespace, live_route(name)),
            self._object(PARAMETERS, namespace, GUARD_CONFIG_MAP),
            self._object(PARAMETERS, self._own, GUARD_CONFIG_MAP),
            self._api.get(REVISIONS.path(namespace), labelSelector=f"{KSERVE_LABEL_MODEL}={name},{PREDICTOR}"),
        )
        made = [known.made(item) for item in revisions.get("items") or ()]
        return Known(
            model,
            known.release(release) if release else None,
            known.owner(owner) if owner else None,
            tuple(one for one in made if one),
            known.live_route(route) if route else None,
            known.parameter(parameter) if parameter else None,
            known.parameter(ours).freeze(namespace) if ours else "",
        )

    async def _object(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        try:
            return await self._api.get(kind.path(namespace, name))
        except NotFoundError:
            return None
