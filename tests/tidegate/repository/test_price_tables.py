"""Price tables say whose prices they are, of which day, and are what their source says."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from tests.prices import PRICES
from tests.root import ROOT
from tests.scratch_checkout import make_scratch_checkout
from tidegate import tools
from tidegate.errors import InventoryError, PriceError, ToolError, UsageError
from tidegate.facts.cluster import CapacityType
from tidegate.facts.inventory.prices import load_prices, load_service_prices
from tidegate.facts.nodes.node_shapes import known_instance_types
from tidegate.facts.prices.tables import OLD_DAYS, SPOT_SHARE_OF_ON_DEMAND, PriceBook
from tidegate.repository.price_tables import karpenter_table, offered_table, read_karpenter_list, table_text, write_table

OFFERS = Path(__file__).parent / "offers"
OFFER, SPOT = OFFERS / "index.json", OFFERS / "spot-prices.json"
TIDEGATE = str(ROOT / ".venv" / "bin" / "tidegate")


def test_committed_list_is_that_of_the_pinned_karpenter_byte_for_byte() -> None:
    table = karpenter_table(lambda _text: None)
    assert (ROOT / "clusters" / "prices" / "us-east-1.yaml").read_text() == table_text(table), "run `tidegate cost prices refresh`"


def test_every_machine_of_the_tables_has_a_list_price() -> None:
    table = PRICES.table()
    assert set(table.on_demand) == set(known_instance_types())
    # One H100, one L40S, one L4 and an eighth of one, in dollars an hour.
    assert [table.on_demand[name] for name in ("p5.4xlarge", "g6e.xlarge", "g6.xlarge", "g6f.xlarge")] == [6.88, 1.861, 0.8048, 0.2375]


def test_source_that_is_no_longer_what_it_was_is_refused() -> None:
    text = '// generated at 2026-07-06T14:20:29Z for us-east-1\n"m7i.xlarge": 0.201600, "zz.none": 1.000000,\n'
    assert read_karpenter_list(text, "module v1").on_demand == {"m7i.xlarge": 0.2016}
    for changed in (
        text.replace("us-east-1", "us-west-2"),
        text.replace("generated", "made"),
        text.replace('": 0', '" = 0').replace('": 1', '" = 1'),
    ):
        with pytest.raises(ToolError, match="no prices of us-east-1 in it; look for where the module keeps them now"):
            read_karpenter_list(changed, "module v1")


def test_offer_file_of_a_region_becomes_its_table_and_spot_stays_a_fraction() -> None:
    table = offered_table(OFFER, None)
    assert (table.region, table.published_on, table.source) == (
        "eu-north-1", "2026-11-20", "AWS's public offer file AmazonEC2, version 20261120183245",
    )  # fmt: skip
    assert table.on_demand == {"g6.xlarge": 0.9038, "m7i.xlarge": 0.2247}  # not Windows, dedicated, unused or unknown
    on_demand, spot = (table.usd_per_hour("g6.xlarge", capacity) for capacity in (CapacityType.RESERVED, CapacityType.SPOT))
    assert (on_demand, spot) == (Fraction("0.9038"), Fraction("0.9038") * Fraction(str(SPOT_SHARE_OF_ON_DEMAND)))
    assert table.usd_per_hour("m7i.large", CapacityType.ON_DEMAND) is None


def test_spot_prices_that_were_read_are_the_mean_of_the_zones_latest() -> None:
    table = offered_table(OFFER, SPOT)
    assert (table.spot, table.spot_seen_on) == ({"g6.xlarge": 0.35}, "2026-11-28")
    assert table.usd_per_hour("g6.xlarge", CapacityType.SPOT) == Fraction("0.35")
    assert table.usd_per_hour("m7i.xlarge", CapacityType.SPOT) == Fraction("0.2247") * Fraction("0.4")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"terms"', '"conditions"', "is not AWS's offer file of AmazonEC2 .*: terms: Field required; take AWS's own file"),
        ('"offerCode": "AmazonEC2"', '"offerCode": "AmazonRDS"', " = AmazonRDS: is the offer of another service; take that of AmazonEC2"),
        ('"Linux"', '"Windows"', "has machines of none; take the index.json of one region"),
        (
            '"regionCode": "eu-north-1",\n    "instanceType": "g6',
            '"regionCode": "eu-west-2",\n    "instanceType": "g6',
            "has machines of eu-north-1, eu-west-2; take the index.json of one region",
        ),
        ('"publicationDate": "2026-11-20', '"publicationDate": "20-11-2026', "published_on = 20-11-2026: "),
        (".xlarge", ".small", "has a price for none of our machines; take the index.json of AmazonEC2 for one region"),
    ],
    ids=["no-terms", "other-service", "no-machines", "two-regions", "no-day", "none-of-ours"],
)
def test_other_files_are_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = OFFER.read_text()
    assert old in text
    path = tmp_path / "index.json"
    path.write_text(text.replace(old, new))
    with pytest.raises(UsageError, match=message):
        offered_table(path, None)


ODD_PRICES = ["NaN", "inf", "-0.9038000000", "0,9", "free", "1e400", "1e999999999", "1/0", "", "1_0", "9" * 5000]
"""What is no price, though Python reads some of them as numbers."""
ODD_IDS = ["nan", "inf", "negative", "comma", "text", "huge", "endless", "by-zero", "empty", "underscore", "long"]


@pytest.mark.parametrize("odd", ODD_PRICES, ids=ODD_IDS)
def test_odd_price_of_a_machine_of_ours_is_named(odd: str, tmp_path: Path) -> None:
    text = OFFER.read_text()
    path = tmp_path / "index.json"
    path.write_text(text.replace('"0.9038000000"', f'"{odd}"'))
    with pytest.raises(PriceError) as refused:
        offered_table(path, None)
    (finding,) = refused.value.findings
    assert re.fullmatch(
        rf"{path}: terms\.OnDemand\.\w+\.[\w.]+\.priceDimensions\.[\w.]+\.pricePerUnit\.USD = (?P<value>.{{1,60}}): "
        r"is no price of g6\.xlarge in US dollars; take AWS's own file \[offer-price\]",
        str(finding),
    ), str(finding)
    assert odd[:20] in finding.value


@pytest.mark.parametrize("odd", [*ODD_PRICES, "0", "0.0000001"], ids=[*ODD_IDS, "zero", "below-a-table"])
def test_odd_spot_price_is_named(odd: str, tmp_path: Path) -> None:
    path = tmp_path / "spot.json"
    path.write_text(SPOT.read_text().replace('"0.340000"', f'"{odd}"'))
    with pytest.raises(PriceError) as refused:
        offered_table(OFFER, path)
    (finding,) = refused.value.findings
    assert str(finding).startswith(
        f"{path}: SpotPriceHistory[1].SpotPrice = {finding.value}: is no price of g6.xlarge in US dollars; take "
    )
    assert odd[:20] in finding.value


def test_odd_prices_of_machines_that_no_pool_names_are_passed_over(tmp_path: Path) -> None:
    offer, spot = tmp_path / "index.json", tmp_path / "spot.json"
    offer.write_text(
        OFFER.read_text().replace('"instanceType": "m7i.xlarge"', '"instanceType": "m1.none"').replace('"0.2247000000"', '"NaN"')
    )
    spot.write_text(SPOT.read_text().replace('"InstanceType": "m7i.xlarge"', '"InstanceType": "m1.none"'))
    assert offered_table(offer, spot).on_demand == {"g6.xlarge": 0.9038}


@pytest.mark.parametrize("day", ["2026-02-30", "2026-04-31", "2025-02-29"])
def test_day_that_the_calendar_has_not_is_refused_wherever_it_stands(day: str, tmp_path: Path) -> None:
    offer, spot = tmp_path / "index.json", tmp_path / "spot.json"
    offer.write_text(OFFER.read_text().replace("2026-11-20T", f"{day}T"))
    with pytest.raises(UsageError, match=rf"index\.json: published_on = {day}: the calendar has no such day; take AWS's own file"):
        offered_table(offer, None)
    spot.write_text(re.sub(r"2026-11-2[0-9]T", f"{day}T", SPOT.read_text()))
    with pytest.raises(UsageError, match=rf"spot\.json: spot_seen_on = {day}: the calendar has no such day; take AWS's own file"):
        offered_table(OFFER, spot)
    prices = tmp_path / "clusters" / "prices"
    (prices / "services").mkdir(parents=True)
    for name, key in (("us-east-1.yaml", "published_on"), ("services/us-east-1.yaml", "seen_on")):
        text = (ROOT / "clusters" / "prices" / name).read_text()
        (prices / name).write_text(re.sub(rf'{key}: "[0-9-]+"', f'{key}: "{day}"', text, count=1))
    with pytest.raises(InventoryError, match=rf"us-east-1\.yaml: published_on = {day}: the calendar has no such day; write the day"):
        load_prices(tmp_path)
    with pytest.raises(InventoryError, match=rf"control_plane\.seen_on = {day}: the calendar has no such day; write the day"):
        load_service_prices(tmp_path)


@pytest.mark.parametrize("odd", [".nan", ".inf", "-1", "0", "1e400", "cheap", '"6.88"', "0.0000001", "1000001"])
def test_odd_price_in_a_table_is_named(odd: str, tmp_path: Path) -> None:
    path = tmp_path / "clusters" / "prices" / "us-east-1.yaml"
    path.parent.mkdir(parents=True)
    path.write_text((ROOT / "clusters" / "prices" / "us-east-1.yaml").read_text().replace("6.88\n", f"{odd}\n"))
    with pytest.raises(InventoryError, match=r"us-east-1\.yaml: on_demand\.p5\.4xlarge = .*: .*; write "):
        load_prices(tmp_path)


def test_files_that_are_not_there_or_of_another_region_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file or directory; name a file"):
        offered_table(tmp_path / "index.json", None)
    other = tmp_path / "spot.json"
    other.write_text(SPOT.read_text().replace("eu-north-1", "eu-west-2"))
    with pytest.raises(UsageError, match=r"has no spot price of Linux/UNIX in eu-north-1; ask with --region eu-north-1"):
        offered_table(OFFER, other)


def test_table_that_is_written_is_read_back_and_used_for_its_region_only(tmp_path: Path) -> None:
    checkout = make_scratch_checkout(tmp_path)
    table = offered_table(OFFER, SPOT)
    path = write_table(checkout, table)
    book = load_prices(checkout.root)
    assert book.tables["eu-north-1"] == table
    assert path.read_text() == table_text(table)
    assert "eu-north-1 list price of 2026-11-20" in book.described("eu-north-1")
    assert "spot of 2026-11-28" in book.described("eu-north-1")
    assert book.described("eu-central-1").startswith(
        "eu-central-1: us-east-1 list price of 2026-07-06 (github.com/aws/karpenter-provider-aws v"
    )
    assert book.described("eu-central-1").endswith("spot reckoned as 0.4 of it")


def test_table_is_a_finding_after_half_a_year() -> None:
    book = PRICES
    last = date.fromordinal(date.fromisoformat(book.table().published_on).toordinal() + OLD_DAYS)
    assert list(book.findings(last)) == []
    (finding,) = book.findings(date.fromordinal(last.toordinal() + 1))
    assert str(finding) == (
        "clusters/prices/us-east-1.yaml: published_on = 2026-07-06: is 181 days ago, prices are planned with for 180; "
        "read it again with `tidegate cost prices refresh` [prices-old]"
    )
    seen = offered_table(OFFER, SPOT)
    old = [finding.path for finding in PriceBook({**book.tables, "eu-north-1": seen}).findings(date(2027, 6, 1))]
    assert old == ["published_on", "spot_seen_on", "published_on"]


def test_prices_of_services_are_findings_after_half_a_year_each_by_its_own_day() -> None:
    services = load_service_prices(ROOT)
    assert list(services.findings(date(2026, 11, 29))) == []
    young = services.model_copy(update={"key": services.key.model_copy(update={"seen_on": "2027-05-01"})})
    found = list(young.findings(date(2027, 6, 1)))
    assert len(found) == len(type(services).model_fields) - 1
    assert str(found[0]) == (
        "clusters/prices/services/us-east-1.yaml: control_plane.seen_on = 2026-11-29: is 184 days ago, prices are planned with for 180; "
        "look again, and write the day [prices-old]"
    )


def test_tables_that_contradict_their_names_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "clusters" / "prices"
    folder.mkdir(parents=True)
    with pytest.raises(
        InventoryError, match=r"us-east-1\.yaml: is not there, and stands in for other regions; run `tidegate cost prices refresh`"
    ):
        load_prices(tmp_path)
    text = (ROOT / "clusters" / "prices" / "us-east-1.yaml").read_text()
    (folder / "eu-north-1.yaml").write_text(text)
    with pytest.raises(
        InventoryError, match=r"eu-north-1\.yaml: region = us-east-1: is not the file's name; rename the file to us-east-1\.yaml"
    ):
        load_prices(tmp_path)
    (folder / "eu-north-1.yaml").write_text(text.replace("published_on", "published_at"))
    with pytest.raises(InventoryError, match="published_at"):
        load_prices(tmp_path)


def test_commands_show_and_refresh(tmp_path: Path) -> None:
    root = make_scratch_checkout(tmp_path).root
    shown = tools.run([TIDEGATE, "cost", "prices", "refresh", "--offer-file", str(OFFER)], cwd=root).stdout
    assert shown == "clusters/prices/eu-north-1.yaml: 2 machines on demand, 0 spot, of 2026-11-20\n"
    own = root / "clusters/prices/eu-west-1.yaml"  # the region of live-1
    own.write_text((root / "clusters/prices/us-east-1.yaml").read_text().replace("region: us-east-1", "region: eu-west-1"))
    lines = tools.run([TIDEGATE, "cost", "prices", "show", "--on", "2026-12-01"], cwd=root).stdout.splitlines()
    assert [line.partition(" list price")[0] for line in lines] == [
        "live-1, eu-west-1: eu-west-1",
        "live-2, eu-central-1: us-east-1",
        "everything but machines: clusters/prices/services/us-east-1.yaml, each with its source and day",
    ]
    with pytest.raises(ToolError, match=r"us-east-1\.yaml: published_on = 2026-07-06: is 210 days ago") as old:
        tools.run([TIDEGATE, "cost", "prices", "show", "--on", "2027-02-01"], cwd=root)
    assert old.value.exit_code == 1
    assert "read it again with `tidegate cost prices refresh --offer-file <index.json of the region>` [prices-old]" in old.value.stderr
    with pytest.raises(ToolError, match="--spot-file belongs to a region; name its --offer-file, too"):
        tools.run([TIDEGATE, "cost", "prices", "refresh", "--spot-file", str(SPOT)], cwd=root)


def test_machine_that_was_metered_can_be_asked_for(tmp_path: Path) -> None:
    text = '// generated at 2026-07-06T14:20:29Z for us-east-1\n"m7i.xlarge": 0.201600, "m1.odd": 1.000000,\n'
    assert read_karpenter_list(text, "module v1", ["m1.odd"]).on_demand == {"m7i.xlarge": 0.2016, "m1.odd": 1}
    offer = tmp_path / "index.json"
    offer.write_text(OFFER.read_text().replace('"instanceType": "m7i.xlarge"', '"instanceType": "m1.odd"'))
    assert set(offered_table(offer, None).on_demand) == {"g6.xlarge"}
    assert set(offered_table(offer, None, ["m1.odd"]).on_demand) == {"g6.xlarge", "m1.odd"}
    with pytest.raises(UsageError, match=r"there is no price of m1\.none in it; look for the name in AWS's list of instance types"):
        offered_table(offer, None, ["m1.none"])


def test_day_to_come_is_a_finding_and_tomorrow_is_none() -> None:
    book, services = PRICES, load_service_prices(ROOT)
    published = date.fromisoformat(book.table().published_on)
    assert list(book.findings(date.fromordinal(published.toordinal() - 1))) == []
    (finding,) = book.findings(date.fromordinal(published.toordinal() - 2))
    assert str(finding) == (
        "clusters/prices/us-east-1.yaml: published_on = 2026-07-06: is 2 days from now, and no price is; "
        "read it again with `tidegate cost prices refresh` [prices-from-the-future]"
    )
    assert {each.rule for each in services.findings(date(2026, 11, 1))} == {"prices-from-the-future"}


def test_refresh_that_cannot_read_all_prices_writes_nothing(tmp_path: Path) -> None:
    """The ages of all tables are told at the end, and were once read after the table had been written."""
    root = make_scratch_checkout(tmp_path).root
    services = root / "clusters" / "prices" / "services" / "us-east-1.yaml"
    services.unlink()
    services.mkdir()
    before = sorted(path.name for path in (root / "clusters" / "prices").iterdir())
    with pytest.raises(ToolError) as refused:
        tools.run([TIDEGATE, "cost", "prices", "refresh", "--offer-file", str(OFFER)], cwd=root)
    assert "us-east-1.yaml" in refused.value.stderr
    assert sorted(path.name for path in (root / "clusters" / "prices").iterdir()) == before
