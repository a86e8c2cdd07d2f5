"""Argo CD, core without ApplicationSets: controller, repo-server and Redis; no server and no users of its own.

It is applied by hand, and then manages itself like every other add-on.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from clusters.addons import at_rest, documents
from clusters.addons.add_on import AddOn, Ignored, Kustomization, ReleasedFiles, SourceModule
from clusters.addons.documents import Document
from clusters.addons.region import AddOnRegion
from clusters.releases import RELEASES
from tidegate.facts import names

VERSION = RELEASES.release("argo-cd")
MODULE = SourceModule.pinned("github.com/argoproj/argo-cd/v3", family="argocd")

_APPLICATION_HEALTH = """\
local health = {status = "Progressing", message = "not judged yet"}
if obj.status ~= nil and obj.status.health ~= nil and obj.status.health.status ~= nil then
  health.status = obj.status.health.status
  health.message = obj.status.health.message or ""
end
if obj.status ~= nil and obj.status.sync ~= nil and obj.status.sync.status ~= "Synced" and health.status == "Healthy" then
  health.status = "Progressing"
  health.message = "not synced yet"
end
local patterns = (obj.spec.source or {}).directory or {}
local compared = (((obj.status or {}).sync or {}).comparedTo or {}).source or {}
local compared_patterns = compared.directory or {}
if health.status == "Healthy" and (patterns.include ~= compared_patterns.include or patterns.exclude ~= compared_patterns.exclude) then
  health.status = "Progressing"
  health.message = "not looked at since its source changed"
end
local approved = (obj.metadata.annotations or {})["DELETION_APPROVED"]
if approved ~= nil and health.status == "Degraded" then
  health.status = "Progressing"
  health.message = "is being emptied"
end
return health
""".replace("DELETION_APPROVED", names.ANNOTATION_DELETION_APPROVED)
"""Argo CD judges no Application by itself; then the root's waves would not wait for each other. A status from before a tombstone
says Synced still; by it guard rails would go while models run (decision 0020). So would they after a round that failed because a
model was unwell on its way out: the next round takes up only what is not applied yet, and waits for nothing else."""

_SERVED_MODEL_HEALTH = """\
local health = {status = "Progressing", message = "not judged yet"}
local status = obj.status or {}
local model = status.modelStatus or {}
local predictor = (status.components or {}).predictor or {}
local ready = nil
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Ready" then
    ready = condition
  end
end
local serves = ready ~= nil and ready.status == "True"
local is_latest = predictor.latestCreatedRevision ~= nil and predictor.latestCreatedRevision == predictor.latestReadyRevision
if model.transitionStatus == "InvalidSpec" or (model.transitionStatus == "BlockedByFailedLoad" and not (serves and is_latest)) then
  local failure = model.lastFailureInfo or {}
  health.status = "Degraded"
  health.message = (failure.reason or model.transitionStatus) .. ": " .. (failure.message or "")
  return health
end
if ready ~= nil then
  health.message = ready.message or ""
  if serves then
    health.status = "Healthy"
  elseif ready.status == "False" then
    health.status = "Degraded"
  end
end
return health
"""
"""By what it answers. Argo CD's own judgement waits for pods of a model that is at zero, as KServe calls that pending. A failed load is
an old story when the newest revision is the one that serves: KServe takes it back at the next change of a pod only, and where a second
pod failed to load and was taken away again there is none."""

_EXCLUDED = (
    {"apiGroups": ["", "discovery.k8s.io"], "kinds": ["Endpoints", "EndpointSlice"]},
    {"apiGroups": ["", "events.k8s.io"], "kinds": ["Event"]},
    {"apiGroups": ["coordination.k8s.io"], "kinds": ["Lease"]},
    {"apiGroups": ["metrics.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "certificates.k8s.io"], "kinds": ["*"]},
    # Made by controllers from what we apply, and many: each would be held in memory and looked at whenever it changes.
    {"apiGroups": [""], "kinds": ["Pod"]},
    {"apiGroups": ["apps"], "kinds": ["ReplicaSet", "ControllerRevision"]},
    {"apiGroups": ["serving.knative.dev"], "kinds": ["*"]},
    {"apiGroups": ["karpenter.sh"], "kinds": ["NodeClaim"]},
    {"apiGroups": ["autoscaling.internal.knative.dev", "networking.internal.knative.dev", "caching.internal.knative.dev"], "kinds": ["*"]},
)
"""What Argo CD neither watches nor may apply; nothing of it is in our repository."""

_MEMORY = {
    "argocd-application-controller": "256Mi",
    "argocd-repo-server": "96Mi",
    "redis": "16Mi",
}
_CPU = {
    # Its scripts that judge health have one second by the clock each, however little of the cores it gets meanwhile.
    "argocd-application-controller": "100m",
    "argocd-repo-server": documents.WAITED_FOR_CPU,
}
_GO_MEMORY_LIMITS = {
    # The controller reached 490 MB while everything came up; with a limit below that it did little but collect garbage.
    "argocd-application-controller": "1GiB",
    "argocd-repo-server": "192MiB",
}

SETTINGS = {
    "application.resourceTrackingMethod": "annotation",
    "timeout.reconciliation": f"{at_rest.ARGO_CD_POLL_SECONDS}s",
    "timeout.reconciliation.jitter": "0s",
    # Tenants' projects name a ServiceAccount each, which Argo CD acts as: a second fence behind the project.
    # Enforced: an Application whose project names none for its namespace is not synced, the platform's own included.
    "application.sync.impersonation.enabled": "true",
    "application.sync.impersonation.enforced": "true",
    # Nothing we deliver needs them, and each runs what a folder holds: Jsonnet beside plain files is evaluated, imports included.
    "jsonnet.enable": "false",
    "kustomize.enable": "false",
    "resource.compareoptions": json.dumps({"ignoreAggregatedRoles": True, "ignoreResourceStatusField": "all"}),
    "resource.exclusions": json.dumps([{**excluded, "clusters": ["*"]} for excluded in _EXCLUDED]),
    "resource.customizations.health.argoproj.io_Application": _APPLICATION_HEALTH,
    "resource.customizations.health.serving.kserve.io_InferenceService": _SERVED_MODEL_HEALTH,
}
"""`argocd-cm`, beside what upstream sets. Health of Knative Services and Gateways is built in."""

PARAMETERS = {
    "controller.status.processors": "5",
    "controller.operation.processors": "3",
    "controller.kubectl.parallelism.limit": "3",
    "controller.self.heal.timeout.seconds": "1",
    "reposerver.parallelism.limit": "4",
    # A wave that never becomes healthy would hold the root for ever, and with it the commit that repairs it. The first round of all
    # waves takes three to four minutes here, and one that was ended for its time is not begun again for the same commit.
    "controller.sync.timeout.seconds": "600",
    # A folder that cannot be read counts as unchanged at the first look, and for so long; upstream's 180 s are three looks more.
    "controller.repo.error.grace.period.seconds": "15",
    # Between two waves; upstream's 2 s. An Application that the controller has not seen change by then is judged by how it was before.
    "controller.sync.wave.delay.seconds": "4",
}
"""`argocd-cmd-params-cm`: fewer workers than upstream's 20 and 10, because two cores are for everything."""


