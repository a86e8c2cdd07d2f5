"""Whether a tenant's budget pays for the machines that its floors keep alive, in all its clusters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from tidegate.errors import Finding, ManifestError, PriceError
from tidegate.facts import numerals
from tidegate.facts.cluster import CapacityType
from tidegate.facts.platform import Platform, cluster_source, tenant_source
from tidegate.facts.prices.tables import UNPRICED_REMEDY, PriceBook, price_source
from tidegate.facts.rules.pools import named_machines
from tidegate.manifests.fit.standing import StandingNode, standing_nodes, usd_per_month_by_tenant
from tidegate.manifests.placed import Placed


def nodes_of(platform: Platform, objects: Mapping[str, Sequence[Placed]], book: PriceBook) -> list[StandingNode]:
    """The standing nodes of all clusters; `objects` by cluster. Raises `ManifestError` or `PriceError` for what cannot be reckoned with."""
    return [
        node
        for name, cluster in sorted(platform.clusters.items())
        for node in standing_nodes(cluster, objects.get(name, ()), book.table(cluster.region))
    ]


def unpriced_findings(platform: Platform, book: PriceBook) -> Iterator[Finding]:
    """A finding for each machine of a pool that the region's table has no price of: it would count as nothing."""
    for name, cluster in sorted(platform.clusters.items()):
        table = book.table(cluster.region)
        for key, index, instance_type in named_machines(cluster):
            if table.usd_per_hour(instance_type, CapacityType.ON_DEMAND) is None:
                yield Finding(
                    cluster_source(name), f"{key}.instance_types[{index}]", "price-missing-in-region",
                    f"{price_source(table.region)} has no price of it, so its cost is unknown", UNPRICED_REMEDY, instance_type,
                )  # fmt: skip


def require_prices(platform: Platform, book: PriceBook) -> None:
    """Raises `PriceError` with every machine of a pool that its region's table has no price of."""
    if findings := list(unpriced_findings(platform, book)):
        raise PriceError(findings)


def budget_findings(platform: Platform, objects: Mapping[str, Sequence[Placed]], book: PriceBook) -> Iterator[Finding]:
    """A finding for each tenant whose floors cost more than its budget before anybody calls."""
    try:
        nodes = nodes_of(platform, objects, book)
    except (ManifestError, PriceError):
        return  # `fit_findings` and `unpriced_findings` name it
    kept = usd_per_month_by_tenant(nodes)
    machines: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for node in nodes:
        for tenant, share in node.shares.items():
            machines[tenant][node.instance_type] += share
    for name, tenant in sorted(platform.tenants.items()):
        if (usd := kept.get(name, Fraction(0))) > Fraction(str(tenant.budget_usd_per_month)):
            what = ", ".join(
                f"{numerals.decimal(round(float(count), 2))} {instance_type}" for instance_type, count in sorted(machines[name].items())
            )
            yield Finding(
                tenant_source(name), "budget_usd_per_month", "budget-below-floors",
                f"the floors alone keep {what} alive, {numerals.usd(float(usd))} USD a month in all clusters",
                f"raise it to {-(-usd.numerator // usd.denominator)} or lower floors", numerals.decimal(tenant.budget_usd_per_month),
            )  # fmt: skip
