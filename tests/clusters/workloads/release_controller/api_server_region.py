"""Knative and Git, simulated in a thread each beside a real API server, and an observer of every Route."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from clusters.objects.release import definition
from clusters.workloads.release_controller import kinds
from clusters.workloads.release_controller.settings import LEASE
from tests.admission_server import TOKEN, ApiServer
from tests.clusters.workloads.release_controller.program import BAD
from tests.policies.tenant_objects import definitions
from tests.tidegate.release.world import files
from tidegate.contracts.release import Files, ReleaseSpec
from tidegate.facts.names import ANNOTATION_MODEL_SHA256, KSERVE_LABEL_MODEL, KSERVE_LABEL_PART
from tidegate.release.objects import SOURCE_URI

NAMESPACE = "release-controller"
STEPS = (10, 25, 50, 100)
STEP_SECONDS = 5
SLACK_SECONDS = 1.5
"""Date has whole seconds, so two processes may differ by one about what time the server has."""

RELEASES, REVISIONS, SERVICES = kinds.RELEASES, kinds.REVISIONS, kinds.SERVICES


def furnish(api: ApiServer) -> str:
    """Definitions, the controller's namespace, and its account with the rights that it says it needs; the account's token."""
    kinds_needed = [
        ("serving.kserve.io/v1beta1", "InferenceService"),
        ("serving.knative.dev/v1", "Revision"),
        ("serving.knative.dev/v1", "Route"),
    ]
    for one in (*definitions(kinds_needed), definition()):
        api.must_apply(one)
    for kind in (*kinds_needed, ("tidegate.dev/v1alpha1", "Release")):
        _wait_until_served(api, *kind)
    api.must_apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    api.must_apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": LEASE, "namespace": NAMESPACE}})
    rbac, subject = "rbac.authorization.k8s.io", {"kind": "ServiceAccount", "name": LEASE, "namespace": NAMESPACE}
    for kind, rules, where in (
        ("ClusterRole", kinds.cluster_rules(), {}), ("Role", kinds.namespace_rules(LEASE), {"namespace": NAMESPACE}),
    ):  # fmt: skip
        metadata = {"name": LEASE, **where}
        api.must_apply({"apiVersion": f"{rbac}/v1", "kind": kind, "metadata": metadata, "rules": rules})
        api.must_apply({
            "apiVersion": f"{rbac}/v1", "kind": f"{kind}Binding", "metadata": metadata, "subjects": [subject],
            "roleRef": {"apiGroup": rbac, "kind": kind, "name": LEASE},
        })  # fmt: skip
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
    answer = api.request("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{LEASE}/token", asked)
    assert answer.code == 201, answer.message
    return str(answer.body["status"]["token"])


def _wait_until_served(api: ApiServer, api_version: str, kind: str) -> None:
    """Definitions are served, and found, a moment after they are there."""
    for _ in range(600):
        with contextlib.suppress(KeyError):
            if api.request("GET", api.collection(api_version, kind, None)).code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"{kind} of {api_version} is not served")


def release(namespace: str, name: str, promoted: Files, wanted: Files) -> dict[str, Any]:
    spec = ReleaseSpec(
        strategy="canary", wanted=wanted, promoted=promoted, steps_percent=STEPS, step_seconds=STEP_SECONDS, minimum_requests=300, p99_ms=50,
        availability=0.99, rollback_hours=0.1,
    )  # fmt: skip
    return {
        "apiVersion": "tidegate.dev/v1alpha1", "kind": "Release", "metadata": {"namespace": namespace, "name": name},
        "spec": spec.model_dump(mode="json", by_alias=True),
    }  # fmt: skip


def service(namespace: str, name: str, wanted: Files) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
        "metadata": {"namespace": namespace, "name": name, "annotations": {ANNOTATION_MODEL_SHA256: wanted.sha256}},
        "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}, "storageUri": wanted.uri}}},
    }  # fmt: skip


def revision(namespace: str, model: str, number: int, wanted: Files) -> dict[str, Any]:
    labels = {KSERVE_LABEL_MODEL: model, KSERVE_LABEL_PART: "predictor"}
    annotations = {ANNOTATION_MODEL_SHA256: wanted.sha256, SOURCE_URI: wanted.uri}
    name = f"{model}-predictor-{number:05d}"
    return {
        "apiVersion": "serving.knative.dev/v1", "kind": "Revision",
        "metadata": {"namespace": namespace, "name": name, "labels": labels, "annotations": annotations},
        "spec": {"containers": [{"name": "kserve-container", "image": "registry.example.com/tidegate/mlserver:1"}]},
    }  # fmt: skip


def make_ready(api: ApiServer, item: dict[str, Any]) -> None:
    item = {**item, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    metadata = item["metadata"]
    answer = api.request("PUT", REVISIONS.path(metadata["namespace"], metadata["name"], "status"), item)
    assert answer.code == 200, answer.message


@dataclass
class Region:
    """The threads' view of it."""

    api: ApiServer
    made: dict[tuple[str, str], list[str]] = field(default_factory=dict[tuple[str, str], list[str]])
    wrong: list[str] = field(default_factory=list[str])
    shares: dict[tuple[str, str], list[int]] = field(default_factory=dict[tuple[str, str], list[int]])
    _since: dict[tuple[str, str, str, int], float] = field(default_factory=dict[tuple[str, str, str, int], float])
    _left: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])
    _last: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict[tuple[str, str], dict[str, int]])

    def live(self, api: ApiServer) -> None:
        """A round of Knative and Git."""
        for item in api.request("GET", SERVICES.path()).body["items"]:
            metadata = item["metadata"]
            key, sha256 = (metadata["namespace"], metadata["name"]), metadata["annotations"][ANNOTATION_MODEL_SHA256]
            there = self.made.setdefault(key, [])
            wanted = next(one for one in map(files, (1, 2)) if one.sha256 == sha256)
            if not there or there[-1] != sha256:
                there.append(sha256)
                answer = api.create(revision(*key, len(there), wanted))
                assert answer.code == 201, answer.message
                make_ready(api, answer.body)
        for item in api.request("GET", RELEASES.path()).body["items"]:
            status, metadata = item.get("status", {}), item["metadata"]
            if status.get("phase") == "Promoting" and item["spec"]["promoted"] != (stable := status["stable"]["files"]):
                api.apply(release(metadata["namespace"], metadata["name"], Files(**stable), Files(**item["spec"]["wanted"])))

    def judge(self, item: dict[str, Any]) -> None:
        """What users may get: one write of a Route."""
        key, now = (item["metadata"]["namespace"], item["metadata"]["name"].removesuffix("-live")), time.monotonic()
        shares: dict[str, int] = {}
        for target in item["spec"]["traffic"]:
            if target.get("latestRevision") or not target.get("revisionName"):
                self.wrong.append(f"{key}: a target follows whatever is newest")
            shares[target.get("revisionName", "")] = shares.get(target.get("revisionName", ""), 0) + target.get("percent", 0)
        if sum(shares.values()) != 100:
            self.wrong.append(f"{key}: {shares}")
        for name, share in shares.items():
            self._judge_share(key, name, share, now)
        self._last[key] = shares
        self.shares.setdefault(key, []).append(max((share for name, share in shares.items() if name.endswith("2")), default=0))

    def _judge_share(self, key: tuple[str, str], name: str, share: int, now: float) -> None:
        before = self._last.get(key, {}).get(name, 0)
        if not name.endswith("2"):
            return
        if share < before < 100:
            self._left.add((*key, name))
        if share <= before:
            return
        self._since.setdefault((*key, name, share), now)
        if share not in STEPS or (key[1].startswith(BAD) and share > STEPS[0]) or (*key, name) in self._left:
            self.wrong.append(f"{key}: {name} gets {share} % after {before} %")
            return
        if share != STEPS[0]:
            held = now - self._since.get((*key, name, STEPS[STEPS.index(share) - 1]), now)
            if held < STEP_SECONDS - SLACK_SECONDS:
                self.wrong.append(f"{key}: {name} gets {share} % after {held:.1f} s of the step before")


