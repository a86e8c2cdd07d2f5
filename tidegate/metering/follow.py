"""Meters regions side by side, one ledger each, until told to end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tidegate import tools
from tidegate.errors import TidegateError
from tidegate.facts.platform import Platform
from tidegate.facts.prices.tables import PriceBook, tariff_of
from tidegate.live.kubernetes import Kubernetes
from tidegate.metering.billing.entries import LedgerEntry
from tidegate.metering.ledger import open_ledger
from tidegate.metering.meter import meter
from tidegate.metering.metrics import Metrics
from tidegate.metering.observed import tenancy_of
from tidegate.metering.region_source import RegionSource
from tidegate.tools.progress import OnProgress


@dataclass(frozen=True, slots=True)
class Following:
    """Where to, how finely, and for how long."""

    ledger: Path
    close_seconds: int
    seconds: float | None = None
    """None: until interrupted."""
    metrics_port: int | None = None


def follow(platform: Platform, book: PriceBook, clusters: Mapping[str, Kubernetes], options: Following, on_progress: OnProgress) -> None:
    """Meters `clusters`, by the names of their facts, counts their money at the prices of `book`, and closes what is open when it ends.

    Raises `UsageError` for a second meter or a port that is taken, `LedgerError` when a ledger is damaged or cannot be written.
    """
    metrics = Metrics(tariff_of(book, platform.clusters))
    close = metrics.serve(options.metrics_port) if options.metrics_port else None
    stop, failures = threading.Event(), list[BaseException]()
    tenancy = tenancy_of(platform)

    def meter_one(region: str, cluster: Kubernetes) -> None:
        def on_entry(entry: LedgerEntry) -> None:
            metrics.add(entry)
            on_progress(region, f"closed {(entry.end_ms - entry.start_ms) / 1000:.0f} s")

        try:
            with open_ledger(options.ledger, region) as ledger:
                source = RegionSource(cluster, tenancy, stop, lambda line: on_progress(region, line))
                meter(source, ledger, region, close_seconds=options.close_seconds, on_entry=on_entry)
        except BaseException as error:  # noqa: BLE001 - raised again where it is seen
            failures.append(error)
            stop.set()

    threads = [threading.Thread(target=meter_one, args=pair) for pair in clusters.items()]
    for thread in threads:
        thread.start()
    try:
        stop.wait(options.seconds)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        tools.interrupt_streams(grace_seconds=5)
        if close:
            close()
    for failure in failures:
        raise failure if isinstance(failure, TidegateError) else RuntimeError("the meter failed") from failure