def _adapt(upstream: list[Document], region: AddOnRegion) -> list[Document]:
    argocd = region.image("argocd")
    # Redis is the distribution's own.
    documents.pin_images(
        upstream,
        {"quay.io/argoproj/argocd": argocd, "public.ecr.aws/docker/library/redis": region.image("redis")},
    )
    documents.shrink(upstream, _MEMORY, _CPU)
    # An empty Secret would be fought over with Argo CD, which fills it in.
    kept = documents.without(
        upstream,
        lambda document: (
            (documents.kind(document), documents.name(document)) == ("ConfigMap", "argocd-ssh-known-hosts-cm")
            # Nobody uses ApplicationSets: a template that chooses its own project is a way out of it, and their definition is the
            # second largest of all.
            or "applicationset" in documents.name(document)
        ),
    )
    known_hosts: Document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-ssh-known-hosts-cm", "labels": {"app.kubernetes.io/part-of": "argocd"}},
        "data": {"ssh_known_hosts": ""},
    }
    kept.append(known_hosts)
    data = documents.section(documents.find(kept, "ConfigMap", "argocd-cm"), "data")
    data.update(SETTINGS)
    documents.section(documents.find(kept, "ConfigMap", "argocd-cmd-params-cm"), "data").update(PARAMETERS)
    host = urlsplit(region.cluster.repository_url).hostname or ""
    documents.section(documents.find(kept, "ConfigMap", "argocd-tls-certs-cm"), "data")[host] = region.facts.ca_certificate
    for document in kept:
        for container in documents.containers(document):
            if limit := _GO_MEMORY_LIMITS.get(str(container["name"])):
                documents.set_environment(container, {"GOMEMLIMIT": limit})
            if container["name"] == "argocd-application-controller":
                documents.set_environment(container, {"ARGOCD_CLUSTER_CACHE_WATCH_RESYNC_DURATION": at_rest.ARGO_CD_WATCH_RESYNC})
    _adapt_repo_server(documents.find(kept, "Deployment", "argocd-repo-server"))
    _adapt_redis(documents.find(kept, "Deployment", "argocd-redis"))
    return kept


def _adapt_repo_server(server: Document) -> None:
    # It copies the program for plugins beside the server; we have none.
    documents.section(server, "spec", "template", "spec").pop("initContainers")
    # Nobody signs commits in the embedded region, and the keyring would be made again at each start.
    documents.set_environment(documents.containers(server)[0], {"ARGOCD_GPG_ENABLED": "false"})


def _adapt_redis(redis: Document) -> None:
    container = next(container for container in documents.containers(redis) if container["name"] == "redis")
    # Upstream's image has an entrypoint that finds the program; the distribution's package has none.
    container["command"] = ["redis-server"]
    container["args"] = [
        "--save", "", "--appendonly", "no", "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru", "--requirepass", "$(REDIS_PASSWORD)",
    ]  # fmt: skip


ADD_ON = AddOn(
    name="argo-cd",
    version=VERSION,
    wave=-100,
    namespace=names.NAMESPACE_ARGOCD,
    production=ReleasedFiles((f"https://raw.githubusercontent.com/argoproj/argo-cd/v{VERSION}/manifests/core-install.yaml",), VERSION),
    embedded=(Kustomization(MODULE, "manifests/core-install"),),
    images=("argocd", "redis"),
    adapt=_adapt,
    owned_namespaces=(names.NAMESPACE_ARGOCD,),
    ignored_differences=(Ignored("", "Secret", json_pointers=("/data",)),),
    by_hand=True,
)
