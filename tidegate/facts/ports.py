"""The ports that serving traffic uses, each with whose they are."""

from __future__ import annotations

KNATIVE_DATA_PORTS = (8012, 8013)
"""Knative's queue-proxy and activator: HTTP/1 and HTTP/2 (knative.dev/serving, pkg/networking)."""

CONTAINER_PORTS = (8080, 9000)
"""KServe's convention for model servers: REST and gRPC; reached directly in standard mode only."""

SERVING_PORTS = (*KNATIVE_DATA_PORTS, *CONTAINER_PORTS)

POOL_PORT = 8087
"""The model server of a dense pool's pod, for the routers of all its pods. No Service of the mesh may have the same port for HTTP: a
pod whose address a sidecar does not know yet would be taken for whatever the request's host names there."""

KNATIVE_PROBE_PORT = 8081
"""The local gateway's port for the probes of Knative's ingress controller."""

AUTOSCALER_PORT = 8080
"""Knative's autoscaler takes the activator's reports here."""

QUEUE_METRICS_PORT = 9090
"""Knative's autoscaler asks each queue-proxy for its concurrency here."""

SIDECAR_METRICS_PORT = 15020
"""Istio's agent: proxy and application metrics merged, without mTLS. It answers for the application too, so nobody but
Prometheus may reach it."""

ISTIOD_PORT = 15012
"""Configuration and certificates of every sidecar."""

DNS_PORT = 53
"""NetworkPolicies see the pod's port, not the Service's: cluster DNS listens on it in EKS and here."""

HTTP_PORT, HTTPS_PORT = 80, 443

MODEL_PORT = CONTAINER_PORTS[0]
"""Where a model server answers by REST, and is asked whether it is ready."""

COREDNS_HEALTH_PORT, COREDNS_READY_PORT, COREDNS_METRICS_PORT = 8080, 8181, 9153
KARPENTER_METRICS_PORT = 8080
KNATIVE_METRICS_PORT = 9090
KSERVE_METRICS_PORT = 8080
PROMETHEUS_PORT = 9090
TORCHSERVE_METRICS_PORT, TRITON_METRICS_PORT = 8082, 8002

QUEUE_ADMIN_PORT, QUEUE_USER_METRICS_PORT = 8022, 9091
"""Knative's queue-proxy: what drains it, and what people scrape."""

ENVOY_ADMIN_PORT, ENVOY_OUTBOUND_PORT = 15000, 15001
SIDECAR_HEALTH_PORT, ENVOY_METRICS_PORT = 15021, 15090
"""Both answer without mTLS, as `SIDECAR_METRICS_PORT` does."""

ISTIOD_METRICS_PORT = 15014
API_SERVER_PORT, KUBELET_PORT = 6443, 10250

EMULATOR_PORTS = range(5570, 5600)
"""Of these on loopback the emulated AWS takes the first that is free."""

RELAY_PORTS = range(16440, 16640)
"""Of these on loopback the relays into the embedded regions take the first that are free."""

POD_IDENTITY_ADDRESS = "169.254.170.23/32"
"""EKS Pod Identity's agent on each node; it answers on port 80."""

VAULT_PORT = 8200
"""Pods get the credentials for their model here, before they serve."""
