"""Whatever keeps a model from answering is named as one cause with one next step."""

from __future__ import annotations

import pytest

from tests.tidegate.embedded.canned_models import (
    CRASHED,
    EDGE,
    FETCH,
    READY,
    STORAGE_LOG,
    TRACEBACK,
    explain,
    initializing,
    starting,
    sync_failed,
    waiting,
)
from tests.tidegate.live.canned_cluster import (  # fmt: skip
    FIRST,
    GIVEN_UP,
    PARTS,
    SECOND,
    Object,
    application,
    condition,
    container,
    event,
    gateway,
    inference_service,
    knative,
    node,
    pod,
    replica_set,
    revision,
    route,
)

REFUSED = {"reason": "Error", "exitCode": 65}
KILLED = {"reason": "OOMKilled", "exitCode": 137}
DONE = {"reason": "Completed", "exitCode": 0}
QUOTA = 'pods "scorer-1" is forbidden: exceeded quota: tenant, requested: requests.cpu=2, used: requests.cpu=63, limited: requests.cpu=64'
POLICY = "ValidatingAdmissionPolicy 'require-digest' with binding 'require-digest' denied request: images are named by digest"
PULL = 'Back-off pulling image "registry.example.com/tidegate/mlserver@sha256:0": not found'
INSUFFICIENT = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
OLDER = [inference_service(), knative(newest=SECOND), application(), node(), *EDGE, revision(), pod(ready=True)]

