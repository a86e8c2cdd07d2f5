"""Istio: definitions, the control plane, and the plugin that redirects a pod's traffic without rights for the pod.

Envoy is the vanilla build, which lacks Istio's own filters: metadata exchange, the ALPN filter and Istio's metrics are
off, each of which makes it refuse its configuration otherwise. So there is no `istio_requests_total`; Envoy's own
statistics take its place.

A node needs `iptables-nft` (or `iptables`) with its `-save` and `-restore` programs on the container runtime's PATH: the
plugin runs there, in the network namespace of each new pod.
"""

from __future__ import annotations

from collections.abc import Mapping

from clusters.addons import at_rest, documents
from clusters.addons.add_on import AddOn, ChartRelease, HelmChart, Ignored, SourceModule
from clusters.addons.documents import Document
from clusters.addons.region import AddOnRegion
from clusters.components.network import request_log
from clusters.releases import RELEASES
from tidegate.facts import names

VERSION = RELEASES.release("istio")

MODULE = SourceModule.pinned("istio.io/istio", family="istio")
_CHARTS = "manifests/charts"
_REPOSITORY = "https://istio-release.storage.googleapis.com/charts"

_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes,reset"
"""Istio's own conditions and `reset`: predictions change nothing, so one whose connection broke may be asked again."""

_ACCESS_LOG = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    "%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON% %DURATION% "
    '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" %UPSTREAM_CLUSTER_RAW% '
    "%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)
"""Istio's own line has the query, and with it the token of who sends it as `access_token`. What is read here: tidegate/attack/layers.py."""

_PROXY: Mapping[str, object] = {
    # A changed policy drains its listener. Until then a refused caller may use each connection it has once more (45 s with
    # Istio's default); after that whatever is still under way is cut (with 1 s: every slow prediction).
    "drainDuration": "10s",
    "terminationDrainDuration": "1s",
}
_MESH: Mapping[str, object] = {
    "enableAutoMtls": True,
    "accessLogFile": "",
    "accessLogFormat": _ACCESS_LOG,
    "extensionProviders": [request_log.provider()],
    "defaultHttpRetryPolicy": {"attempts": 2, "retryOn": _RETRY_ON},
    "defaultConfig": _PROXY,
}
_SECCOMP = {"type": "RuntimeDefault"}
"""Pod Security `restricted` asks it of every container, the injected ones included."""

_ENVIRONMENT: Mapping[str, str] = {
    # Sidecars start before init containers, so that KServe's storage initializer has a network under STRICT mTLS.
    "ENABLE_NATIVE_SIDECARS": "true",
    # A Gateway is announced by one of the control plane's collections and read from a second one, derived from it a moment later. With
    # Istio's 0.1 s between the two, one whose thread had to wait for a core can serve gateways without listeners until a Gateway changes.
    "PILOT_DEBOUNCE_AFTER": "500ms",
    # A proxy answers `Expect: 100-continue` itself. The edge passes it on until the token was checked (clusters/components/network/
    # http_protocol.py). Without either half, Knative's queue-proxy takes the model server's 100 for the final status: errors become 200.
    "ENABLE_100_CONTINUE_HEADERS": "false",
}

_CONTROL_PLANE: Mapping[str, object] = {"cni": {"enabled": True}, "env": _ENVIRONMENT, "meshConfig": _MESH}


def _base_values(_region: AddOnRegion) -> Mapping[str, object]:
    return {"global": {"istioNamespace": names.NAMESPACE_MESH}}