@contextlib.contextmanager
def living(api: ApiServer) -> Generator[Region]:
    """Knative, Git and the observer, until the block ends."""
    region, ended = Region(api), threading.Event()
    route_version = api.request("GET", kinds.ROUTES.path()).body["metadata"]["resourceVersion"]
    context = ssl.create_default_context(cafile=str(api.certificate))
    context.check_hostname = False
    watching = http.client.HTTPSConnection("127.0.0.1", api.port, context=context, timeout=600)
    watching.request(
        "GET", f"{kinds.ROUTES.path()}?watch=true&resourceVersion={route_version}", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    stream = watching.getresponse()

    def observe() -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            while not ended.is_set() and (line := stream.readline()):
                event = json.loads(line)
                if event["type"] in {"ADDED", "MODIFIED"}:
                    region.judge(event["object"])

    def live() -> None:
        with contextlib.closing(ApiServer(api.port, api.certificate)) as own:
            while not ended.wait(0.1):
                try:
                    region.live(own)
                except AssertionError as error:
                    region.wrong.append(str(error))

    threads = [threading.Thread(target=one, daemon=True) for one in (observe, live)]
    for one in threads:
        one.start()
    try:
        yield region
    finally:
        ended.set()
        threads[1].join()
        if watching.sock:
            with contextlib.suppress(OSError):
                watching.sock.shutdown(socket.SHUT_RDWR)
        threads[0].join(timeout=5)
        stream.close()
        watching.close()
