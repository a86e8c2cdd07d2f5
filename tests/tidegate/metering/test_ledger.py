"""The ledger outlives whoever writes it, and says so when it does not."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.prices import PRICES
from tests.root import ROOT
from tidegate import tools
from tidegate.errors import LedgerError, ToolError, UsageError
from tidegate.facts.cluster import CapacityType
from tidegate.facts.prices.tables import PriceBook, Tariff
from tidegate.metering.billing.allotment import Owner, Reason
from tidegate.metering.billing.entries import DAY_MS, LedgerEntry, NodeTime, Use
from tidegate.metering.costs import month_cost
from tidegate.metering.ledger import month_of, open_ledger, read_month

TARIFF = Tariff(PRICES)

BEGIN_MS = 1_793_577_600_000  # 2026-11-02
REGION = "live-1"


def entry(number: int, *, instance_type: str = "g6.xlarge", region: str = REGION, begin_ms: int = BEGIN_MS) -> LedgerEntry:
    time = NodeTime(instance_type=instance_type, capacity=CapacityType.SPOT, node_us=1000 + number)
    use = Use(
        **time.model_dump(), owner=Owner.TENANT, reason=Reason.SERVING, tenant="assistant", model="chat", card_us=1, cpu_millicore_ms=1,
        memory_mib_ms=1,
    )  # fmt: skip
    return LedgerEntry(region=region, start_ms=begin_ms + number * 1000, end_ms=begin_ms + (number + 1) * 1000, nodes=(time,), uses=(use,))


def write(folder: Path, entries: Sequence[LedgerEntry]) -> Path:
    with open_ledger(folder, REGION) as ledger:
        for one in entries:
            ledger.append(one)
    return folder / REGION / f"{month_of(entries[-1].start_ms)}.jsonl"


def read(folder: Path, month: str = "2026-11") -> list[LedgerEntry]:
    return [one for file in read_month(folder, month) for one in file.entries]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    entries = [entry(0), entry(1)]
    path = write(tmp_path, entries)
    assert path.name == "2026-11.jsonl"
    assert len(path.read_text().splitlines()) == 2
    assert read(tmp_path) == entries


def test_meter_that_begins_anew_goes_on_at_the_end(tmp_path: Path) -> None:
    write(tmp_path, [entry(0)])
    with open_ledger(tmp_path, REGION) as ledger:
        assert ledger.end_ms == entry(0).end_ms
        ledger.append(entry(1))
    assert read(tmp_path) == [entry(0), entry(1)]


def test_killed_at_any_byte_of_a_line_everything_before_stays(tmp_path: Path) -> None:
    path = write(tmp_path, [entry(0), entry(1)])
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        assert read(tmp_path) == [entry(0)]  # a reader needs no repair, and makes none
        assert path.stat().st_size == cut
        write(tmp_path, [entry(1)])
        assert path.read_bytes() == whole


def test_killed_in_the_first_line_of_a_month_it_goes_on_from_the_month_before(tmp_path: Path) -> None:
    write(tmp_path, [entry(0)])
    later = write(tmp_path, [entry(0, begin_ms=BEGIN_MS + 30 * DAY_MS)])
    later.write_bytes(later.read_bytes()[:20])
    with open_ledger(tmp_path, REGION) as ledger:
        assert ledger.end_ms == entry(0).end_ms
    assert later.read_bytes() == b""


def test_killed_process_leaves_a_ledger_that_goes_on(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tests.tidegate.metering.test_ledger import REGION, entry\n"
        "from tidegate.metering.ledger import open_ledger\n"
        "with open_ledger(Path(sys.argv[1]), REGION) as ledger:\n"
        "    for number in range(5): ledger.append(entry(number))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with pytest.raises(ToolError, match="exit code -9"):
        tools.run([str(ROOT / ".venv/bin/python"), "-c", program, str(tmp_path)], cwd=ROOT)
    write(tmp_path, [entry(5)])
    assert read(tmp_path) == [entry(number) for number in range(6)]


Change = Callable[[list[bytes]], list[bytes]]


def damaged(folder: Path, change: Change) -> tuple[Path, bytes]:
    path = write(folder, [entry(number) for number in range(4)])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(change(lines)))
    return path, path.read_bytes()


DAMAGES: dict[str, tuple[int, Change, str]] = {
    "a byte": (2, lambda lines: [lines[0], lines[1].replace(b"1001", b"1009"), *lines[2:]], "is not what the meter wrote"),
    "a line cut": (2, lambda lines: [lines[0], lines[1][:30] + b"\n", *lines[2:]], "is not what the meter wrote"),
    "a line lost": (2, lambda lines: [lines[0], *lines[2:]], "does not follow the line before"),
    "a line doubled": (2, lambda lines: [lines[0], *lines], "does not follow the line before"),
    "lines swapped": (2, lambda lines: [lines[0], lines[2], lines[1], lines[3]], "does not follow the line before"),
    "the first lost": (1, lambda lines: lines[1:], "does not follow the line before"),
    "an empty line": (3, lambda lines: [*lines[:2], b"\n", *lines[2:]], "is not what the meter wrote"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named_by_file_and_line_and_nothing_is_changed(tmp_path: Path, name: str) -> None:
    line, change, problem = DAMAGES[name]
    path, content = damaged(tmp_path, change)
    for use in (lambda: read(tmp_path), lambda: write(tmp_path, [entry(9)])):
        with pytest.raises(LedgerError) as caught:
            use()
        assert str(caught.value).startswith(f"{path}:{line}: ")
        (finding,) = caught.value.findings  # what follows it is not accused
        assert problem in finding.problem
        assert path.read_bytes() == content


def test_line_that_would_count_time_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [entry(0), entry(0)])
    with pytest.raises(LedgerError, match=rf"^{path}:2: entry.start_ms = {BEGIN_MS}: begins before the line before ends"):
        read(tmp_path)


def test_ledger_of_another_region_or_month_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [entry(0, region="live-2")])
    with pytest.raises(LedgerError, match=r"2026-11.jsonl:1: entry.region = live-2: stands in the ledger of live-1"):
        read(tmp_path)
    path = tmp_path / REGION / "2026-11.jsonl"
    path.rename(path.with_name("2026-12.jsonl"))
    with pytest.raises(LedgerError, match=r"2026-12.jsonl:1: previous = .*does not follow"):
        read(tmp_path, "2026-12")


def test_second_meter_is_refused(tmp_path: Path) -> None:
    with (
        open_ledger(tmp_path, REGION),
        pytest.raises(UsageError, match=r"another meter writes .*live-1; one is enough"),
        open_ledger(tmp_path, REGION),
    ):
        pass


def test_ledger_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with open_ledger(tmp_path, REGION) as ledger:
        (tmp_path / REGION / "2026-11.jsonl").mkdir()
        with pytest.raises(LedgerError, match=r"2026-11.jsonl: cannot be written: .*Is a directory.*\[ledger-unwritable\]"):
            ledger.append(entry(0))


@pytest.mark.parametrize("month", ["2026-13", "november", "2026-1", "../x"])
def test_month_that_is_none_is_refused(tmp_path: Path, month: str) -> None:
    with pytest.raises(UsageError, match=r"is no month; write it as 2026-11"):
        month_cost(tmp_path, month, TARIFF)


def test_month_without_a_ledger_is_no_zero(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing was metered in 2026-11; start the meter with `tidegate cost meter`"):
        month_cost(tmp_path, "2026-11", TARIFF)
    write(tmp_path, [entry(0)])
    with pytest.raises(UsageError, match=r"nothing was metered in 2026-10; there are 2026-11"):
        month_cost(tmp_path, "2026-10", TARIFF)


def test_empty_ledger_is_no_zero(tmp_path: Path) -> None:
    path = write(tmp_path, [entry(0)])
    os.truncate(path, 0)
    with pytest.raises(LedgerError, match=rf"^{path}: holds no finished line: nothing was metered, which is not the same as nothing spent"):
        month_cost(tmp_path, "2026-11", TARIFF)


@pytest.mark.parametrize(
    ("metered", "remedy"),
    [
        ("g6.xlarge", "read the region's prices again with `tidegate cost prices refresh`"),
        ("z9.huge", "read the region's prices again with `tidegate cost prices refresh --also z9.huge`"),
        ("", "label such nodes with node.kubernetes.io/instance-type; this one stays without a price"),
    ],
    ids=["of-a-pool", "of-no-pool", "without-a-name"],
)
def test_machine_without_a_price_is_a_finding_and_no_zero(tmp_path: Path, metered: str, remedy: str) -> None:
    path = write(tmp_path, [entry(0, instance_type="m7i.xlarge"), entry(1, instance_type=metered)])
    table = PRICES.table()
    few = table.model_copy(update={"on_demand": {"m7i.xlarge": table.on_demand["m7i.xlarge"]}})
    with pytest.raises(LedgerError) as caught:
        month_cost(tmp_path, "2026-11", Tariff(PriceBook({table.region: few})))
    shown = metered or "(none)"
    assert str(caught.value) == (
        f"{path}:2: entry.nodes.instance_type = {shown}: has no price, so there is no bill; {remedy} [price-missing]"
    )


def test_bill_is_that_of_all_regions(tmp_path: Path) -> None:
    write(tmp_path, [entry(0)])
    with open_ledger(tmp_path, "live-2") as ledger:
        ledger.append(entry(0, region="live-2"))
    found = month_cost(tmp_path, "2026-11", TARIFF)
    assert found.regions == ("live-1", "live-2")
    assert [row.tenant for row in found.bill.rows] == ["assistant"]
