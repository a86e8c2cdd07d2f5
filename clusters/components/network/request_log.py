"""What the edge writes about each request: one line of JSON, its own refusals among them. Who looks into a request begins with its id."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.facts import names

NAME = "edge-requests"
"""As Istio knows it."""

CALLER_REQUEST_ID = "tidegate-caller-request-id"
"""The header with the id that the caller gave its request, text of the caller's choice; `x-request-id` is always the edge's own."""

_CLAIM = "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:{})%"

FIELDS: Mapping[str, str] = {
    "time": "%START_TIME%",
    # Ours is always new; the caller's is text of the caller's choice.
    "request_id": "%REQ(X-REQUEST-ID)%",
    "caller_request_id": f"%REQ({CALLER_REQUEST_ID})%",
    "traceparent": "%REQ(TRACEPARENT)%",
    # Verified claims, also where the request was then refused; nothing of a token that was not believed.
    "tenant": f"%REQ({names.HEADER_TENANT})%",
    "subject": f"%REQ({names.HEADER_SUBJECT})%",
    "token_id": _CLAIM.format("jti"),
    "method": "%REQ(:METHOD)%",
    "path": "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "route": "%ROUTE_NAME%",
    # What the model said of itself; nothing where the platform refused.
    "model": "%RESP(TIDEGATE-MODEL)%",
    "model_sha256": "%RESP(TIDEGATE-MODEL-SHA256)%",
    "revision": "%RESP(TIDEGATE-REVISION)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "termination": "%CONNECTION_TERMINATION_DETAILS%",
    "upstream_failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "whole_us": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
    "upstream_us": "%COMMON_DURATION(US_TX_BEG:US_RX_END:us)%",
    "protocol": "%PROTOCOL%",
    "tls": "%DOWNSTREAM_TLS_VERSION%",
    "server_name": "%REQUESTED_SERVER_NAME%",
    "local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "user_agent": "%REQ(USER-AGENT)%",
}
"""By name. The path is without its query, in which some send tokens. What is read here: tidegate/attack/layers.py."""


def provider() -> dict[str, object]:
    """The mesh's configuration of it: lines on standard output, under a name that a Telemetry object asks for."""
    return {"name": NAME, "envoyFileAccessLog": {"path": "/dev/stdout", "logFormat": {"labels": dict(FIELDS)}}}