CASES: dict[str, tuple[list[Object], dict[str, str], str, str]] = {
    "application-missing": (EDGE, {}, "not applied: Argo CD has no Application tenant-fraud", "look at Application root in `tidegate status`"),
    "application-waits": (
        [application(sync="OutOfSync", health="Missing"), *EDGE], {},
        "not applied by Argo CD: the Application is OutOfSync, Missing", "or wait for the sync",
    ),
    "application-cannot-read-git": (
        [application(sync="Unknown", conditions=[condition("ComparisonError", True, "", "failed to load target state: invalid YAML")]), *EDGE], {},
        "not applied by Argo CD: failed to load target state: invalid YAML", "correct gitops/tenants/fraud.yaml",
    ),
    "application-refused-by-policy": (
        [sync_failed(POLICY), *EDGE], {}, "refused by policy: InferenceService scorer: ValidatingAdmissionPolicy 'require-digest'",
        "change what the message names in gitops/tenants/fraud.yaml",
    ),
    "application-refused-by-project": (
        [sync_failed("resource :ClusterRole is not permitted in project tenant-fraud"), *EDGE], {},
        "refused by the tenant's Argo CD project: InferenceService scorer: resource :ClusterRole is not permitted", "remove that object",
    ),
    "being-deleted": (
        [*READY[:1], inference_service() | {"metadata": {"name": "scorer", "namespace": "tenant-fraud", "labels": PARTS, "deletionTimestamp": "2026-11-21T12:00:00Z"}}, *READY[2:]], {},
        "the InferenceService is being deleted", "commit gitops/tenants/fraud.yaml again",
    ),
    "knative-service-refused": (
        [application(), inference_service(ready=False, conditions=[condition("PredictorReady", False, "", 'admission webhook "x" denied the request: no')]), *EDGE], {},
        'refused by policy: admission webhook "x" denied the request: no', "what the message names",
    ),
    "knative-service-not-made": (
        [application(), inference_service(ready=False, conditions=[condition("PredictorReady", False, "", "no runtime found")]), *EDGE], {},
        "KServe has made no Knative Service scorer-predictor: no runtime found", "logs deployment/kserve-controller-manager",
    ),
    "image-not-resolved": (
        starting(revision(FIRST, condition("Ready", False, "ContainerMissing", FETCH))), {}, f"image cannot be resolved: {FETCH}", "push the runtime's image",
    ),
    "image-not-pulled": (
        starting(pod(status={"containerStatuses": [waiting("kserve-container", "ImagePullBackOff", PULL)]})), {},
        f"image of kserve-container cannot be pulled: {PULL}", "push the runtime's image",
    ),
    "model-missing": (
        starting(initializing(restarts=3, waiting={"reason": "CrashLoopBackOff"}, last=CRASHED | {"message": f"{STORAGE_LOG}No model at s3://b/fraud/scorer/1"})), {},
        "model files could not be fetched (storage-initializer, exit code 1): No model at s3://b/fraud/scorer/1", "artefact.uri of models.scorer in gitops/tenants/fraud.yaml",
    ),
    "model-registry-down": (
        starting(initializing(terminated=CRASHED)), {"scorer-1/storage-initializer": f"{STORAGE_LOG}S3 error [503]: Service Unavailable\n"},
        "model files could not be fetched (storage-initializer, exit code 1): S3 error [503]: Service Unavailable", "the model registry does not answer",
    ),
    "model-tampered": (
        starting(initializing(restarts=3, waiting={"reason": "CrashLoopBackOff"}, last=REFUSED | {"message": "Copying contents\nModel refused: fraud/scorer/1: 'model.txt' is not what was signed\n"})), {},
        "the model's signature does not hold, so it was not loaded: fraud/scorer/1: 'model.txt' is not what was signed", "`tidegate model verify fraud/scorer`",
    ),
    "model-not-catalogued": (
        starting(initializing(terminated=REFUSED)), {"scorer-1/storage-initializer": "Model refused: s3://b/fraud/scorer/1 is not in the catalogue of approved models\n"},
        "the model may not be loaded: s3://b/fraud/scorer/1 is not in the catalogue of approved models", "have the version listed (`tidegate model catalogue`)",
    ),
    "model-of-another-library": (
        starting(initializing(terminated=REFUSED)), {"scorer-1/storage-initializer": "Model refused: fraud/scorer/1: it was trained with lightgbm 3.3.5, and mlserver-lightgbm loads it with 4.7.0; train it with lightgbm 4.7 and sign that as a new version\n"},
        "the model may not be loaded: fraud/scorer/1: it was trained with lightgbm 3.3.5, and mlserver-lightgbm loads it with 4.7.0", "train it again with that version and name the new one in models.scorer in gitops/tenants/fraud.yaml",
    ),
    "crash": (
        starting(pod(status={"containerStatuses": [waiting("queue-proxy", "CrashLoopBackOff", last=CRASHED), waiting("kserve-container", "CrashLoopBackOff", last=CRASHED)]})),
        {"scorer-1/kserve-container": TRACEBACK},
        "container kserve-container crashes (exit code 1, 4 restarts): ModuleNotFoundError: No module named 'features'", "logs scorer-1 -c kserve-container",
    ),
    "crash-and-runs-again": (
        starting(pod(status={"containerStatuses": [container(restarts=2, last=CRASHED)]})),
        {"scorer-1/kserve-container": "starting", "scorer-1/kserve-container --previous": TRACEBACK},
        "container kserve-container crashes (exit code 1, 2 restarts): ModuleNotFoundError", "logs scorer-1 -c kserve-container --previous",
    ),
    "crash-without-a-log": (
        starting(pod(status={"containerStatuses": [waiting("kserve-container", "CrashLoopBackOff", last=CRASHED)]})), {},
        "container kserve-container crashes (exit code 1, 4 restarts): it left no log", "logs scorer-1",
    ),
    "out-of-memory": (
        starting(pod(status={"containerStatuses": [waiting("kserve-container", "CrashLoopBackOff", last={"reason": "OOMKilled", "exitCode": 137})]})), {},
        "container kserve-container needs more memory than its limit (OOMKilled)", "raise models.scorer.resources.memory_gib in gitops/tenants/fraud.yaml",
    ),
    "out-of-memory-of-a-companion": (
        starting(pod(metadata={"labels": {**PARTS, "component": "transformer", "serving.knative.dev/revision": FIRST}}, status={"containerStatuses": [waiting("kserve-container", "CrashLoopBackOff", last=KILLED)]})), {},
        "container kserve-container needs more memory than its limit (OOMKilled)", "raise models.scorer.transformer.resources.memory_gib in",
    ),
    "out-of-memory-of-what-fetches": (
        starting(initializing(terminated=KILLED)), {}, "container storage-initializer needs more memory than its limit", "clusters/addons/kserve.py",
    ),
    "server-ends-without-an-error": (
        starting(pod(status={"containerStatuses": [waiting("queue-proxy", "CrashLoopBackOff", last=CRASHED), waiting("kserve-container", "CrashLoopBackOff", last=DONE)]})),
        {"scorer-1/kserve-container": "serving\nERROR: no model of that name\nbye\n"},
        "container kserve-container ends by itself (exit code 0, 4 restarts): ERROR: no model of that name", "logs scorer-1 -c kserve-container",
    ),
    "crash-and-runs-again-for-knative": (  # kubelet calls it ready: its probe is the queue-proxy's
        starting(pod(status={"containerStatuses": [container("queue-proxy"), container(ready=True, restarts=2, last=CRASHED)]})),
        {"scorer-1/kserve-container": "starting", "scorer-1/kserve-container --previous": TRACEBACK},
        "container kserve-container crashes (exit code 1, 2 restarts): ModuleNotFoundError", "logs scorer-1 -c kserve-container --previous",
    ),
    "crash-before-it-was-ready": (
        starting(pod(status={"conditions": [condition("Ready", False) | {"lastTransitionTime": "2026-11-21T12:00:00Z"}], "containerStatuses": [
            container("queue-proxy"), container(ready=True, restarts=2, last={**CRASHED, "finishedAt": "2026-11-21T11:50:00Z"})]})), {},
        "pod scorer-1 is still starting: queue-proxy runs, its readiness probe has not passed yet", "look again",
    ),
    "server-ended-a-moment-ago": (
        starting(pod(status={"containerStatuses": [container("queue-proxy", last=CRASHED, restarts=1), container("kserve-container", terminated=DONE)]})),
        {"scorer-1/kserve-container": "serving\n"}, "container kserve-container ends by itself (exit code 0, 0 restarts): serving", "logs scorer-1 -c kserve-container",
    ),
    "server-ended-and-runs-again": (
        starting(pod(status={"containerStatuses": [container(restarts=1, last=DONE), container("queue-proxy")]})),
        {"scorer-1/kserve-container": "serving", "scorer-1/kserve-container --previous": "Segmentation fault"},
        "container kserve-container ends by itself (exit code 0, 1 restarts): Segmentation fault", "logs scorer-1 -c kserve-container --previous",
    ),
    "server-ended-and-so-did-the-meshs-sidecar": (
        starting(pod(status={
            "initContainerStatuses": [container("storage-initializer", ready=True, terminated=DONE), waiting("istio-proxy", "CrashLoopBackOff", last=CRASHED)],
            "containerStatuses": [waiting("kserve-container", "CrashLoopBackOff", last=CRASHED), container("queue-proxy")],
        })),
        {"scorer-1/kserve-container": TRACEBACK}, "container kserve-container crashes (exit code 1, 4 restarts): ModuleNotFoundError", "logs scorer-1 -c kserve-container",
    ),
    "sidecar-fails-and-the-server-waits": (
        starting(pod(status={
            "initContainerStatuses": [container("storage-initializer", ready=True, terminated=DONE), waiting("istio-proxy", "CrashLoopBackOff", last=CRASHED)],
            "containerStatuses": [waiting("kserve-container", "PodInitializing"), waiting("queue-proxy", "PodInitializing")],
        })),
        {"scorer-1/istio-proxy": "no certificate"}, "container istio-proxy crashes (exit code 1, 4 restarts): no certificate", "logs scorer-1 -c istio-proxy",
    ),
    "error-comes-before-the-last-words": (
        starting(pod(status={"containerStatuses": [waiting("kserve-container", "CrashLoopBackOff", last=CRASHED)]})),
        {"scorer-1/kserve-container": f"{TRACEBACK}INFO: shutting down\n"}, "container kserve-container crashes (exit code 1, 4 restarts): ModuleNotFoundError", "logs",
    ),
    "given-up": (
        starting(revision(FIRST, *GIVEN_UP)), {},
        "Knative gave up on revision scorer-predictor-00001 at its progress deadline and tries it no more: Initial scale was never achieved",
        "`kubectl delete revisions.serving.knative.dev scorer-predictor-00001 --namespace=tenant-fraud --cascade=foreground`, and Knative makes it again",
    ),
    "given-up-after-crashes": (
        starting(revision(FIRST, condition("Ready", False, "ExitCode1", "Container failed with: no model"), condition("Active", False, "NoTraffic", ""))), {},
        "Knative gave up on revision scorer-predictor-00001 at its progress deadline and tries it no more: Container failed with: no model", "--cascade=foreground",
    ),
    "given-up-for-a-quota": (
        starting(revision(FIRST, condition("Ready", False, "FailedCreate", QUOTA), GIVEN_UP[1])), {},
        "Knative gave up on revision scorer-predictor-00001 at its progress deadline and tries it no more: quota exceeded: tenant, requested: requests.cpu=2",
        "then commit; when that is applied, `kubectl delete revisions.serving.knative.dev",
    ),
    "canary-given-up": (
        [*OLDER, revision(SECOND, *GIVEN_UP)], {},
        f"canary {SECOND} is not ready, {FIRST} keeps serving: Knative gave up on revision {SECOND}", f"kubectl delete revisions.serving.knative.dev {SECOND} ",
    ),
    "failed-but-still-tried": (
        starting(revision(FIRST, condition("Ready", False, "ContainerMissing", FETCH), condition("Active", None))), {}, "image cannot be resolved", "push",
    ),
    "failed-with-a-pod": (
        starting(revision(FIRST, *GIVEN_UP), pod(status={"containerStatuses": [waiting("kserve-container", "CrashLoopBackOff", last=CRASHED)]})),
        {"scorer-1/kserve-container": TRACEBACK}, "container kserve-container crashes", "logs scorer-1",
    ),
    "container-not-created": (
        starting(pod(status={"containerStatuses": [waiting("kserve-container", "CreateContainerConfigError", 'secret "s3" not found')]})), {},
        'container kserve-container cannot be started: secret "s3" not found', "describe pod scorer-1",
    ),
    "never-ready": (
        starting(
            pod(), event("HTTP probe failed with statuscode: 503", at="2026-11-21T11:57:00Z"), event("older", at="2026-11-21T11:56:00Z"),
            event("sidecar", field="spec.initContainers{istio-proxy}", at="2026-11-21T11:58:00Z"),
        ), {},
        "kserve-container runs but is never ready: HTTP probe failed with statuscode: 503", "logs scorer-1 -c kserve-container",
    ),
    "still-starting": (
        starting(initializing(running={"startedAt": "2026-11-21T11:54:12Z"})), {}, "pod scorer-1 is still starting: storage-initializer runs", "look again",
    ),
    "probe-not-passed-yet": (starting(pod()), {}, "pod scorer-1 is still starting: kserve-container runs, its readiness probe has not passed yet", "look again"),
    "not-marked-ready": (
        starting(pod(status={"containerStatuses": [container(ready=True)]})), {},
        "pod scorer-1 is not marked ready though its containers are: nobody says why", "look again",
    ),
    "no-node-fits": (
        starting(pod(at="", status={"phase": "Pending", "containerStatuses": None, "conditions": [condition("PodScheduled", False, "Unschedulable", "0/1 nodes are available: 1 Insufficient cpu.")]})), {},
        "no node fits pod scorer-1: 0/1 nodes are available: 1 Insufficient cpu.", "lower resources in gitops/tenants/fraud.yaml",
    ),
    "gpu-pool-exhausted": (
        starting(pod(at="", nodeSelector={"tidegate.dev/gpu-pool": "l4-whole"}, status={"phase": "Pending", "conditions": [condition("PodScheduled", False, "Unschedulable", INSUFFICIENT)]})), {},
        f"GPU pool l4-whole has no room for pod scorer-1: {INSUFFICIENT}", "raise gpu_pools.l4-whole.max_gpus",
    ),
    "quota-exceeded": (
        starting(replica_set(QUOTA)), {}, "quota exceeded: tenant, requested: requests.cpu=2, used: requests.cpu=63, limited: requests.cpu=64", "raise quota.cpu, or lower models.scorer.resources.cpu or",
    ),
    "pod-refused-by-policy": (starting(replica_set(f'pods "scorer-1" is forbidden: {POLICY}')), {}, "refused by policy: pods", "what the message names"),
    "pod-not-created": (starting(replica_set("service account not found")), {}, "pods cannot be created: service account not found", "describe replicaset"),
    "revision-failed": (
        starting(revision(FIRST, condition("Ready", False, "ProgressDeadlineExceeded", "Initial scale was never achieved"))), {},
        "revision scorer-predictor-00001 failed: Initial scale was never achieved", "describe revision scorer-predictor-00001",
    ),
    "node-not-ready": (
        [*(one for one in starting(pod()) if one["kind"] != "Node"), node(ready=False)], {},
        "node live-1-node-1 of pod scorer-1 is not ready: Kubelet stopped posting node status.", "`tidegate local ps`",
    ),
    "route-of-knative": (
        [application(), inference_service(ready=False), knative(routes=condition("RoutesReady", False, "", "gateway not found")), revision(), pod(ready=True), node(), *EDGE], {},
        "Knative's route of scorer-predictor is not ready: gateway not found", "net-gateway-api-controller",
    ),
    "route-not-accepted": (
        [*READY[:-2], gateway(), route(accepted=False, message="host not allowed")], {},
        "gateway route: HTTPRoute fraud is not accepted (Accepted): host not allowed", "look at Application platform-edge",
    ),
    "route-elsewhere": ([*READY[:-2], gateway(), route(path="/other")], {}, "gateway route: HTTPRoute fraud has no rule for /scorer", "render and commit"),
    "route-missing": ([*READY[:-2], gateway()], {}, "gateway route: HTTPRoute fraud is not applied, so callers get 404", "platform-edge"),
    "gateway-not-programmed": ([*READY[:-2], gateway(programmed=False), route()], {}, "Gateway edge is not programmed: Failed to assign", "platform-edge"),
    "kserve-unfinished": (
        [application(), inference_service(ready=None), *READY[2:]], {}, "KServe has not finished: it has said nothing yet", "look again",
    ),
    "canary-not-ready": (
        [*OLDER, revision(SECOND, condition("Ready", None)), pod("scorer-2", SECOND, status={"containerStatuses": [waiting("kserve-container", "CrashLoopBackOff", last=CRASHED)]})],
        {"scorer-2/kserve-container": TRACEBACK},
        f"canary {SECOND} is not ready, {FIRST} keeps serving: container kserve-container crashes (exit code 1, 4 restarts): ModuleNotFoundError", "logs scorer-2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_cause_is_named_with_the_next_step(case: str) -> None:
    objects, logs, cause, step = CASES[case]
    found = explain(*objects, logs=logs)
    assert not found.ready
    assert found.cause.startswith(cause)
    assert step in found.next_step
    assert found.summary == f"cause: {found.cause}; next: {found.next_step}"
