"""After a killed apply, what it left is recognised by name, by tags, or by what it refers to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tidegate.cloud.adoption import IMPORTS_FILE, Import, find_imports, remove_imports, write_imports
from tidegate.cloud.listed import ListedResource
from tidegate.cloud.state import Instance, State

STACK = "live-1-network"
CONFIGURATION: dict[str, Any] = {
    "resource": {
        "aws_vpc": {"main": {"cidr_block": "10.16.0.0/16", "tags": {"Name": "live-1"}}},
        "aws_route_table": {"public": {"vpc_id": "${aws_vpc.main.id}", "tags": {"Name": "live-1-public"}}},
        "aws_route": {"out": {"route_table_id": "${aws_route_table.public.id}", "destination_cidr_block": "0.0.0.0/0"}},
        "aws_iam_role": {"logs": {"name": "live-1-flow-logs"}},
        "aws_s3_bucket_versioning": {"models": {"bucket": "${aws_s3_bucket.models.id}"}},
    }
}


def test_resource_is_recognised_by_the_tags_of_its_stack() -> None:
    ours = ListedResource("aws_vpc", "vpc-1", "eu-west-1", "live-1", STACK)
    theirs = ListedResource("aws_vpc", "vpc-2", "eu-west-1", "live-1", "live-2-network")
    assert find_imports(CONFIGURATION, STACK, None, [theirs, ours]) == [Import("aws_vpc.main", "vpc-1")]


def test_resource_is_recognised_by_the_arguments_that_name_it() -> None:
    listed = [ListedResource("aws_iam_role", "live-1-flow-logs", "global")]
    assert find_imports(CONFIGURATION, STACK, None, listed) == [Import("aws_iam_role.logs", "live-1-flow-logs")]


def test_resource_is_recognised_by_what_it_refers_to() -> None:
    state = State("lineage", 1, {}, (Instance(address="aws_vpc.main", type="aws_vpc", attributes={"id": "vpc-1"}),))
    listed = [
        ListedResource("aws_route", "rtb-1_0.0.0.0/0", "eu-west-1"),
        ListedResource("aws_route", "rtb-9_0.0.0.0/0", "eu-west-1"),
        ListedResource("aws_route_table", "rtb-1", "eu-west-1", "live-1-public", STACK),
    ]
    found = find_imports(CONFIGURATION, STACK, state, listed)
    assert found == [Import("aws_route_table.public", "rtb-1"), Import("aws_route.out", "rtb-1_0.0.0.0/0")]


def test_what_state_holds_is_not_adopted_again() -> None:
    state = State("lineage", 1, {}, (Instance(address="aws_vpc.main", type="aws_vpc", attributes={"id": "vpc-1"}),))
    assert find_imports(CONFIGURATION, STACK, state, [ListedResource("aws_vpc", "vpc-1", "eu-west-1", "live-1", STACK)]) == []


def test_imports_are_written_beside_the_stack_and_removed(tmp_path: Path) -> None:
    configuration = {**CONFIGURATION, "import": [{"to": "aws_iam_role.logs", "id": "live-1-flow-logs"}]}
    (tmp_path / "cdk.tf.json").write_text(json.dumps(configuration))
    listed = [
        ListedResource("aws_vpc", "vpc-1", "eu-west-1", "live-1", STACK),
        ListedResource("aws_iam_role", "live-1-flow-logs", "global"),
    ]
    assert write_imports(tmp_path, STACK, None, listed) == 1
    assert json.loads((tmp_path / IMPORTS_FILE).read_text()) == {"import": [{"to": "aws_vpc.main", "id": "vpc-1"}]}
    remove_imports(tmp_path)
    assert not (tmp_path / IMPORTS_FILE).exists()
