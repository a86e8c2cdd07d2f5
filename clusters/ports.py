"""The ports that serving traffic uses, each with whose they are."""

from __future__ import annotations

KNATIVE_DATA_PORTS = (8012, 8013)
"""Knative's queue-proxy and activator: HTTP/1 and HTTP/2 (knative.dev/serving, pkg/networking)."""

CONTAINER_PORTS = (8080, 9000)
"""KServe's convention for model servers: REST and gRPC; reached directly in standard mode only."""

SERVING_PORTS = (*KNATIVE_DATA_PORTS, *CONTAINER_PORTS)

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
