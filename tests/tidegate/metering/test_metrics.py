"""What Prometheus sees of the ledger: few series, and the same sums."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from tests.prices import PRICES
from tests.root import ROOT
from tests.tidegate.metering.test_ledger import entry
from tidegate.errors import UsageError
from tidegate.facts import inventory
from tidegate.facts.prices.tables import Tariff
from tidegate.metering.billing.entries import Requests
from tidegate.metering.costs import SIMULATED_MIDNIGHT_MS, simulate
from tidegate.metering.ledger import month_of, read_month
from tidegate.metering.metrics import Metrics


def scratch_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def values(metrics: Metrics, name: str) -> list[float]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    return [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name}{{")]


def test_day_has_few_series_and_the_money_of_its_bill(tmp_path: Path) -> None:
    day = simulate(inventory.load(ROOT), "live-1", 1, tmp_path, PRICES)
    (file,) = read_month(tmp_path, month_of(SIMULATED_MIDNIGHT_MS))
    metrics = Metrics(Tariff(PRICES))
    for one in file.entries:
        metrics.add(one)
    money = values(metrics, "tidegate_cost_usd_total")
    assert len(money) == len(day.bill.rows)
    assert sum(money) == pytest.approx(day.bill.usd_cents / 100, abs=0.01)
    assert sum(values(metrics, "tidegate_requests_total")) == sum(count for _, _, count in day.bill.requests)
    assert sum(values(metrics, "tidegate_gpu_seconds_total")) == pytest.approx(3600 * sum(row.gpu_hours for row in day.bill.rows), abs=1)


def test_node_without_a_price_is_shown_as_such_and_not_as_free() -> None:
    metrics = Metrics(Tariff(PRICES))
    metrics.add(entry(0, instance_type="z9.huge").model_copy(update={"requests": (Requests(tenant="a", model="m", requests=3),)}))
    assert values(metrics, "tidegate_cost_usd_total") == []
    assert values(metrics, "tidegate_unpriced_node_seconds_total") == [0.001]
    assert values(metrics, "tidegate_requests_total") == [3]


def test_metrics_are_answered_on_loopback_and_a_taken_port_is_refused() -> None:
    port, metrics = scratch_port(), Metrics(Tariff(PRICES))
    metrics.add(entry(0))
    close = metrics.serve(port)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text = answer.read().decode()
        assert 'tidegate_ledger_end_seconds{region="live-1"}' in text
        with pytest.raises(UsageError, match=f"port {port} cannot be had: Address already in use; choose another"):
            Metrics(Tariff(PRICES)).serve(port)
    finally:
        close()
