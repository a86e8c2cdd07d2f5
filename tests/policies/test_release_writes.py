"""What the release controller writes, in the order in which its core decides it, goes through the policies; what raises a share is its alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from tests.admission_server import Answer, ApiServer
from tests.policies.cases import groups, merged
from tests.policies.tenant_objects import make_unfenced
from tests.tidegate.release.account import STEPS
from tests.tidegate.release.world import Kind, World, begin
from tidegate.contracts.release import Files, ReleaseStatus
from tidegate.contracts.release_names import FIELD_MANAGER, GUARD_CONFIG_MAP, live_route
from tidegate.release.decide import decide
from tidegate.release.look import Decision, Remember
from tidegate.release.objects import files_object, guard_data, route_object
from tidegate.release.observation import Command, Guard, SetFiles, SetGuard, SetRoute, Target, Verb

pytestmark = pytest.mark.apiserver

MODEL = "scorer"
CONTROLLER, ARGO_CD = "system:serviceaccount:platform:release-controller", "system:serviceaccount:argocd:argocd-application-controller"
NAMESPACES = "system:serviceaccount:kube-system:namespace-controller"
PERSON = "platform-engineer"
OTHERS = (PERSON, ARGO_CD)
NOT_RAISED = "only the release controller gives a revision more users"
NOT_MADE = "the Route of a model's users is made by the release controller only"
TOO_MUCH = "a revision has more users than are approved"


@dataclass
class Region:
    """The objects of one model on the API server, written as the simulated world's controller decides."""

    api: ApiServer
    namespace: str
    owner: dict[str, Any]
    shares: Mapping[str, int]
    stable: str = ""
    log: tuple[str, ...] = ()

    @property
    def tenants(self) -> tuple[str, ...]:
        """Accounts of the tenant, that of Argo CD's real applies first."""
        return tuple(f"system:serviceaccount:{self.namespace}:fraud-{one}" for one in ("deploy", "serving"))

    def send(self, user: str, manifest: Mapping[str, Any], *, dry_run: bool = False, subresource: str = "") -> Answer:
        """Server-side apply."""
        path = "/".join(part for part in (self.api.path(manifest), subresource) if part)
        manager = FIELD_MANAGER if user == CONTROLLER else user.rpartition(":")[2]
        path += f"?fieldManager={manager}&force=true{'&dryRun=All' if dry_run else ''}"
        return self.api.request("PATCH", path, manifest, content_type="application/apply-patch+yaml", user=user, groups=groups(user))

    def write(self, manifest: Mapping[str, Any], *, lowers: bool = False, message: str = "", subresource: str = "") -> None:
        """The controller's write, after everybody else has tried it for real."""
        for user in (*OTHERS, *self.tenants):
            may = lowers and user in OTHERS
            answer = self.send(user, manifest, dry_run=may, subresource=subresource)
            assert (answer.code < 300) == may, f"{user}: {answer.code} {answer.message}"
            assert may or user in self.tenants or message in answer.message, answer.message
        answer = self.send(CONTROLLER, manifest, subresource=subresource)
        assert answer.code in {200, 201}, answer.message

    def set_status(self, status: ReleaseStatus) -> None:
        said = json.loads(status.model_dump_json(by_alias=True, exclude_none=True))
        self.write(
            self.object("tidegate.dev/v1alpha1", "Release", MODEL, status=said), message="release controller's memory", subresource="status"
        )

    def set_guard(self, guard: Guard) -> None:
        """A share that the parameter does not allow yet is refused even to the controller."""
        for name, share in guard.shares.items():
            if self.stable == guard.stable != name and share > self.shares.get(name, 0):
                early = self.route(SetRoute((Target(guard.stable, 100 - share), Target(name, share)), ""))
                answer = self.send(CONTROLLER, early, dry_run=True)
                assert TOO_MUCH in answer.message or "no release of the model knows" in answer.message, answer.message
                self.log += (f"early {share}",)
        there = self.api.request("GET", self.api.path(self.object("v1", "ConfigMap", GUARD_CONFIG_MAP))).body.get("data", {})
        self.write(
            self.object("v1", "ConfigMap", GUARD_CONFIG_MAP, data=guard_data(there, MODEL, guard)),
            message="written by the release controller only",
        )
        self.stable = guard.stable
        self.shares = guard.shares

    def set_route(self, wanted: SetRoute) -> None:
        manifest = self.route(wanted)
        before = self.api.request("GET", self.api.path(manifest))
        is_new = before.code == 404
        shares = _shares([] if is_new else before.body["spec"]["traffic"])
        raised = {name: share for name, share in _shares(manifest["spec"]["traffic"]).items() if share > shares.get(name, 0)}
        gained = {name: share for name, share in raised.items() if name != self.stable}
        self.write(manifest, lowers=not is_new and not gained, message=NOT_MADE if is_new else NOT_RAISED)
        self.log += (
            ("made",) if is_new else tuple(f"raised to {share}" for share in gained.values()) or (("lowered",) if raised else ("named",))
        )

    def route(self, wanted: SetRoute) -> dict[str, Any]:
        return route_object(self.namespace, MODEL, self.owner, replace(wanted, resource_version=""))

    def set_files(self, wanted: Files) -> None:
        manifest = files_object(self.namespace, MODEL, SetFiles(_here(wanted), ""))
        del manifest["metadata"]["resourceVersion"]
        self.write(manifest, message="are changed by the release controller only")
        # A real apply of Argo CD brings the files that are there; its comparison brings Git's, and is kept nowhere.
        gits = _bare(self.owner)
        assert self.send(ARGO_CD, gits, dry_run=True).code == 200
        answer = self.send(self.tenants[0], cast("dict[str, Any]", merged(gits, _bare(manifest))))
        assert answer.code == 200, answer.message
        self.log += ("files",)

    def object(self, api_version: str, kind: str, name: str, **rest: Any) -> dict[str, Any]:
        return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": self.namespace}, **rest}

    def set_spec(self, world: World) -> None:
        manifest = self.object("tidegate.dev/v1alpha1", "Release", MODEL, spec=json.loads(world.spec.model_dump_json(by_alias=True)))
        for user in (CONTROLLER, PERSON, *self.tenants):
            assert self.send(user, manifest).code in {403, 422}, user
        assert self.send(ARGO_CD, manifest).code in {200, 201}


