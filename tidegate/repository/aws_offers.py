"""Reads what AWS publishes of prices: the offer file of EC2 in one region, and spot prices as `describe-spot-price-history` answers.

The offer file is https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonEC2/current/<region>/index.json (some hundred MB); nothing
here fetches it. Keys and machines that do not matter are passed over; a price of one that matters is a price, or a finding.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidegate.errors import Finding, PriceError, UsageError
from tidegate.facts.inventory.readable import clipped
from tidegate.facts.prices.tables import USD_DIGITS

_LINUX_ON_DEMAND = {
    "operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used",
    "licenseModel": "No License required",
}  # fmt: skip
"""What a plain machine's product says of itself; a type has dozens of others (Windows, dedicated, reserved and unused)."""


_USD = re.compile(r"[0-9]{1,7}(\.[0-9]{1,12})?")
"""A price as AWS writes it. What Python reads as a number besides (`nan`, `1e400`, `-1`, `1_0`) is none."""


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
    version: str = Field(pattern=r"^[0-9A-Za-z.-]{1,40}$")
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


def read_offer(path: Path, machines: Collection[str]) -> Offer:
    """The offer file at `path`, of `machines` only.

    Raises `UsageError` when it is none of EC2 in exactly one region, `PriceError` naming each price of these machines that is none.
    """
    file = _read(path, _OfferFile, "AWS's offer file of AmazonEC2 (index.json of one region)")
    if file.offer_code != "AmazonEC2":
        raise UsageError(f"{path} = {file.offer_code}: is the offer of another service; take that of AmazonEC2")
    plain = {
        sku: product.attributes
        for sku, product in file.products.items()
        if "instanceType" in product.attributes and all(product.attributes.get(key) == value for key, value in _LINUX_ON_DEMAND.items())
    }
    regions = sorted({about.get("regionCode", "") for about in plain.values()})
    prices: dict[str, float] = {}
    findings: list[Finding] = []
    for sku, about in plain.items():
        instance_type = about["instanceType"]
        for at, usd in _hourly(file, sku) if instance_type in machines else ():
            if not _USD.fullmatch(usd):
                findings.append(_no_price(path, at, usd, instance_type))
            elif rounded := round(float(usd), USD_DIGITS):
                prices[instance_type] = rounded
    if findings:
        raise PriceError(findings)
    if len(regions) != 1:
        raise UsageError(f"{path} has machines of {', '.join(regions) or 'none'}; take the index.json of one region")
    return Offer(regions[0], file.version, file.publication_date[:10], prices)


def _hourly(file: _OfferFile, sku: str) -> Iterator[tuple[str, str]]:
    """(path, price of an hour as it is written) of a product."""
    for name, term in file.terms.on_demand.get(sku, {}).items():
        for key, dimension in term.dimensions.items():
            if dimension.unit == "Hrs" and "USD" in dimension.price_per_unit:
                yield f"terms.OnDemand.{sku}.{name}.priceDimensions.{key}.pricePerUnit.USD", dimension.price_per_unit["USD"]


def read_spot_history(path: Path, region: str, machines: Collection[str]) -> SpotPrices:
    """What `aws ec2 describe-spot-price-history` wrote to `path` for `region`, of `machines` only.

    Raises `UsageError` for anything else, `PriceError` naming each price of these machines that is none.
    """
    history = _read(path, _SpotHistory, "an answer of `aws ec2 describe-spot-price-history`").prices
    linux = [(number, price) for number, price in enumerate(history) if price.product == "Linux/UNIX" and price.zone.startswith(region)]
    if not linux:
        raise UsageError(f"{path} has no spot price of Linux/UNIX in {region}; ask with --region {region}")
    ours = [(number, price) for number, price in linux if price.instance_type in machines]
    if findings := [
        _no_price(path, f"SpotPriceHistory[{number}].SpotPrice", price.usd, price.instance_type)
        for number, price in ours
        if not _USD.fullmatch(price.usd) or not round(float(price.usd), USD_DIGITS)
    ]:
        raise PriceError(findings)
    latest: dict[tuple[str, str], _SpotPrice] = {}
    for _, price in sorted(ours, key=lambda each: each[1].timestamp):
        latest[price.instance_type, price.zone] = price
    by_type: dict[str, list[Fraction]] = defaultdict(list)
    for (instance_type, _zone), price in latest.items():
        by_type[instance_type].append(Fraction(price.usd))
    means = {name: round(float(sum(usd) / len(usd)), USD_DIGITS) for name, usd in by_type.items()}
    return SpotPrices(max(price.timestamp for _, price in linux)[:10], means)


def _no_price(path: Path, at: str, usd: str, instance_type: str) -> Finding:
    return Finding(
        str(path), at, "offer-price", f"is no price of {instance_type} in US dollars", "take AWS's own file", clipped(usd) or '""'
    )


FileT = TypeVar("FileT", bound=_Read)


def _read(path: Path, model: type[FileT], what: str) -> FileT:
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; name a file") from error
    except ValidationError as error:
        at = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the file"
        raise UsageError(f"{path} is not {what}: {at}: {error.errors()[0]['msg']}; take AWS's own file") from error
