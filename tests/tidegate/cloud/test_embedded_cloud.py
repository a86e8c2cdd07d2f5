"""Two regions stand up with the real Terraform, survive what befalls their state, and go without a trace.

One platform serves all tests of this file, in order; it takes some minutes to stand up.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.resolver import Resolver
from tests.root import ROOT, WHOLE
from tests.scratch_checkout import make_scratch_checkout
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud import listing
from tidegate.cloud.account import Account
from tidegate.cloud.state import StateStore, stores
from tidegate.cloud.toolchain import terraform_environment
from tidegate.embedded import edge_addresses, emulator
from tidegate.errors import CloudError, ToolError
from tidegate.facts import inventory

TIDEGATE = str(ROOT / ".venv" / "bin" / "tidegate")

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(1500)]


@dataclass
class Standing:
    """A platform that stands: the checkout, what the killed run printed, and what the one after it answered and printed."""

    checkout: Checkout
    killed_output: str
    answer: dict[str, Any]
    output: str

    @property
    def account(self) -> Account:
        found = emulator.find_running(self.checkout)
        assert found
        return Account(found.endpoint)

    @property
    def stores(self) -> dict[str, StateStore]:
        return stores(inventory.load(self.checkout.root), self.account)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """The platform, brought up by a run that is killed in the middle of `live-1-network`, and by the run after it."""
    checkout = make_scratch_checkout(tmp_path_factory.mktemp("checkout"))
    log = checkout.root / "killed.log"
    try:
        run = tools.start_server([TIDEGATE, "up", "--without-regions"], log_path=log, cwd=checkout.root)
        try:
            wait_until("aws_vpc.main Creation complete", log, run)
        finally:
            kill_with_all_it_started(run, checkout)
        output: list[str] = []
        answer = up(checkout, output)
        yield Standing(checkout, log.read_text(), answer, "\n".join(output))
    finally:
        emulator.stop(checkout)


def up(checkout: Checkout, output: list[str] | None = None) -> dict[str, Any]:
    done = tools.run([TIDEGATE, "up", "--without-regions", "--json"], cwd=checkout.root, timeout_seconds=1200)
    if output is not None:
        output.append(done.stderr)
    return json.loads(done.stdout)


def wait_until(what: str, log: Path, run: tools.ServerProcess) -> None:
    while what not in log.read_text():
        assert tools.is_running(run), f"the run ended before {what}:\n{log.read_text()}"
        time.sleep(0.05)


def kill_with_all_it_started(run: tools.ServerProcess, checkout: Checkout) -> None:
    """As a machine that loses power would: nothing gets to write anything. The emulator is the cloud, and stays."""
    cloud = emulator.find_running(checkout)
    family = [run, *tools.descendants(run.pid)]
    for member in family:
        if (cloud is None or member.pid != cloud.process.pid) and tools.is_running(member):
            os.kill(member.pid, signal.SIGKILL)
    while any(tools.is_running(member) for member in family if cloud is None or member.pid != cloud.process.pid):
        time.sleep(0.05)


def refusal(command: list[str], cwd: Path, env: dict[str, str] | None = None) -> ToolError:
    with pytest.raises(ToolError) as caught:
        tools.run(command, cwd=cwd, env=env)
    return caught.value


@pytest.fixture
def watched(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """An environment whose terraform tells its version, writes down what else it was asked, and fails."""
    log = tmp_path / "asked"
    log.touch()
    program = tmp_path / "terraform"
    real = tools.find("terraform")
    program.write_text(f'#!/bin/sh\n[ "$1" = version ] && exec {real} "$@"\necho "$@" >> {log}\nexit 97\n')
    program.chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}, log


def test_killed_apply_resumes_without_a_duplicate_or_an_orphan(standing: Standing) -> None:
    assert "live-1-network" in standing.killed_output
    assert "resuming after a killed run" in standing.output
    by_cluster = standing.stores
    states = [state for stack in standing.answer["cloud"]["stacks"] if (state := read(by_cluster, stack["name"]))]
    listed = listing.list_account([store.clients for store in by_cluster.values()])
    assert len([one for one in listed if one.type == "aws_vpc"]) == 2
    assert listing.held_by_none(listed, states) == []
    assert listing.missing_from(listed, states) == []


def read(by_cluster: dict[str, StateStore], stack: str) -> Any:
    cluster, _, short = stack.rpartition("-")
    return by_cluster[cluster].read_state(short)


def test_two_regions_stand_and_the_account_lists_every_resource(standing: Standing) -> None:
    cloud = standing.answer["cloud"]
    assert cloud["resources"] >= 120
    assert cloud["listed"] == cloud["resources"]
    regions = {stack["name"].rsplit("-", 1)[0] for stack in cloud["stacks"]}
    assert regions == {"live-1", "live-2"}
    status = json.loads(tools.run([TIDEGATE, "status", "--json"], cwd=standing.checkout.root).stdout)
    assert status["cloud"]["resources"] == cloud["resources"]


def test_what_was_not_applied_is_named_with_its_reason(standing: Standing) -> None:
    left_out = standing.answer["cloud"]["not_applied_locally"]
    assert {"aws_eks_addon", "aws_eks_access_entry", "aws_eks_pod_identity_association", "helm_release"} <= {
        one["type"] for one in left_out
    }
    assert all(one["reason"] for one in left_out)
    assert standing.answer["simulated"] == ["AWS API (moto)"]


def test_second_up_starts_no_terraform(standing: Standing, watched: tuple[dict[str, str], Path]) -> None:
    environment, log = watched
    done = tools.run([TIDEGATE, "up", "--without-regions", "--json"], cwd=standing.checkout.root, env=environment)
    answer = json.loads(done.stdout)
    assert {stack["action"] for stack in answer["cloud"]["stacks"]} == {"unchanged"}
    assert answer["cloud"]["resources"] == standing.answer["cloud"]["resources"]
    assert log.read_text() == ""


def test_missing_state_is_a_hard_stop_with_the_way_back(standing: Standing, watched: tuple[dict[str, str], Path]) -> None:
    environment, log = watched
    store = standing.stores["live-1"]
    store.clients.s3.delete_object(Bucket=store.bucket, Key=store.state_key("registry"))
    error = refusal([TIDEGATE, "up", "--without-regions"], standing.checkout.root, environment)
    assert "live-1-registry: state: the state object is gone, but an apply left" in error.stderr
    assert "run `tidegate cloud restore-state live-1-registry`; nothing was planned or changed [state-missing]" in error.stderr
    assert log.read_text() == ""
    tools.run([TIDEGATE, "cloud", "restore-state", "live-1-registry"], cwd=standing.checkout.root)
    answer = json.loads(tools.run([TIDEGATE, "up", "--without-regions", "--json"], cwd=standing.checkout.root, env=environment).stdout)
    assert {stack["action"] for stack in answer["cloud"]["stacks"]} == {"unchanged"}


def test_missing_state_without_a_record_is_found_by_tags(standing: Standing, watched: tuple[dict[str, str], Path]) -> None:
    environment, log = watched
    store = standing.stores["live-2"]
    record = store.read_record("network")
    assert record
    for key in (store.state_key("network"), "live-2/network.record.json"):
        store.clients.s3.delete_object(Bucket=store.bucket, Key=key)
    error = refusal([TIDEGATE, "up", "--without-regions"], standing.checkout.root, environment)
    assert "live-2-network: state: there is no state, but" in error.stderr
    assert "resources in the account bear this stack's tags" in error.stderr
    assert log.read_text() == ""
    store.restore_state("network")
    store.write_record("network", record)


def test_second_writer_is_refused_by_the_lock(standing: Standing) -> None:
    store, folder = standing.stores["live-1"], standing.checkout.synthesised / "stacks" / "live-1-edge"
    lock = {
        "ID": "0f0e0d0c-0b0a-0908-0706-050403020100", "Operation": "OperationTypeApply", "Info": "", "Who": "somebody@elsewhere",
        "Version": "1.11.4", "Created": "2026-11-21T08:00:00Z", "Path": f"{store.bucket}/{store.state_key('edge')}",
    }  # fmt: skip
    key = f"{store.state_key('edge')}.tflock"
    store.clients.s3.put_object(Bucket=store.bucket, Key=key, Body=json.dumps(lock).encode())
    environment = {**terraform_environment(standing.checkout), **standing.account.environment()}
    try:
        by_terraform = refusal(["terraform", "plan", "-no-color"], folder, environment)
        assert "Error acquiring the state lock" in by_terraform.stderr
        by_tidegate = refusal([TIDEGATE, "up", "--without-regions"], standing.checkout.root)
        assert (
            "live-1-edge: state = since 2026-11-21T08:00:00Z: somebody@elsewhere holds the lock (OperationTypeApply); "
            "wait until it ends and run this again; should it be dead, "
            "`tidegate cloud unlock live-1-edge --id 0f0e0d0c-0b0a-0908-0706-050403020100` [state-locked]"
        ) in by_tidegate.stderr
        wrong = refusal([TIDEGATE, "cloud", "unlock", "live-1-edge", "--id", "another"], standing.checkout.root)
        assert "live-1-edge is locked by somebody@elsewhere with id 0f0e0d0c-0b0a-0908-0706-050403020100, not another" in wrong.stderr
        tools.run([TIDEGATE, "cloud", "unlock", "live-1-edge", "--id", lock["ID"]], cwd=standing.checkout.root)
        assert store.read_lock("edge") is None
    finally:
        store.clients.s3.delete_object(Bucket=store.bucket, Key=key)


def test_each_failover_name_leads_to_the_edge_of_the_region_that_is_well(standing: Standing) -> None:
    """What `tidegate up` writes with regions: the tests after this one show that terraform neither minds it nor leaves it behind."""
    platform = inventory.load(standing.checkout.root)
    addresses = {"live-1": "172.31.250.11", "live-2": "172.31.250.12"}
    edge_addresses.write(standing.account, platform.clusters, addresses)
    written = edge_addresses.write(standing.account, platform.clusters, addresses)  # a second `up` writes the same
    assert written == {f"{prefix}{name}.models.example.com": address for name, address in addresses.items() for prefix in ("", "*.")}
    for region, cluster in platform.clusters.items():
        api = standing.account.in_region(cluster.region).route53
        (zone,) = api.list_hosted_zones()["HostedZones"]
        resolver = Resolver.of_zone(api, zone["Id"])
        for tenant in platform.tenants_of(region):
            assert resolver.address(tenant.host_in(cluster.edge.zone_name), region) == addresses[region]
        checks = [one["HealthCheckConfig"].get("FullyQualifiedDomainName") for one in api.list_health_checks()["HealthChecks"]]
        assert cluster.domain in checks
        assert resolver.address(cluster.domain, region) == addresses[region]


def test_of_two_zones_of_one_name_the_public_one_is_written_and_two_public_ones_are_refused(standing: Standing) -> None:
    clusters = inventory.load(standing.checkout.root).clusters
    api = standing.account.in_region(clusters["live-1"].region).route53
    (ours,) = api.list_hosted_zones()["HostedZones"]

    def write_beside(made: str) -> None:
        try:
            edge_addresses.write(standing.account, clusters, {"live-1": "172.31.250.11"})
            assert len(api.list_resource_record_sets(HostedZoneId=made)["ResourceRecordSets"]) <= 2, "NS and SOA alone"
        finally:
            api.delete_hosted_zone(Id=made)

    private = api.create_hosted_zone(
        Name=ours["Name"], CallerReference="private", HostedZoneConfig={"PrivateZone": True},
        VPC={"VPCRegion": "eu-central-1", "VPCId": "vpc-0123456789abcdef0"},
    )  # fmt: skip
    write_beside(private["HostedZone"]["Id"])
    public = api.create_hosted_zone(Name=ours["Name"], CallerReference="public")
    with pytest.raises(
        CloudError, match=r"models\.example\.com: there are 2 public zones of this name, .*: delete those that no stack made"
    ):
        write_beside(public["HostedZone"]["Id"])


def test_terraform_wants_no_change_after_an_apply(standing: Standing) -> None:
    environment = {**terraform_environment(standing.checkout), **standing.account.environment()}
    for stack in ("live-1-network", "live-1-edge", "live-2-registry"):
        folder = standing.checkout.synthesised / "stacks" / stack
        tools.run(["terraform", "plan", "-no-color", "-detailed-exitcode", "-lock=false"], cwd=folder, env=environment)


@pytest.mark.skipif(not WHOLE, reason="destroying every stack takes minutes; the tests on regions take their few down the same way")
def test_down_leaves_no_resource_and_no_process(standing: Standing) -> None:
    running = emulator.find_running(standing.checkout)
    assert running
    answer = json.loads(tools.run([TIDEGATE, "down", "--json"], cwd=standing.checkout.root, timeout_seconds=1200).stdout)
    assert answer == {"destroyed": standing.answer["cloud"]["resources"], "left_over": []}
    assert not tools.is_running(running.process)
    assert emulator.find_running(standing.checkout) is None
