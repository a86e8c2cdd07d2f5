"""KServe, Knative, Git and the figures around the simulated API server, and an account of what users may get, kept apart from the controller."""

from __future__ import annotations

import asyncio
import copy
import json
import random
from dataclasses import dataclass, field
from typing import Any

from clusters.workloads.release_controller.known import Model
from tests.clusters.workloads.release_controller.simulated_api import Item, SimulatedServer, refuse
from tests.tidegate.release.account import STEP_SECONDS, STEPS, Account, UnsafeError
from tests.tidegate.release.world import Kind, files
from tidegate.contracts.release import Files, ReleaseSpec, ReleaseStatus, Revision
from tidegate.contracts.release_names import GUARD_CONFIG_MAP, live_route
from tidegate.facts.names import ANNOTATION_MODEL_SHA256, KSERVE_LABEL_MODEL, KSERVE_LABEL_PART
from tidegate.release import observation
from tidegate.release.objects import SOURCE_URI, guard_of, revisions_of, route_of
from tidegate.release.observation import Proposal, ProposeCommit

MODEL = Model("tenant-fraud", "scorer")
KEY = f"{MODEL.namespace}/{MODEL.name}"
ROUTE_KEY = f"{MODEL.namespace}/{live_route(MODEL.name)}"
RELEASES, SERVICES = "apis/tidegate.dev/v1alpha1/releases", "apis/serving.kserve.io/v1beta1/inferenceservices"
REVISIONS, ROUTES, PARAMETERS = "apis/serving.knative.dev/v1/revisions", "apis/serving.knative.dev/v1/routes", "api/v1/configmaps"
CONTROLLER = "controller"


def release_object(spec: ReleaseSpec) -> Item:
    return {
        "apiVersion": "tidegate.dev/v1alpha1", "kind": "Release", "metadata": {"namespace": MODEL.namespace, "name": MODEL.name},
        "spec": spec.model_dump(mode="json", by_alias=True),
    }  # fmt: skip


def service_object(wanted: Files) -> Item:
    return {
        "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
        "metadata": {"namespace": MODEL.namespace, "name": MODEL.name, "annotations": {ANNOTATION_MODEL_SHA256: wanted.sha256}},
        "spec": {"predictor": {"model": {"storageUri": wanted.uri}}},
    }  # fmt: skip


