"""What a gateway answers itself, in one form: `{"error", "code", "reason", "message", "request_id"}`, or OpenAI's where that is spoken.

Envoy says in the details of a response why it gave it; a table maps them. What a model answered passes unchanged: Envoy maps its own replies
only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clusters.components.network import paths, rate_limits

RETRY_SECONDS = 2
"""What a caller is asked to wait after 503: a pod that ended is replaced by a warm one, or its readiness is seen, in about that time."""

_RATE_SECONDS = 1
"""A bucket holds one second's worth of requests (`edge_limits`)."""

_REALM = 'Bearer realm="models"'
_OPENAI = "(request.url_path.contains('/v1/') && !request.url_path.contains('/v1/models/'))"
"""OpenAI's interface and KServe's first protocol both begin with `/v1`; the latter goes on with `models/`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One kind of answer. `expression` is CEL over Envoy's attributes; `status` None keeps Envoy's own."""

    reason: str
    message: str
    expression: str
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()


_HEALTHY = "response.code == 200"
_OTHER = "the request was refused"


def _details(beginning: str) -> str:
    return f"response.code_details.startsWith('{beginning}')"


_REFUSED = _details("rbac_access_denied")

_JWT_FILTER = "envoy.filters.http.jwt_authn"

_BAD_TOKEN = Reply(
    "invalid_token", "the token is not valid: its signature, issuer, audience or time", _details("jwt_authn_access_denied"), 401,
    (("WWW-Authenticate", f'{_REALM}, error="invalid_token"'),),
)  # fmt: skip

_PATH = Reply(
    "path_not_served", "no model answers at this path", f"{_REFUSED} && response.code_details.contains('policy[{paths.POLICY}')", 404
)

_USER_AGENT = Reply(
    "reserved_user_agent", f"the User-Agent begins with {paths.KUBELET}, which is kubelet's: send another",
    f"{_REFUSED} && response.code_details.contains('policy[{paths.USER_AGENT_POLICY}')", 400,
)  # fmt: skip

_NO_TOKEN = Reply(
    "no_token", "send a token of the tenant's caller as Authorization: Bearer",
    f"{_REFUSED} && !('{_JWT_FILTER}' in metadata.filter_metadata)", 401, (("WWW-Authenticate", _REALM),),
)  # fmt: skip
"""Told by what the token check notes of a valid token: the token itself it removes, and not every token has the claims that it writes."""

_ADMISSION = Reply("not_admitted", "the caller is not among those of a tenant at this host", _REFUSED, 403)

_RATE = "response.code_details == 'local_rate_limited'"
_AFTER_A_SECOND = (("Retry-After", str(_RATE_SECONDS)),)

_RATES = (
    Reply("caller_rate_limited", "this caller sends more requests per second than its own share of the tenant's rate",
          f"{_RATE} && response.headers['{rate_limits.LIMIT_HEADER}'] == '{rate_limits.OF_CALLER}'", 429, _AFTER_A_SECOND),
    Reply("rate_limited", "all callers of this tenant together send more requests per second than it may", _RATE, 429, _AFTER_A_SECOND),
)  # fmt: skip


def _gateway_busy(expression: str) -> Reply:
    message = "the region's gateway holds as much as it has memory for"
    return Reply("gateway_busy", message, expression, 503, (("Retry-After", str(RETRY_SECONDS)),))


_BUSY = _gateway_busy("response.code_details == 'overload'")
"""New requests that a gateway refuses for want of memory."""

_RESET = _gateway_busy("response.code_details.contains('{remote_reset}')")
"""To the edge alone: a request that the local gateway has ended for its size. Whatever else ends there has a status of its own."""

_OF_EVERY_GATEWAY = (
    _BUSY,
    Reply("body_too_large", "the body is larger than this model takes", "response.code_details == 'request_payload_too_large'", 413),
    Reply("model_not_found", "no model has this name at this host", "response.code_details == 'route_not_found'", 404),
    Reply("upgrade_refused", "the connection cannot become another protocol", "response.code_details == 'upgrade_failed'", 400),
    Reply("headers_too_large", "there are more than 80 headers, or they are larger than 12 KiB", "response.code == 431"),
    Reply("request_timeout", "the request did not arrive in time", "response.code == 408"),
    Reply("model_timeout", "the model did not answer in time", "response.code == 504"),
    Reply("model_busy", "the model has as many requests under way as it may have", "response.code_details.contains('{overflow}')", 503,
          (("Retry-After", str(RETRY_SECONDS)),)),
    Reply("model_unavailable", "no replica of the model answers now", "response.code == 503", None, (("Retry-After", str(RETRY_SECONDS)),)),
    Reply("model_failed", "what the model answered cannot be passed on: it is no answer of HTTP, or its headers are too large",
          "response.code == 502"),
    # 501 is Envoy's for a body that is encoded in a way it does not know.
    Reply("malformed_request", "this is not a valid HTTP request, or it names no host", "(response.code == 400 || response.code == 501)", 400),
)  # fmt: skip


EDGE = (_BAD_TOKEN, _PATH, _USER_AGENT, _NO_TOKEN, _ADMISSION, *_RATES, _RESET, *_OF_EVERY_GATEWAY)
LOCAL_GATEWAY = (_PATH, _ADMISSION, *_OF_EVERY_GATEWAY)
"""What each answers itself; callers of the local gateway have certificates and no tokens."""


def configuration(replies: Sequence[Reply]) -> dict[str, object]:
    """`local_reply_config` of a gateway that answers with these."""
    return {
        "mappers": [_mapper(_HEALTHY, {"status": "healthy"}), *(mapper for reply in replies for mapper in _mappers(reply))],
        "body_format": {"json_format": {"error": _OTHER, **_fields("refused", _OTHER)}},
    }


def _mappers(reply: Reply) -> Iterator[dict[str, object]]:
    """OpenAI's form where its paths are, the common one elsewhere; the first that matches holds."""
    fields = _fields(reply.reason, reply.message)
    openai: dict[str, object] = {"error": {**fields, "type": reply.reason}}
    plain: dict[str, object] = {"error": reply.message, **fields}
    for expression, form in ((f"{_OPENAI} && {reply.expression}", openai), (reply.expression, plain)):
        mapper = _mapper(expression, form)
        if reply.status:
            mapper["status_code"] = reply.status
        if reply.headers:
            mapper["headers_to_add"] = [
                {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"} for key, value in reply.headers
            ]
        yield mapper


def _mapper(expression: str, form: dict[str, object]) -> dict[str, object]:
    return {
        "filter": {
            "extension_filter": {
                "name": "envoy.access_loggers.extension_filters.cel",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                    "expression": expression,
                },
            }
        },
        "body_format_override": {"json_format": form},
    }


def _fields(reason: str, message: str) -> dict[str, object]:
    """What both forms hold; `request_id` is null for what never became a request."""
    return {"code": "%RESPONSE_CODE%", "reason": reason, "message": message, "request_id": "%REQ(X-REQUEST-ID)%"}
