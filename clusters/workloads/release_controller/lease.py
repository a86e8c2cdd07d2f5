"""The Lease: of two replicas one acts. Who cannot renew stops in time, also one that was paused and does not know for how long.

Ours ends by our own clock, counted from before the request that renewed it; the other one waits for the whole length from when it saw the last change.
Clocks of two machines are never compared.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from clusters.workloads.release_controller.api import Api, ApiError, ConflictError, NotFoundError
from clusters.workloads.release_controller.kinds import LEASES
from clusters.workloads.release_controller.server_time import micro_time
from clusters.workloads.release_controller.settings import LEASE, Settings

logger = logging.getLogger(__name__)


class LeaseLostError(Exception):
    """It is another replica's, or may be."""


class Lease:
    """One replica's view of it."""

    def __init__(self, api: Api, settings: Settings, monotonic: Callable[[], float], now: Callable[[], datetime]) -> None:
        self._api, self._settings, self._terms = api, settings, settings.terms
        self._path, self._all = LEASES.path(settings.namespace, LEASE), LEASES.path(settings.namespace)
        self._monotonic, self._now = monotonic, now
        self.identity = settings.identity
        self._held_until = float("-inf")
        self._seen: tuple[Any, ...] = ()
        self._seen_at = 0.0
        self._there: dict[str, Any] = {}
        self.asked_at = monotonic()

    def is_held(self) -> bool:
        """Whether nobody else can have it yet."""
        return self._monotonic() < self._held_until

    def must_be_held(self) -> None:
        """Raises `LeaseLostError`: asked before every write."""
        if not self.is_held():
            raise LeaseLostError(f"{self.identity} did not renew the lease for {self._terms.held:.0f} s")

    async def acquire(self) -> None:
        """Returns when it is ours."""
        while not await self._try():
            await asyncio.sleep(self._terms.ask)
        logger.info("%s holds the lease", self.identity)

    async def keep(self) -> None:
        """Renews it until that fails; then raises `LeaseLostError`."""
        pause = self._terms.renew
        while True:
            await asyncio.sleep(pause)
            self.must_be_held()
            pause = self._terms.renew if await self._try() else self._terms.retry

    async def release(self) -> None:
        """Gives it up, so that the other one need not wait."""
        if self.is_held():
            self._held_until = float("-inf")
            try:
                await self._api.send("PUT", self._path, self._object(holder=""))
            except ApiError as error:
                logger.info("the lease was not given up: %s", error)

    async def _try(self) -> bool:
        """One request or two; whether it is ours now."""
        self.asked_at = asked = self._monotonic()
        try:
            if not self.is_held():
                self._there = await self._read()
                if not self._is_free():
                    return False
            if self._there:
                self._there = await self._api.send("PUT", self._path, self._object(holder=self.identity))
            else:
                self._there = await self._api.send("POST", self._all, self._object(holder=self.identity))
        except ConflictError:
            await self._see_whose_it_is()
            return False
        except ApiError as error:
            logger.warning("the lease: %s", error)
            return False
        self._held_until = asked + self._terms.held
        return True

    async def _see_whose_it_is(self) -> None:
        """After a conflict. A renewal of ours that nobody answered may be what was in the way."""
        try:
            self._there = await self._read()
        except ApiError:
            self._there = {}
        if self._there.get("spec", {}).get("holderIdentity") != self.identity:
            self._held_until = float("-inf")

    async def _read(self) -> dict[str, Any]:
        try:
            return await self._api.get(self._path)
        except NotFoundError:
            return {}

    def _is_free(self) -> bool:
        spec: dict[str, Any] = self._there.get("spec", {}) if self._there else {}
        seen = (spec.get("holderIdentity", ""), spec.get("renewTime"), self._there.get("metadata", {}).get("resourceVersion"))
        now = self._monotonic()
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        return not seen[0] or seen[0] == self.identity or now - self._seen_at > spec.get("leaseDurationSeconds", self._terms.length)

    def _object(self, holder: str) -> dict[str, Any]:
        before: dict[str, Any] = self._there.get("spec", {})
        stamp = micro_time(self._now())
        is_same = before.get("holderIdentity") == holder
        metadata = {"name": LEASE, "namespace": self._settings.namespace}
        if self._there:
            metadata["resourceVersion"] = self._there["metadata"]["resourceVersion"]
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": max(1, round(self._terms.length)) if holder else 1,
                "acquireTime": before.get("acquireTime", stamp) if is_same else stamp,
                "renewTime": stamp,
                "leaseTransitions": before.get("leaseTransitions", 0) + (0 if is_same or not holder else 1),
            },
        }