@dataclass
class Region:
    """The truth of one model."""

    server: SimulatedServer
    kinds: dict[int, Kind]
    chance: random.Random
    faults: bool = False
    template: str = "t1"
    account: Account = field(default_factory=Account)
    fates: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    """When the revision of a UID becomes ready, and when it fails."""
    smokes: dict[str, float] = field(default_factory=dict[str, float])
    commits: dict[ProposeCommit, float] = field(default_factory=dict[ProposeCommit, float])
    wrong: list[str] = field(default_factory=list[str])
    """What the account objected to: noted, because a watcher inside a write may not end the writer."""
    made: int = 0
    pending: float | None = None
    shares: list[int] = field(default_factory=list[int])
    """Of the revision that is not stable, at every write of the Route."""

    def begin(self) -> None:
        self.server.admit, self.server.written = self._admit, self._written
        spec = ReleaseSpec(
            strategy="canary", wanted=files(2), promoted=files(1), steps_percent=STEPS, step_seconds=STEP_SECONDS, minimum_requests=300,
            p99_ms=50, availability=0.99, rollback_hours=0.1,
        )  # fmt: skip
        self.account.proved.add(files(1).sha256)
        self.server.put(SERVICES, service_object(files(1)))
        self.server.put(RELEASES, release_object(spec))

    # --- what is there ---

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def spec(self) -> ReleaseSpec:
        return ReleaseSpec.model_validate_json(_json(self._get(RELEASES)["spec"]))

    @property
    def status(self) -> ReleaseStatus:
        return _status(self._get(RELEASES))

    @property
    def running(self) -> dict[str, Revision]:
        seen = revisions_of(self.server.objects.get(REVISIONS, {}).values())
        return {name: one.revision for name, one in seen.items()}

    @property
    def route(self) -> observation.Route | None:
        item = self.server.get(ROUTES, ROUTE_KEY)
        return route_of(item) if item else None

    def _get(self, collection: str) -> Item:
        found = self.server.get(collection, KEY)
        assert found
        return found

    def edit(self, collection: str, user: str = "maria", **changes: Any) -> None:
        """Somebody changes top parts of an object."""
        item = copy.deepcopy(self._get(collection))
        for key, value in changes.items():
            item[key] = item.get(key, {}) | value if isinstance(value, dict) else value
        self.server.put(collection, item, user)

    def want(self, wanted: Files) -> None:
        self.edit(RELEASES, spec={"wanted": wanted.model_dump()})
        self.commits = {one: due for one, due in self.commits.items() if one.verb is not Proposal.REVERT}

    # --- Knative and Git, every half second ---

    async def live(self) -> None:
        while True:
            await asyncio.sleep(self.chance.uniform(0.2, 0.6))
            self._make_revision()
            self._change_health()
            self._collect()
            for commit, due in list(self.commits.items()):
                if due <= self.now:
                    del self.commits[commit]
                    self._merge(commit)

    def _make_revision(self) -> None:
        service = self.server.get(SERVICES, KEY)
        if service is None:
            return
        sha256 = service["metadata"]["annotations"][ANNOTATION_MODEL_SHA256]
        named = next((one for one in map(files, self.kinds) if one.sha256 == sha256), None)
        newest = list(self.server.objects.get(REVISIONS, {}).values())[-1:]
        has = (newest[0]["metadata"]["annotations"][ANNOTATION_MODEL_SHA256], newest[0]["spec"]["template"]) if newest else None
        if named is None or has == (sha256, self.template):
            self.pending = None
            return
        if self.pending is None:
            self.pending = self.now + self.chance.uniform(0.1, 4)
        if self.pending > self.now:
            return
        self.pending = None
        name = f"{MODEL.name}-predictor-{self.made + 1:05d}"
        parameter = self.server.get(PARAMETERS, f"{MODEL.namespace}/{GUARD_CONFIG_MAP}")
        if ((parameter or {}).get("data", {})).get(f"{name}.sha256", sha256) != sha256:
            return  # the second policy; Knative tries again
        self.made += 1
        item = self.server.put(REVISIONS, {
            "metadata": {
                "namespace": MODEL.namespace, "name": name, "labels": {KSERVE_LABEL_MODEL: MODEL.name, KSERVE_LABEL_PART: "predictor"},
                "annotations": {ANNOTATION_MODEL_SHA256: sha256, SOURCE_URI: named.uri},
            },
            "spec": {"template": self.template},
        })  # fmt: skip
        if self.made == 1 and not self.account.since and (first := revisions_of([item])):
            self.account.templates = {one.revision.template for one in first.values()}
        kind = self.kinds[named.version]
        ready = float("inf") if kind is Kind.NEVER_READY else self.now + self.chance.uniform(1, 20)
        crash = (
            self.now + self.chance.uniform(25, 200)
            if kind is Kind.CRASHING
            else self.now + 60
            if kind is Kind.NEVER_READY
            else float("inf")
        )
        self.fates[item["metadata"]["uid"]] = (ready, crash)

    def _change_health(self) -> None:
        for item in list(self.server.objects.get(REVISIONS, {}).values()):
            ready, crash = self.fates[item["metadata"]["uid"]]
            state = ("False", "ExitCode1") if self.now >= crash else ("True", "") if self.now >= ready else ("Unknown", "Deploying")
            conditions = [{"type": "Ready", "status": state[0], "reason": state[1]}]
            if item.get("status", {}).get("conditions") != conditions:
                self.server.put(REVISIONS, {**item, "status": {"conditions": conditions}})

    def _collect(self) -> None:
        there = list(self.server.objects.get(REVISIONS, {}))
        named = {one.revision for one in self.route.targets} if self.route else set[str]()
        for _, name in there[:-1]:
            made_at = self.account.since.get((name, -1)) or self.account.since.setdefault((name, -1), self.now)
            if name not in named and self.now - made_at > 60:
                self.server.delete(REVISIONS, MODEL.namespace, name)

    def delete_service(self) -> None:
        for namespace, name in list(self.server.objects.get(REVISIONS, {})):
            self.server.delete(REVISIONS, namespace, name)
            self.account.since.pop((name, -1), None)
        self.made = 0

    def _merge(self, commit: ProposeCommit) -> None:
        promoted = next((one for one in map(files, self.kinds) if one.sha256 == commit.sha256), None)
        if commit.verb is Proposal.PROMOTE and promoted and promoted != self.spec.promoted:
            if promoted.sha256 not in self.account.proved:
                self.wrong.append(f"Git says that version {promoted.version} is promoted, which was not proved")
            self.edit(RELEASES, "git", spec={"promoted": promoted.model_dump()})
        if commit.verb is Proposal.REVERT and self.spec.wanted.sha256 == commit.sha256:
            self.want(self.spec.promoted)

    # --- who objects, who is told ---

    def _admit(self, collection: str, before: Item | None, after: Item, user: str) -> None:
        if collection != ROUTES:
            return
        parameter = self.server.get(PARAMETERS, f"{MODEL.namespace}/{GUARD_CONFIG_MAP}")
        guard = guard_of(parameter, MODEL.name) if parameter else None
        old = route_of(before) if before else None
        for one in route_of(after).targets:
            was = sum(target.percent for target in old.targets if target.revision == one.revision) if old else 0
            if guard is None or one.percent > guard.shares.get(one.revision, 0):
                refuse(f"{one.revision} may not have {one.percent} %")
            if user != CONTROLLER and guard and one.revision != guard.stable and one.percent > was:
                refuse("only the controller raises")

    def _written(self, collection: str, before: Item | None, after: Item | None, user: str) -> None:
        if collection not in {ROUTES, RELEASES} or after is None:
            return
        try:
            if collection == ROUTES:
                self._check_route(route_of(before) if before else None, route_of(after), user)
            elif before is not None:
                self.account.check_status(self.now, _status(before), _status(after), self.running)
        except UnsafeError as unsafe:
            self.wrong.append(str(unsafe))

    def _check_route(self, before: observation.Route | None, after: observation.Route, user: str) -> None:
        candidate = self.status.candidate
        is_abort = user != CONTROLLER or (candidate is not None and after.taken_back == candidate.uid)
        self.shares.append(after.share(candidate) if candidate else 0)
        self.account.check_route(self.now, before if is_abort else None, after, self.status, self.running)


def is_settled(region: Region) -> bool:
    """Whether everything is as Git wants it, or as it was before."""
    status, route, spec = region.status, region.route, region.spec
    return (
        status.phase == "Steady" and status.stable is not None and route is not None and route.share(status.stable) == 100
        and status.stable.sha256 == spec.promoted.sha256 == spec.wanted.sha256 and not region.commits
    )  # fmt: skip


def _status(item: Item) -> ReleaseStatus:
    return ReleaseStatus.model_validate_json(_json(item.get("status") or {}))


def _json(value: object) -> str:

    return json.dumps(value)
