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

AUTOSCALER_PORT = 8080
"""Knative's autoscaler takes the activator's reports here."""

QUEUE_METRICS_PORT = 9090
"""Knative's autoscaler asks each queue-proxy for its concurrency here."""

SIDECAR_METRICS_PORT = 15020
"""Istio's agent: proxy and application metrics merged, without mTLS. It answers for the application too, so nobody but
Prometheus may reach it."""

ISTIOD_PORT = 15012
"""Configuration and certificates of every sidecar."""

POD_IDENTITY_ADDRESS = "169.254.170.23/32"
"""EKS Pod Identity's agent on each node; it answers on port 80."""

VAULT_PORT = 8200
"""Pods get the credentials for their model here, before they serve."""
