"""Counts what one process sees of one endpoint, in HDR histograms of three digits, whose size does not grow with the run."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# hdrh says only in part which types it has.

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hdrh.histogram import HdrHistogram

from loadtests.plan import Endpoint
from loadtests.recording import Buckets, EndpointPart, RequestPart

_HOUR_MICROS = 3_600_000_000


class Recorder:
    """Of one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        limits = endpoint.limits
        self._limit = limits.p99_ms / 1000 if limits else float("inf")
        self._limit_first = limits.time_to_first_token_ms / 1000 if limits and limits.time_to_first_token_ms else float("inf")
        self.due = self.begun = self.good = self.out_of_range = 0
        self.last_begun = 0.0
        self.failures: Counter[str] = Counter()
        self.latency, self.service, self.lag = _histogram(), _histogram(), _histogram()
        self.first_token, self.between_tokens = _histogram(), _histogram()
        self._requests: list[RequestPart] = []

    def begin(self, due: float, now: float, since_begin: float) -> None:
        """A request that was due at `due` begins at `now`, both of one clock, `since_begin` seconds after the endpoint's begin."""
        self.begun += 1
        self.last_begun = max(self.last_begun, since_begin)
        self._record(self.lag, now - due)

    def answer(self, due: float, begun: float, ended: float, tokens: list[float]) -> None:
        """A whole answer, and when its tokens came."""
        self._record(self.latency, ended - due)
        self._record(self.service, ended - begun)
        if tokens:
            self._record(self.first_token, tokens[0] - due)
            for before, after in pairwise(tokens):
                self._record(self.between_tokens, after - before)
        if ended - due <= self._limit and (not tokens or tokens[0] - due <= self._limit_first):
            self.good += 1

    def keep(self, due: float, begun: float, ended: float, failure: str) -> None:
        """One request by itself, where the plan keeps them; seconds from the endpoint's begin."""
        if self._endpoint.keeps_requests:
            milliseconds = {name: round(1000 * value, 3) for name, value in (("due_ms", due), ("begun_ms", begun), ("ended_ms", ended))}
            self._requests.append(RequestPart(**milliseconds, failure=failure))

    def _record(self, histogram: HdrHistogram, seconds: float) -> None:
        micros = round(seconds * 1e6)
        if not 0 <= micros < _HOUR_MICROS or not histogram.record_value(micros):
            self.out_of_range += 1

    def part(self) -> EndpointPart:
        """What was counted so far."""
        return EndpointPart(
            name=self._endpoint.name, due=self.due, begun=self.begun, last_begun_seconds=self.last_begun, good=self.good,
            latency=_buckets(self.latency), service=_buckets(self.service), lag=_buckets(self.lag),
            first_token=_buckets(self.first_token), between_tokens=_buckets(self.between_tokens),
            failures=dict(self.failures), out_of_range=self.out_of_range, requests=tuple(self._requests),
        )  # fmt: skip


def _histogram() -> HdrHistogram:
    return HdrHistogram(1, _HOUR_MICROS, 3)


def _buckets(histogram: HdrHistogram) -> Buckets:
    """Each bucket by its highest value, so that no latency is made smaller by counting it.

    The library's own iterator takes so long for it that Locust gives the process up for lost.
    """
    if not histogram.total_count:
        return ()
    found = ((index, int(count)) for index, count in enumerate(histogram.counts) if count)
    return tuple((int(histogram.get_highest_equivalent_value(histogram.get_value_from_index(index))), count) for index, count in found)
