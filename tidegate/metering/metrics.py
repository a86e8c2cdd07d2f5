"""What the meter shows to Prometheus: counters that rise with each closed line of the ledger.

A series for each tenant, model, capacity type and reason that has been seen, whatever number of pods and nodes there are.
They begin at zero with the meter; sums over longer times are the ledger's.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from tidegate.errors import UsageError
from tidegate.facts.prices.tables import Tariff
from tidegate.metering.billing.bill import cost
from tidegate.metering.billing.entries import LedgerEntry

_ACCOUNT = ("region", "owner", "tenant", "model", "capacity", "reason")


class Metrics:
    """The counters, in a registry of their own."""

    def __init__(self, tariff: Tariff) -> None:
        self._tariff = tariff
        self.registry = CollectorRegistry()
        self._gpu = Counter("tidegate_gpu_seconds", "Seconds of whole GPU cards", _ACCOUNT, registry=self.registry)
        self._node = Counter("tidegate_node_seconds", "Seconds of nodes", _ACCOUNT, registry=self.registry)
        self._cpu = Counter("tidegate_cpu_core_seconds", "Seconds of cores that were asked for", _ACCOUNT, registry=self.registry)
        self._memory = Counter("tidegate_memory_gib_seconds", "Seconds of GiB that were asked for", _ACCOUNT, registry=self.registry)
        self._usd = Counter("tidegate_cost_usd", "US dollars at list prices", _ACCOUNT, registry=self.registry)
        self._unpriced = Counter(
            "tidegate_unpriced_node_seconds", "Seconds of nodes without a price", ("region", "instance_type"), registry=self.registry
        )
        self._requests = Counter("tidegate_requests", "Requests", ("region", "tenant", "model"), registry=self.registry)
        self._end = Gauge("tidegate_ledger_end_seconds", "Until when everything is metered", ("region",), registry=self.registry)

    def add(self, entry: LedgerEntry) -> None:
        """Counts a closed line."""
        for use in entry.uses:
            account = (entry.region, use.owner, use.tenant, use.model, use.capacity, use.reason)
            self._gpu.labels(*account).inc(use.card_us / 1e6)
            self._node.labels(*account).inc(use.node_us / 1e6)
            self._cpu.labels(*account).inc(use.cpu_millicore_ms / 1e6)
            self._memory.labels(*account).inc(use.memory_mib_ms / 1024 / 1000)
            if self._tariff.usd_per_hour(entry.region, use.instance_type, use.capacity) is None:
                self._unpriced.labels(entry.region, use.instance_type).inc(use.node_us / 1e6)
            else:
                self._usd.labels(*account).inc(float(cost([(entry.region, use)], self._tariff)))
        for one in entry.requests:
            self._requests.labels(entry.region, one.tenant, one.model).inc(one.requests)
        self._end.labels(entry.region).set(entry.end_ms / 1000)

    def serve(self, port: int) -> Callable[[], None]:
        """Answers `/metrics` on loopback until what it returns is called. Raises `UsageError` when the port is taken."""
        try:
            server, thread = start_http_server(port, addr="127.0.0.1", registry=self.registry)
        except OSError as error:
            raise UsageError(f"port {port} cannot be had: {error.strerror}; choose another") from error

        def close() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return close
