"""The real provider knows every attribute the stacks use; raw resources have no other type check (decision 0002)."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from infra.not_applied_locally import NOT_APPLIED_STACKS
from tests.infra.synthesis import Synthesis, without_metadata
from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud.toolchain import terraform_environment
from tidegate.errors import ToolError

pytestmark = pytest.mark.terraform


def validate(folder: Path, stacks: dict[str, Any]) -> str:
    """Runs `terraform validate` once over all `stacks`, as child modules of one root: starting the provider costs seconds.

    A child module has neither a backend nor import blocks; both are exercised by every apply to the emulator.
    """
    for name, document in stacks.items():
        module = folder / name
        module.mkdir(parents=True)
        child = {key: value for key, value in without_metadata(document).items() if key != "import"}
        child["terraform"] = {key: value for key, value in child["terraform"].items() if key != "backend"}
        (module / "cdk.tf.json").write_text(json.dumps(child))
    (folder / "main.tf.json").write_text(json.dumps({"module": {name: {"source": f"./{name}"} for name in stacks}}))
    environment = terraform_environment(Checkout(ROOT))
    tools.run(["terraform", "init", "-backend=false"], cwd=folder, env=environment, timeout_seconds=120)
    return tools.run(["terraform", "validate"], cwd=folder, env=environment, timeout_seconds=300).stdout


def test_provider_accepts_every_production_stack(production: Synthesis, tmp_path: Path) -> None:
    stacks = {name: document for name, document in production.stacks.items() if name.split("-", 2)[2] not in NOT_APPLIED_STACKS}
    assert len(stacks) == 16
    assert "The configuration is valid" in validate(tmp_path, stacks)


def test_mistyped_attribute_is_refused_by_name(production: Synthesis, tmp_path: Path) -> None:
    network = copy.deepcopy(production.stacks["live-1-network"])
    vpc = network["resource"]["aws_vpc"]["main"]
    vpc["cidr_blokc"] = vpc["cidr_block"]
    with pytest.raises(ToolError, match='No argument or block type is named "cidr_blokc"'):
        validate(tmp_path, {"live-1-network": network})


def test_value_the_provider_does_not_know_is_refused(production: Synthesis, tmp_path: Path) -> None:
    registry = copy.deepcopy(production.stacks["live-1-registry"])
    lock = registry["resource"]["aws_s3_bucket_object_lock_configuration"]["audit"]
    lock["rule"][0]["default_retention"][0]["mode"] = "COMPLIANT"
    with pytest.raises(ToolError, match="COMPLIANT"):
        validate(tmp_path, {"live-1-registry": registry})
