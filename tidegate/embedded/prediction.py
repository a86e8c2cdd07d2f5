"""Calls a served model as its callers do: through the edge of a region, with a token, and compares with what was trained."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tidegate.embedded.fleet import host, login, loopback
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.fleet.machine_view import nearest_regions
from tidegate.embedded.machines import network
from tidegate.embedded.model_index import Sample, find_version, read_sample
from tidegate.errors import MachineError, UsageError
from tidegate.facts.embedded import path_served_here
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import tenant_source
from tidegate.facts.tenant import Tenant
from tidegate.live.states import SCHEDULED_ONLY, is_executed

TOLERANCE = 1e-6
"""How far an answer may be from what scikit-learn or LightGBM gives in process: single precision on the way is not seen, a wrong model is."""

TIMEOUT_SECONDS = 120
"""A model at zero needs its server started first."""

_SHOWN_MAX = 400


class PredictionError(MachineError):
    """A request through the edge was not answered, or not as it should be."""


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What came back. `milliseconds` is from sending the request to the end of the answer; connecting is not in it."""

    status: int
    body: str
    milliseconds: float
    region: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer of a model; the last three are None when nothing was expected."""

    model: str
    region: str
    url: str
    status: int
    milliseconds: float
    answer: object
    expected: tuple[float, ...] | tuple[str, ...] | None
    answered: tuple[object, ...] | None
    largest_difference: float | None


def find_model(local: Local, reference: str) -> tuple[Tenant, str, ServedModel]:
    """The tenant and model of `<tenant>/<name>`. Raises `UsageError` naming those there are."""
    tenant_name, _, name = reference.partition("/")
    tenant = local.whole.tenants.get(tenant_name)
    model = tenant.models.get(name) if tenant else None
    if tenant is None or model is None:
        known = ", ".join(f"{each}/{one}" for each, owner in sorted(local.whole.tenants.items()) for one in sorted(owner.models))
        raise UsageError(f"no served model {reference!r}; there are {known}")
    return tenant, name, model


def call(
    local: Local, tenant: Tenant, model: str, body: object, *, path: str, region: str | None = None, token: str | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> ModelAnswer:  # fmt: skip
    """POSTs `body` (bytes as they are, anything else as JSON) to `/<model><path>` at the edge of the nearest region that answers.

    With `region` only there. `token` None gets one for the tenant's first caller, empty sends none. Whatever the status
    is, it is an answer; raises `PredictionError` when there is no token, no edge answers or the answer does not come in time.
    """
    failures: list[str] = []
    _require_machines(local)
    for name in nearest_regions(local, region):
        if name not in tenant.clusters:
            failures.append(f"{name}: {tenant.name} does not run there")
            continue
        cluster = local.platform.clusters[name]
        bearer = token_for(local, tenant, name) if token is None else token
        headers = {
            "Host": tenant.host_in(cluster.domain), "Content-Type": "application/json",
            **({"Authorization": f"Bearer {bearer}"} if bearer else {}),
        }  # fmt: skip
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection = loopback.connect(local, f"edge-{name}", headers["Host"])
        except OSError as error:  # its edge is down: the other region is there for that
            reason = loopback.why_not(error, whose="the edge's", behind="gateway")
            failures.append(f"{name}: {reason}")
            continue
        return _exchange(connection, f"/{model}{path}", content, headers, region=name, timeout_seconds=timeout_seconds)
    raise PredictionError(f"no edge answers: {'; '.join(failures)}; `tidegate status` tells how the regions are")


def token_for(local: Local, tenant: Tenant, region: str, *, subject: str | None = None) -> str:
    """A token that the issuer gives to the tenant's first caller, or `subject`.

    Raises `UsageError` without either, `PredictionError` when the issuer refuses or does not answer.
    """
    chosen = subject or next((caller.subject for caller in tenant.callers if caller.subject), None)
    if chosen is None:
        raise UsageError(f"{tenant_source(tenant.name)} names no subject among its callers; say which with --subject")
    try:
        return login.get_token(local, local.platform.clusters[region].token_issuer, tenant=tenant.name, subject=chosen)
    except login.UnknownCallerError as error:
        meaning, step = meaning_of(403, tenant, "")
        raise PredictionError(f"no token: {meaning}, and {error}; {step}, `tidegate up`") from error
    except login.LoginError as error:
        raise PredictionError(f"no token: {error}") from error


def _require_machines(local: Local) -> None:
    if any(local.machine(name).process() is None for name in (host.HOST, network.INTERNET)):
        raise PredictionError("the embedded platform does not run; bring it up with `tidegate up` or `tidegate local start`")


def _exchange(
    secured: ssl.SSLSocket, path: str, content: bytes, headers: dict[str, str], *, region: str, timeout_seconds: float,
) -> ModelAnswer:  # fmt: skip
    secured.settimeout(timeout_seconds)
    connection = http.client.HTTPConnection(headers["Host"])
    connection.sock = secured  # TLS is set up already, for a name that no resolver knows
    started = time.monotonic()
    try:
        connection.request("POST", path, content, headers)
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        waited = time.monotonic() - started
        raise PredictionError(f"the edge of {region} took the request and did not answer ({waited:.1f} s): {error!r}") from error
    finally:
        connection.close()
    return ModelAnswer(answer.status, body, (time.monotonic() - started) * 1000, region)


def predict(
    local: Local, reference: str, models: Callable[[], Path], *, region: str | None = None, subject: str | None = None,
    data: bytes | None = None, version: str | None = None,
) -> Prediction:  # fmt: skip
    """Sends the sample of the model's version (or `data`) and compares the answer with the one that training noted.

    `models` gives the folder of trained models. `version` default: the one in the tenant's file. Raises `UsageError` for an
    unknown model or region and `PredictionError` when there is no sample, no answer but 200, or another one by more than `TOLERANCE`.
    """
    tenant, name, model = find_model(local, reference)
    if not is_executed(model):
        accelerator = f"needs {model.accelerator.accelerator}" if model.accelerator else "has no server here"
        raise PredictionError(
            f"{reference} is {SCHEDULED_ONLY}: it {accelerator} and names no `also_on_cpu`, so nothing answers for it here"
        )
    _require_machines(local)  # before minutes are spent on training
    chosen = nearest_regions(local, region)
    sample = sample_of(models(), tenant, name, version)
    token = token_for(local, tenant, chosen[0], subject=subject) if subject else None
    answer = call(local, tenant, name, sample.request if data is None else data, path=sample.path, region=region, token=token)
    url = f"https://{tenant.host_in(local.platform.clusters[answer.region].domain)}/{name}{sample.path}"
    if answer.status != 200:
        meaning, step = meaning_of(answer.status, tenant, name)
        raise PredictionError(f"{answer.status} from {url} in {answer.region}: {meaning}; {step}\n{shortened(answer.body)}".rstrip())
    try:
        document: object = json.loads(answer.body)
    except ValueError as error:
        raise PredictionError(f"{url} in {answer.region} answered 200 with something that is not JSON: {shortened(answer.body)}") from error
    if data is not None:
        return Prediction(reference, answer.region, url, answer.status, round(answer.milliseconds, 1), document, None, None, None)
    difference = sample.largest_difference(document)
    if difference > TOLERANCE:
        raise PredictionError(
            f"{reference} in {answer.region} answered {shortened(sample.values_in(document))} where the trained model gives "
            f"{shortened(sample.expected)}: largest difference {difference:.3g}, above {TOLERANCE:g}; does it serve another version? "
            f"`tidegate model explain {reference}`"
        )
    return Prediction(
        reference, answer.region, url, answer.status, round(answer.milliseconds, 1), document, sample.expected,
        sample.values_in(document), difference,
    )  # fmt: skip


def sample_of(folder: Path, tenant: Tenant, name: str, version: str | None = None) -> Sample:
    """The request that training noted for a version (default: the one in the tenant's file). Raises `PredictionError` without one."""
    wanted = path_served_here(tenant.models[name], version)
    trained = find_version(folder, wanted)
    if trained is None:
        raise PredictionError(
            f"no sample for {tenant.name}/{name}: {wanted} is not among the trained models; correct artefact.uri or --version"
        )
    return read_sample(folder, trained)


def meaning_of(status: int, tenant: Tenant, model: str) -> tuple[str, str]:
    """What a status other than 200 says here, and the next step."""
    source = tenant_source(tenant.name)
    explain = f"`tidegate model explain {tenant.name}/{model}`"
    known = {
        400: ("the server refused the request's form", "compare with the sample's"),
        401: ("the edge refused the token: its signature, issuer or end is wrong", "do issuer and keys agree? `tidegate local logs internet/issuer`"),
        403: (f"the caller is none of {tenant.name}'s", f"name the subject among the callers in {source}, `tidegate render`, commit"),
        404: ("no route leads to this model, or the server knows no such path", explain),
        413: (
            f"the body is larger than {tenant.models[model].body_mib} MiB, the most that this model takes" if model in tenant.models else
            "the body is larger than this model takes", f"send less at once, or set max_body_mib in {source}",
        ),
        422: ("the model refuses what was sent", "compare with the sample's"),
        429: (
            f"the rate limit of the edge is used up ({tenant.requests_per_second} requests per second, of which each caller has its share)",
            f"wait a second, or raise it in {source}",
        ),
        500: ("the model's server failed", explain),
        502: ("the model's server broke the connection off", explain),
        503: ("nobody is ready to answer", explain),
        504: ("the model's server did not answer in time", explain),
    }  # fmt: skip
    return known.get(status, ("not expected", explain))


def shortened(value: object) -> str:
    """`value` as text of at most some hundred characters."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."
