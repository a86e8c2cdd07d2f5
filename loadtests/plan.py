"""What one run of the load gate sends: endpoints with their schedules and limits, all of it taken from facts and from who asks for the run."""

from __future__ import annotations

from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, model_validator

from loadtests.shapes import Arrivals, Poisson, Steps
from tidegate.facts.fact import Fact, refuse
from tidegate.facts.models.scaling import Slo
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.models.spoken import Protocol, protocol_of

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9 ./_-]{0,99}$")]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class Comparison(Fact):
    """Beside which endpoint of the same run this one is judged."""

    reference: Name
    """If it does not keep its own limits, the run says nothing of this one."""
    p99_ratio_max: Annotated[float, Field(gt=0, le=1000)] | None = None
    """How many times the reference's p99 this one's may be; absent means that the ratio is shown and decides nothing."""


class Endpoint(Fact):
    """One address, asked on a schedule of its own and judged by itself."""

    name: Name
    protocol: Protocol
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+/\S*$")]
    """The whole address of the request."""
    body: dict[str, Any]
    arrivals: Arrivals
    begin_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """From the begin of the run; later for the second half of a pair."""
    duration_seconds: Seconds
    limits: Slo | None = None
    """Absent for what is only there to be a burden, as the neighbour of a noisy pair; its answers are counted and not judged."""
    compared: Comparison | None = None
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    token_file: str | None = None
    """Holds the bearer token, which is in no plan and in no recording."""
    address: Annotated[str, StringConstraints(pattern=r"^[^\s/:]+:[0-9]{1,5}$")] | None = None
    """`host:port` to connect to instead of the one in the address, where no resolver knows that."""
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""
    keeps_requests: bool = False
    """Whether each request is recorded by itself, too: where it matters when what happened."""

    @property
    def path(self) -> str:
        """Of the request line."""
        parts = urlsplit(self.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def path_below(self, host: str) -> str:
        """What follows `host` in the address."""
        return self.url.removeprefix(host.rstrip("/"))

    @property
    def limit_ms(self) -> float | None:
        """The tightest limit of time, by which a generator is judged."""
        if self.limits is None:
            return None
        return min(self.limits.p99_ms, self.limits.time_to_first_token_ms or self.limits.p99_ms)


class Plan(Fact):
    """A whole run."""

    endpoints: Annotated[tuple[Endpoint, ...], Field(min_length=1, max_length=100)]
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    """Of the generator, beside the one that collects; the schedule is shared among them."""
    seed: Annotated[int, Field(ge=0)] = 1
    answer_timeout_seconds: Seconds = 30.0
    """A request without its whole answer by then has failed."""
    preferred: bool = False
    """Whether the kernel is to let the generator run before all other work of its machine, where it may: callers have machines of their own.
    For a machine that runs what is asked, too."""
    note: str = ""
    """What every verdict of this run has to say beside it, for example that its limits are those of a small machine."""

    @property
    def seconds(self) -> float:
        """From the begin to the last arrival."""
        return max(one.begin_seconds + one.duration_seconds for one in self.endpoints)

    @model_validator(mode="after")
    def _names_hold(self) -> Self:
        names = [one.name for one in self.endpoints]
        limited = {one.name for one in self.endpoints if one.limits}
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise refuse("endpoint-twice", "is the name of two endpoints", "give each its own", at="endpoints", value=twice)
        for one in self.endpoints:
            if one.compared and (one.compared.reference not in limited or one.compared.reference == one.name):
                raise refuse(
                    "reference-unknown",
                    "is no other endpoint with limits",
                    "name one of the same run",
                    at="endpoints",
                    value=one.compared.reference,
                )
        if not limited:
            raise refuse("nothing-judged", "no endpoint has limits, so nothing would be judged", "add limits", at="endpoints")
        return self


PATHS = {"v1": "/v1/models/{model}:predict", "v2": "/v2/models/{model}/infer", "openai": "/v1/chat/completions"}
"""By protocol, below the model's part of the tenant's host."""


def endpoint_of(
    name: str, model: ServedModel, below: str, body: dict[str, Any], *, arrivals: Arrivals | None = None, token_file: str | None = None,
    address: str | None = None, ca_file: str | None = None, path: str | None = None,
) -> Endpoint:  # fmt: skip
    """The model's load profile and limits, asked at `below`, for example `https://fraud.models.example.com/scorer`.

    `name` is `<tenant>/<model>`. `arrivals` default to callers that know nothing of each other, at the profile's rate. Of `Steps` each
    request is kept, and they say how long it lasts.
    """
    protocol = protocol_of(model)
    steps = arrivals if isinstance(arrivals, Steps) else None
    asked = (path or PATHS[protocol]).format(model=name.rpartition("/")[2])
    return Endpoint(
        name=name, protocol=protocol, url=below.rstrip("/") + asked, body=body, limits=model.slo, token_file=token_file, address=address,
        ca_file=ca_file, keeps_requests=steps is not None,
        duration_seconds=steps.duration_seconds if steps else float(model.load_profile.duration_seconds),
        arrivals=arrivals or Poisson(requests_per_second=model.load_profile.requests_per_second),
    )  # fmt: skip


def beside_baseline(candidate: Endpoint, baseline: Endpoint, *, p99_ratio_max: float | None = None) -> tuple[Endpoint, Endpoint]:
    """Both at once, so that what disturbs one disturbs the other."""
    compared = Comparison(reference=baseline.name, p99_ratio_max=p99_ratio_max)
    return baseline, candidate.model_copy(update={"compared": compared})


def noisy_pair(quiet: Endpoint, neighbour: Endpoint, *, p99_ratio_max: float | None) -> tuple[Endpoint, Endpoint, Endpoint]:
    """The endpoint alone, then again with the neighbour beside it."""
    begin = quiet.begin_seconds + quiet.duration_seconds
    compared = Comparison(reference=quiet.name, p99_ratio_max=p99_ratio_max)
    noisy = quiet.model_copy(update={"name": f"{quiet.name} with {neighbour.name}", "begin_seconds": begin, "compared": compared})
    loud = neighbour.model_copy(
        update={"begin_seconds": begin, "duration_seconds": quiet.duration_seconds, "limits": None, "compared": None}
    )
    return quiet, noisy, loud