def _shares(traffic: list[dict[str, Any]]) -> dict[str, int]:
    return {
        name: sum(one.get("percent", 0) for one in traffic if one["revisionName"] == name)
        for name in {one["revisionName"] for one in traffic}
    }


def _here(files: Files) -> Files:
    return files.model_copy(update={"uri": f"s3://tidegate-live-1-models-123456789012/fraud/scorer/{files.version}"})


def _bare(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """As somebody applies it who knows nothing of what the server has added."""
    known = ("name", "namespace", "labels", "annotations")
    return {**{key: manifest[key] for key in ("apiVersion", "kind", "spec")}, "metadata": {
        key: value for key, value in manifest["metadata"].items() if key in known
    }}  # fmt: skip


def made(api: ApiServer, tree: Mapping[str, dict[str, Any]], name: str, world: World) -> Region:
    """A namespace of tenant fraud of its own, with the model as Argo CD makes it, and what Git wants of it."""
    make_unfenced(api, "fraud", "critical", name)
    files = _here(world.spec.promoted)
    change = {
        "metadata": {"namespace": name, "annotations": {"tidegate.dev/model-sha256": files.sha256}},
        "spec": {"predictor": {"model": {"storageUri": files.uri}}},
    }
    region = Region(api, name, {}, {})
    owner = region.send(region.tenants[0], cast("dict[str, Any]", merged(tree["tenants/fraud/inferenceservice-scorer"], change)))
    assert owner.code == 201, owner.message
    region.owner = owner.body
    region.set_spec(world)
    return region


def carry_out(world: World, region: Region, until: Callable[[World], bool]) -> None:
    """As the controller of the simulated schedules, and each write to the API server, too."""
    spec = world.spec
    while not until(world):
        assert world.now < 3000, region.log
        world.tick(1)
        if world.spec != spec:
            spec = world.spec
            region.set_spec(world)
        version, decision = world.status_version, decide(world.spec, world.status, world.observe())
        mirror(region, decision)
        world.carry_out(decision, version)
        world.collect()


def _is_back(world: World) -> bool:
    stable = world.status.stable
    return stable is not None and stable.files.version == 1 and world.service.sha256 == stable.sha256 and not world.commits


def mirror(region: Region, decision: Decision) -> None:
    match decision:
        case Remember(status):
            region.set_status(status)
        case SetGuard(guard):
            region.set_guard(guard)
        case SetRoute():
            region.set_route(decision)
        case SetFiles(files):
            region.set_files(files)
        case _:
            pass


def test_good_version_is_raised_by_the_controller_alone_and_rolled_back(api: ApiServer, tree: Mapping[str, dict[str, Any]]) -> None:
    world = begin(1, {1: Kind.GOOD, 2: Kind.GOOD}, faults=False)
    region = made(api, tree, "tenant-of-a-good-version", world)
    carry_out(world, region, lambda there: there.spec.promoted.version == 2 and not there.commits)
    raised = [one for one in region.log if one.startswith("raised")]
    assert raised == [f"raised to {share}" for share in STEPS]
    assert [one for one in region.log if one.startswith("early")] == [f"early {share}" for share in STEPS]
    world.command = Command("one", Verb.ROLLBACK, "maria", "a complaint")
    region.log = ()
    carry_out(world, region, _is_back)
    assert region.log
    assert "files" in region.log
    answer = region.send(PERSON, region.object("tidegate.dev/v1alpha1", "Release", MODEL, metadata={
        "name": MODEL, "namespace": region.namespace, "annotations": {"example.com/order": "abort"},
    }))  # fmt: skip
    assert answer.code == 200, answer.message


def test_bad_version_is_taken_back_in_a_write_that_anybody_may_do(api: ApiServer, tree: Mapping[str, dict[str, Any]]) -> None:
    world = begin(1, {1: Kind.GOOD, 2: Kind.ERRORING}, faults=False)
    region = made(api, tree, "tenant-of-a-bad-version", world)
    carry_out(world, region, lambda there: bool(there.status.aborted))
    assert [one for one in region.log if one.startswith(("raised", "lowered"))] == [f"raised to {STEPS[0]}", "lowered"]


def test_parameter_goes_with_its_namespace_only_and_the_route_can_still_be_cleared_up(
    api: ApiServer, tree: Mapping[str, dict[str, Any]]
) -> None:
    """Knative takes its finalizer off a Route after everything else of a namespace is gone."""
    world = begin(1, {1: Kind.GOOD, 2: Kind.GOOD}, faults=False)
    region = made(api, tree, "tenant-that-goes", world)
    carry_out(world, region, lambda there: there.route is not None)
    route = region.object("serving.knative.dev/v1", "Route", live_route(MODEL))
    finalizers = {"metadata": {"finalizers": ["routes.serving.knative.dev"]}}
    knative = "system:serviceaccount:knative-serving:controller"

    def as_knative(patch: Mapping[str, Any]) -> Answer:
        return api.request(
            "PATCH", api.path(route), patch, content_type="application/merge-patch+json", user=knative, groups=groups(knative)
        )

    assert as_knative(finalizers).code == 200
    parameter = api.path(region.object("v1", "ConfigMap", GUARD_CONFIG_MAP))
    every = parameter.rpartition("/")[0]
    for user in (PERSON, CONTROLLER, ARGO_CD):
        for path in (parameter, every):
            answer = api.request("DELETE", path, user=user, groups=groups(user))
            assert "the approved shares go with their namespace only" in answer.message, f"{user} {path}: {answer.message}"
    assert api.request("DELETE", every, user=NAMESPACES, groups=groups(NAMESPACES)).code == 200
    assert api.request("GET", parameter).code == 404
    assert api.request("DELETE", api.path(route), user=NAMESPACES, groups=groups(NAMESPACES)).code == 200
    answer = as_knative({"metadata": {"finalizers": None}})
    assert answer.code == 200, answer.message
    assert api.request("GET", api.path(route)).code == 404
