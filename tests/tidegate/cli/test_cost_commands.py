"""What a person or a program sees of `tidegate cost`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.prices import PRICES
from tests.root import ROOT
from tests.scratch_checkout import make_scratch_checkout
from tidegate import tools
from tidegate.errors import ToolError
from tidegate.facts import inventory, numerals
from tidegate.metering.costs import simulate

TIDEGATE = str(ROOT / ".venv" / "bin" / "tidegate")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ledger")
    simulate(inventory.load(ROOT), "live-1", 1, folder, PRICES)
    return folder


def refusal(*command: str, cwd: Path = ROOT) -> ToolError:
    with pytest.raises(ToolError) as caught:
        tools.run([TIDEGATE, "cost", *command], cwd=cwd)
    return caught.value


def answered(*command: str, cwd: Path = ROOT) -> str:
    return tools.run([TIDEGATE, "cost", *command], cwd=cwd).stdout


def test_month_is_shown_by_model_and_by_who_pays(ledger: Path) -> None:
    shown = answered("show", "--month", "2026-11", "--ledger", str(ledger))
    lines = [[cell.strip() for cell in line.strip("│ ").split("│")] for line in shown.splitlines()]
    (total,) = [line[-1] for line in lines if line[0] == "the bill of the nodes"]
    payers = [
        line for line in lines if line[0] in {"assistant", "credit", "fraud", "merchants", "scoring", "shared", "idle"} and len(line) == 6
    ]
    assert [line[0] for line in payers] == ["assistant", "credit", "fraud", "merchants", "scoring", "shared", "idle"]
    cents = [int(line[-1].replace(",", "").replace(".", "")) for line in payers]
    assert numerals.usd_of_cents(sum(cents)) == total
    assert ["assistant/chat", "on-demand", "serving"] in [line[:3] for line in lines]


def test_month_is_answered_to_programs_in_whole_cents(ledger: Path) -> None:
    answer = json.loads(answered("show", "--month", "2026-11", "--ledger", str(ledger), "--json"))
    assert (answer["month"], answer["regions"]) == ("2026-11", ["live-1"])
    bill = answer["bill"]
    assert sum(row["usd_cents"] for row in bill["rows"]) == sum(one["usd_cents"] for one in bill["sums"]) == bill["usd_cents"]
    assert {row["owner"] for row in bill["rows"]} == {"tenant", "shared", "idle"}


def test_month_without_a_ledger_is_wrong_usage(tmp_path: Path) -> None:
    error = refusal("show", "--month", "2026-11", "--ledger", str(tmp_path))
    assert (error.exit_code, error.stderr) == (2, "nothing was metered in 2026-11; start the meter with `tidegate cost meter`\n")
    assert refusal("show", "--month", "2026-00").stderr == "2026-00 is no month; write it as 2026-11\n"


def test_damaged_ledger_is_named_and_left_alone(ledger: Path, tmp_path: Path) -> None:
    lines = (ledger / "live-1" / "2026-11.jsonl").read_bytes().splitlines(keepends=True)
    path = tmp_path / "live-1" / "2026-11.jsonl"
    path.parent.mkdir()
    path.write_bytes(b"".join([*lines[:7], lines[7].replace(b"assistant", b"somebody", 1).replace(b"fraud", b"nobod", 1), *lines[8:]]))
    before = path.read_bytes()
    error = refusal("show", "--month", "2026-11", "--ledger", str(tmp_path))
    assert error.exit_code == 1
    assert error.stderr.startswith(f"{path}:8: is not what the meter wrote; restore the file from a copy [ledger-line-damaged]\n1 finding;")
    assert path.read_bytes() == before


def test_day_is_simulated_the_same_for_people_and_programs() -> None:
    assert "assistant/chat: 8.55 GPU-hours; always on it would be 24\n" in answered("simulate")
    assert "live-2, eu-central-1: us-east-1 list price of 2026-07-06" in answered("simulate", "--region", "live-2")
    answer = json.loads(answered("simulate", "--seed", "1", "--json"))
    assert {one["model"]: one["gpu_hours"] <= 9 for one in answer["always_on"]}["assistant/chat"]
    assert refusal("simulate", "--region", "live-9").stderr == "no region 'live-9'; there are live-1, live-2\n"


def test_change_of_a_floor_is_told_in_money(tmp_path: Path) -> None:
    checkout = make_scratch_checkout(tmp_path).root
    git = ["git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.com"]
    tools.run(["git", "init", "--quiet"], cwd=checkout)
    tools.run([*git, "add", "clusters", "gitops"], cwd=checkout)
    tools.run([*git, "commit", "--quiet", "--message", "first"], cwd=checkout)
    path = checkout / "gitops" / "tenants" / "merchants.yaml"
    path.write_text(path.read_text().replace("min_replicas: 2", "min_replicas: 3"))
    answer = json.loads(answered("diff", "HEAD", "--json", cwd=checkout))
    assert answer["tenants"] == json.loads(tools.run([TIDEGATE, "diff", "HEAD", "--json"], cwd=checkout).stdout)["tenants"]
    (change,) = answer["tenants"]
    assert change["tenant"] == "merchants"
    assert change["after"]["usd_per_month"] > change["before"]["usd_per_month"]
    # The file is changed and not rendered yet: nodes are counted from what is rendered.
    kept = {(one["cluster"], one["pool"]): (one["instance_type"], one["before"], one["after"]) for one in answer["nodes"]}
    assert kept["live-1", "h100-slices"] == ("p5.4xlarge", 2, 2)
    tools.run([TIDEGATE, "render"], cwd=checkout)
    rendered = json.loads(answered("diff", "HEAD", "--json", cwd=checkout))
    whole = {
        change["tenant"]: change["after"]["whole_nodes_usd_per_month"] - change["before"]["whole_nodes_usd_per_month"]
        for change in rendered["tenants"]
    }
    total = rendered["after"]["whole_nodes_usd_per_month"] - rendered["before"]["whole_nodes_usd_per_month"]
    assert whole["merchants"] > 0
    for side in ("before", "after"):
        nodes = sum(one[f"usd_per_month_{side}"] for one in rendered["nodes"])
        assert nodes == pytest.approx(rendered[side]["whole_nodes_usd_per_month"], abs=0.03)
    assert sum(whole.values()) == pytest.approx(total, abs=0.05), "a third replica shares nodes that others paid for"
    shown = answered("diff", "HEAD", cwd=checkout)
    assert "Nodes that floors keep alive" in shown
    assert "USD per month, whole nodes" in shown
    assert "live-1, eu-west-1: us-east-1 list price of 2026-07-06" in shown
    assert refusal("diff", "nowhere", cwd=checkout).exit_code == 2


def test_month_is_shown_beside_the_reference_and_answered_to_programs() -> None:
    shown = answered("month", "--region", "live-2")
    assert "Beside the reference" in shown
    rows = {cells[0]: cells[1:] for line in shown.splitlines() if len(cells := [cell.strip() for cell in line.strip("│ ").split("│")]) == 3}
    assert [rows[group][1] for group in ("GPU", "CPU", "control, network and mesh", "observability and the rest")] == [
        "6,000", "3,000", "2,000", "2,500",
    ]  # fmt: skip
    assert rows["all"][1] == "13,500"
    assert float(rows["all"][0].replace(",", "")) < 13_500
    assert "live-2, eu-central-1: us-east-1 list price of 2026-07-06" in shown
    assert re.search(
        r"The region's own prices are not known here\. Up to [0-9.]+ % above these, the month stays below the reference\.", shown
    )
    answer = json.loads(answered("month", "--region", "live-2", "--json"))
    assert (
        numerals.usd_of_cents(sum(line["usd_cents"] for line in answer["lines"]))
        == numerals.usd_of_cents(answer["usd_cents"])
        == rows["all"][0]
    )
    assert refusal("month", "--region", "live-9").stderr.endswith("no region 'live-9'; there are live-1, live-2\n")


POOLS = ("a10g-spot", "cpu", "cpu-spot", "h100-slices", "l4-whole")


def test_advice_names_savings_and_what_to_check() -> None:
    answer = {(one["cluster"], one["pool"]): one for one in json.loads(answered("advise", "--json"))}
    assert set(answer) == {(cluster, pool) for cluster in ("live-1", "live-2") for pool in POOLS}
    shown = answered("advise")
    assert "live-1/h100-slices" in shown
    assert "g6f.4xlarge: offered in eu-central-1? aws ec2 describe-instance-type-offerings --region eu-central-1" in shown


def test_meter_without_a_region_says_how_to_get_one(tmp_path: Path) -> None:
    checkout = make_scratch_checkout(tmp_path).root
    assert refusal("meter", cwd=checkout).stderr.endswith("no region runs here; bring it up with `tidegate up`, or name its --kubeconfig\n")
    error = refusal("meter", "--region", "live-9", cwd=checkout)
    assert (error.exit_code, error.stderr) == (2, "no region 'live-9'; there are live-1, live-2\n")
    assert refusal("meter", "--kubeconfig", "k", cwd=checkout).stderr == "--kubeconfig is that of one region; name it with --region\n"