def _control_plane_values(region: AddOnRegion) -> Mapping[str, object]:
    proxy = region.image("proxyv2")
    resources = {"requests": {"cpu": "5m", "memory": "48Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    return {
        **_CONTROL_PLANE,
        "meshConfig": {**_MESH, "defaultConfig": {**_PROXY, "concurrency": at_rest.PROXY_THREADS}},
        "image": region.image("pilot"),
        "autoscaleEnabled": False,
        "replicaCount": region.facts.replicas,
        "env": {
            **_ENVIRONMENT,
            "PILOT_ENABLE_METADATA_EXCHANGE": "false",
            "PILOT_ENABLE_ALPN_FILTER": "false",
            "PILOT_DISABLE_MX_ALPN": "true",
            "ENABLE_LEADER_ELECTION": str(at_rest.elects_a_leader(region)).lower(),
        },
        "telemetry": {"enabled": False},
        # The token issuer answers with a certificate of the region's own authority.
        "jwksResolverExtraRootCA": region.facts.ca_certificate,
        "resources": {"requests": {"cpu": documents.WAITED_FOR_CPU, "memory": "128Mi"}},
        # There is no load balancer to wait for: a Gateway that asks for one would never be programmed.
        "gatewayClasses": {"istio": {"service": {"spec": {"type": "ClusterIP"}}}},
        "gateways": {"seccompProfile": _SECCOMP},
        "global": {
            "imagePullPolicy": "IfNotPresent",
            "proxy": {"image": proxy, "resources": resources, "seccompProfile": _SECCOMP},
            "proxy_init": {"image": proxy},
            "defaultPodDisruptionBudget": {"enabled": False},
        },
    }


def _cni_values(region: AddOnRegion) -> Mapping[str, object]:
    # Karpenter's nodes are played by KWOK here, and nothing can be installed on them.
    real = {"matchExpressions": [{"key": "karpenter.sh/nodepool", "operator": "DoesNotExist"}]}
    return {
        "image": region.image("install-cni"),
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [real]}}},
        "ambient": {"enabled": False},
        "chained": True,
        "useAppArmorAnnotation": False,
        "cniBinDir": "/opt/cni/bin",
        "cniConfDir": "/etc/cni/net.d",
        # A pod that started before the plugin was there is deleted and made again; repairing it in place would need iptables
        # in this image.
        "repair": {"enabled": True, "repairPods": False, "deletePods": True},
        "resources": {"requests": dict(documents.REQUESTS)},
        "terminationGracePeriodSeconds": 5,
        "global": {"imagePullPolicy": "IfNotPresent", "nativeNftables": False, "tag": VERSION},
    }


def _adapt(upstream: list[Document], region: AddOnRegion) -> list[Document]:
    """Images come through the charts' values; what is left is to prove that they did."""
    ours = {
        region.image(name).partition("@")[0].rpartition(":")[0]: region.image(name)
        for name in ("pilot", "install-cni")
        if name in region.images
    }
    documents.pin_images(upstream, ours)
    return upstream


def _injected(webhooks: str) -> Ignored:
    """The control plane writes its own certificate authority, and turns validation on once it is up."""
    expressions = (".webhooks[].clientConfig.caBundle", ".webhooks[].failurePolicy")
    return Ignored("admissionregistration.k8s.io", webhooks, jq_path_expressions=expressions)


BASE = AddOn(
    name="istio-base",
    version=VERSION,
    wave=-90,
    namespace=names.NAMESPACE_MESH,
    production=ChartRelease(_REPOSITORY, "base", RELEASES.chart("istio", "base")),
    embedded=(HelmChart(MODULE, f"{_CHARTS}/base", "istio-base", names.NAMESPACE_MESH, _base_values),),
    images=(),
    adapt=_adapt,
    owned_namespaces=(names.NAMESPACE_EDGE, names.NAMESPACE_MESH),
    privileged_namespaces=(names.NAMESPACE_MESH,),  # where the CNI plugin is installed from
    ignored_differences=(_injected("ValidatingWebhookConfiguration"),),
)

CNI = AddOn(
    name="istio-cni",
    version=VERSION,
    wave=-80,
    namespace=names.NAMESPACE_MESH,
    production=ChartRelease(_REPOSITORY, "cni", RELEASES.chart("istio", "cni"), {"ambient": {"enabled": False}}),
    embedded=(HelmChart(MODULE, f"{_CHARTS}/istio-cni", "istio-cni", names.NAMESPACE_MESH, _cni_values),),
    images=("install-cni",),
    adapt=_adapt,
)

CONTROL_PLANE = AddOn(
    name="istiod",
    version=VERSION,
    wave=-80,
    namespace=names.NAMESPACE_MESH,
    production=ChartRelease(
        _REPOSITORY,
        "istiod",
        RELEASES.chart("istio", "istiod"),
        {**_CONTROL_PLANE, "global": {"proxy": {"seccompProfile": _SECCOMP}}, "gateways": {"seccompProfile": _SECCOMP}},
    ),
    embedded=(HelmChart(MODULE, f"{_CHARTS}/istio-control/istio-discovery", "istiod", names.NAMESPACE_MESH, _control_plane_values),),
    images=("pilot", "proxyv2"),
    adapt=_adapt,
    ignored_differences=(_injected("MutatingWebhookConfiguration"), _injected("ValidatingWebhookConfiguration")),
)
