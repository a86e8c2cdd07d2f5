"""Reads what AWS publishes of prices: the offer file of EC2 in one region, and spot prices as `describe-spot-price-history` answers.

The offer file is https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonEC2/current/<region>/index.json (some hundred MB); nothing
here fetches it. Keys that do not matter are passed over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidegate.errors import UsageError

_LINUX_ON_DEMAND = {
    "operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used",
    "licenseModel": "No License required",
}  # fmt: skip
"""What a plain machine's product says of itself; a type has dozens of others (Windows, dedicated, reserved and unused)."""


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Product(_Read):
    attributes: dict[str, str] = Field(default_factory=dict[str, str])


class _PriceDimension(_Read):
    unit: str = ""
    price_per_unit: dict[str, str] = Field(alias="pricePerUnit", default_factory=dict[str, str])


class _Term(_Read):
    dimensions: dict[str, _PriceDimension] = Field(alias="priceDimensions", default_factory=dict[str, _PriceDimension])


class _Terms(_Read):
    on_demand: dict[str, dict[str, _Term]] = Field(alias="OnDemand")


class _OfferFile(_Read):
    offer_code: str = Field(alias="offerCode")
    version: str
    publication_date: str = Field(alias="publicationDate")
    products: dict[str, _Product]
    terms: _Terms


class _SpotPrice(_Read):
    instance_type: str = Field(alias="InstanceType")
    product: str = Field(alias="ProductDescription")
    usd: str = Field(alias="SpotPrice")
    zone: str = Field(alias="AvailabilityZone")
    timestamp: str = Field(alias="Timestamp")


class _SpotHistory(_Read):
    prices: list[_SpotPrice] = Field(alias="SpotPriceHistory")


@dataclass(frozen=True, slots=True)
class Offer:
    """Prices on demand in one region, for Linux on shared machines, by instance type."""

    region: str
    version: str
    published_on: str
    linux_usd_per_hour: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SpotPrices:
    """The latest spot prices, the mean of the zones, by instance type, and the day of the latest of them."""

    seen_on: str
    linux_usd_per_hour: Mapping[str, float]


def read_offer(path: Path) -> Offer:
    """The offer file at `path`. Raises `UsageError` when it is none of EC2 in exactly one region."""
    file = _read(path, _OfferFile, "AWS's offer file of AmazonEC2 (index.json of one region)")
    if file.offer_code != "AmazonEC2":
        raise UsageError(f"{path} = {file.offer_code}: is the offer of another service; take that of AmazonEC2")
    regions: set[str] = set()
    prices: dict[str, float] = {}
    for sku, product in file.products.items():
        about = product.attributes
        if "instanceType" not in about or any(about.get(key) != value for key, value in _LINUX_ON_DEMAND.items()):
            continue
        regions.add(about.get("regionCode", ""))
        for term in file.terms.on_demand.get(sku, {}).values():
            for dimension in term.dimensions.values():
                if dimension.unit == "Hrs" and (usd := float(dimension.price_per_unit.get("USD", "0"))) > 0:
                    prices[about["instanceType"]] = usd
    if len(regions) != 1:
        found = ", ".join(sorted(regions)) or "none"
        raise UsageError(f"{path} has machines of {found}; take the index.json of one region")
    return Offer(regions.pop(), file.version, file.publication_date[:10], prices)


def read_spot_history(path: Path, region: str) -> SpotPrices:
    """What `aws ec2 describe-spot-price-history` wrote to `path` for `region`. Raises `UsageError` for anything else."""
    history = _read(path, _SpotHistory, "an answer of `aws ec2 describe-spot-price-history`").prices
    linux = [price for price in history if price.product == "Linux/UNIX" and price.zone.startswith(region)]
    if not linux:
        raise UsageError(f"{path} has no spot price of Linux/UNIX in {region}; ask with --region {region}")
    latest: dict[tuple[str, str], _SpotPrice] = {}
    for price in sorted(linux, key=lambda price: price.timestamp):
        latest[price.instance_type, price.zone] = price
    by_type: dict[str, list[Fraction]] = defaultdict(list)
    for (instance_type, _zone), price in latest.items():
        by_type[instance_type].append(Fraction(price.usd))
    means = {name: round(float(sum(usd) / len(usd)), 6) for name, usd in by_type.items()}
    return SpotPrices(max(price.timestamp for price in linux)[:10], means)


FileT = TypeVar("FileT", bound=_Read)


def _read(path: Path, model: type[FileT], what: str) -> FileT:
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; name a file") from error
    except ValidationError as error:
        at = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the file"
        raise UsageError(f"{path} is not {what}: {at}: {error.errors()[0]['msg']}; take AWS's own file") from error
