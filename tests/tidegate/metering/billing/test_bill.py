"""Money: exact, rounded once, and never made up."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.prices import PRICES
from tests.tidegate.facts.documents import committed
from tidegate.facts.cluster import CapacityType, Cluster
from tidegate.facts.nodes.node_shapes import known_instance_types
from tidegate.facts.prices.tables import PriceBook, Tariff, price_findings
from tidegate.metering.billing.allotment import WHOLE, Owner, Reason, apportion, divide
from tidegate.metering.billing.bill import make_bill, to_cents, unpriced
from tidegate.metering.billing.entries import DAY_MS, LedgerEntry, NodeTime, Requests, Use

HOUR_US = 3_600_000_000
TARIFF = Tariff(PRICES)


def use(
    node_us: int,
    owner: Owner = Owner.TENANT,
    tenant: str = "",
    instance_type: str = "g6.xlarge",
    capacity: CapacityType = CapacityType.SPOT,
) -> Use:
    return Use(
        owner=owner, reason=Reason.SERVING, tenant=tenant, model="m" if tenant else "", instance_type=instance_type, capacity=capacity,
        node_us=node_us, card_us=node_us, cpu_millicore_ms=3_600_000_000, memory_mib_ms=3_600_000 * 1024,
    )  # fmt: skip


def entry(*uses: Use, day: int = 0, requests: tuple[Requests, ...] = ()) -> LedgerEntry:
    nodes = tuple(NodeTime(instance_type=one.instance_type, capacity=one.capacity, node_us=one.node_us) for one in uses)
    return LedgerEntry(region="live-1", start_ms=day * DAY_MS, end_ms=(day + 1) * DAY_MS, nodes=nodes, uses=uses, requests=requests)


KINDS = st.sampled_from([(name, capacity) for name in [*known_instance_types(), "embedded"] for capacity in CapacityType])


@st.composite
def uses_of_any_node(draw: st.DrawFn) -> Use:
    owner = draw(st.sampled_from(list(Owner)))
    tenant = draw(st.sampled_from("abcde")) if owner is Owner.TENANT else ""
    return use(draw(st.integers(0, 10**13)), owner, tenant, *draw(KINDS))


@given(st.lists(st.lists(uses_of_any_node(), max_size=12), min_size=1, max_size=5))
def test_rows_and_tenants_and_shared_and_idle_add_up_to_the_bill_to_the_cent(days: list[list[Use]]) -> None:
    bill = make_bill([entry(*uses, day=day) for day, uses in enumerate(days)], TARIFF)
    exact = sum(
        ((TARIFF.usd_per_hour("live-1", one.instance_type, one.capacity) or 0) * one.node_us / HOUR_US for uses in days for one in uses),
        Fraction(0),
    )
    assert bill.usd_cents == round(exact * 100)
    assert sum(row.usd_cents for row in bill.rows) == bill.usd_cents
    assert sum(one.usd_cents for one in bill.sums) == bill.usd_cents
    assert [one.owner for one in bill.sums[-2:]] == [Owner.SHARED, Owner.IDLE]


@given(st.lists(st.fractions(0, 1000), max_size=8))
def test_no_amount_is_rounded_by_more_than_a_cent(usd: list[Fraction]) -> None:
    cents = to_cents(usd, round(sum(usd, Fraction(0)) * 100))
    assert all(abs(one - amount * 100) <= 1 for one, amount in zip(cents, usd, strict=True))


@given(st.integers(0, 10**12), st.lists(st.integers(0, WHOLE), max_size=9))
def test_parts_of_a_division_add_up_and_are_fair(total: int, shares: list[int]) -> None:
    parts = divide(total, shares)
    whole = max(WHOLE, sum(shares))
    assert sum(parts) == total
    assert all(abs(part - Fraction(total * share, whole)) < 1 for part, share in zip(parts, shares, strict=False))


def test_equal_remainders_are_settled_in_order() -> None:
    assert apportion(2, [1, 1, 1]) == [1, 1, 0]


def test_table_by_tenant_model_capacity_and_reason() -> None:
    requests = (Requests(tenant="assistant", model="chat", requests=7),)
    bill = make_bill(
        [entry(use(HOUR_US, tenant="assistant"), use(HOUR_US, Owner.IDLE, instance_type="m7i.xlarge"), requests=requests)], TARIFF
    )
    row, idle = bill.rows
    assert (row.tenant, row.model, row.capacity, row.reason) == ("assistant", "m", CapacityType.SPOT, Reason.SERVING)
    # 0.8048 and 0.2016 USD, of which spot takes 0.4: 32.192 and 8.064 cents make 40, and the larger remainder is the first's.
    assert (row.gpu_hours, row.cpu_core_hours, row.memory_gib_hours, row.usd_cents, idle.usd_cents) == (1, 1, 1, 32, 8)
    assert bill.requests == (("assistant", "chat", 7),)
    assert bill.sums[0].requests == 7


def test_each_region_is_billed_at_its_own_prices() -> None:
    list_prices = PRICES.table()
    irish = list_prices.model_copy(update={"region": "eu-west-1", "on_demand": {"g6.xlarge": 1.0}, "spot": {"g6.xlarge": 0.25}})
    tariff = Tariff(PriceBook({"us-east-1": list_prices, "eu-west-1": irish}), {"live-1": "eu-west-1", "live-2": "eu-central-1"})
    spot, paid = entry(use(HOUR_US)), entry(use(HOUR_US, capacity=CapacityType.RESERVED))
    assert (make_bill([spot], tariff).usd_cents, make_bill([paid], tariff).usd_cents) == (25, 100)
    elsewhere = [one.model_copy(update={"region": "live-2"}) for one in (spot, paid)]
    both = make_bill([spot, paid, *elsewhere], tariff)
    assert both.usd_cents == 238  # 25 and 100, 80.48 and four tenths of it
    assert sum(row.usd_cents for row in both.rows) == both.usd_cents


def test_machine_without_a_price_is_named_with_the_entry_it_first_stands_in() -> None:
    entries = [entry(use(1)), entry(use(1), use(5, instance_type="z9.huge"), day=1), entry(use(5, instance_type="z9.huge"), day=2)]
    assert unpriced(entries, TARIFF) == {"z9.huge": 1}
    assert unpriced(entries[:1], TARIFF) == {}


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"uses": (use(2),)}, "entry-does-not-add-up"),
        ({"end_ms": 0}, "entry-without-time"),
        ({"end_ms": DAY_MS + 1}, "entry-over-midnight"),
    ],
)
def test_entry_that_cannot_be_is_refused(changed: dict[str, object], rule: str) -> None:
    good = entry(use(1)).model_dump()
    assert LedgerEntry.model_validate(good)
    with pytest.raises(ValidationError) as caught:
        LedgerEntry.model_validate({**good, **changed})
    assert [one["ctx"]["rule"] for one in caught.value.errors() if "ctx" in one] == [rule]


def test_every_machine_of_the_inventory_has_a_price() -> None:
    facts = committed("clusters/inventory/live-1/cluster.yaml")
    cluster = Cluster.model_validate_json(json.dumps(facts))
    assert list(price_findings(cluster, "f")) == []
    pools = [name for pool in cluster.gpu_pools.values() for name in pool.instance_types]
    assert all(TARIFF.usd_per_hour("live-1", name, capacity) for name in pools for capacity in CapacityType)


def test_machine_that_nobody_could_be_billed_for_is_a_finding() -> None:
    facts = committed("clusters/inventory/live-1/cluster.yaml")
    facts["system_pool"]["instance_types"] = ["m7i.xlarge", "z9.huge"]
    cluster = Cluster.model_validate_json(json.dumps(facts))
    (finding,) = price_findings(cluster, "clusters/inventory/live-1/cluster.yaml")
    assert str(finding).startswith("clusters/inventory/live-1/cluster.yaml: system_pool.instance_types[1] = z9.huge: has no price, so")
    assert finding.rule == "price-missing"
