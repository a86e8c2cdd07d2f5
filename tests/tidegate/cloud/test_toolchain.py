"""What the machine lacks is told with the way to get it; providers come from a mirror where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.constructs.stack import AWS_PROVIDER_VERSION as SYNTHESISED_VERSION
from tests.root import ROOT
from tidegate.checkout import Checkout, find_checkout
from tidegate.cli import doctor
from tidegate.cloud import toolchain
from tidegate.errors import DoctorError


def test_missing_programs_are_told_with_their_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = [str(finding) for finding in toolchain.missing(Checkout(tmp_path))]
    assert "terraform: not found; install Terraform 1.10 or newer (native S3 lock files) [tool-missing]" in lines
    assert "node_modules: no cdktf command; run `make setup` [environment-missing]" in lines
    assert len(lines) == len(toolchain.REQUIREMENTS) + 2


def test_old_program_is_told_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "node").write_text("#!/bin/sh\necho v18.1.0\n")
    (tmp_path / "node").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = [str(finding) for finding in toolchain.missing(Checkout(tmp_path))]
    assert "node = 18.1.0: too old; install Node.js 20 or newer [tool-too-old]" in lines


def test_variable_that_names_no_mirror_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(toolchain.PROVIDER_MIRROR_VARIABLE, str(tmp_path))
    with pytest.raises(DoctorError) as caught:
        toolchain.find_provider_mirror()
    assert str(caught.value) == (
        f"TIDEGATE_PROVIDER_MIRROR = {tmp_path}: no registry.terraform.io in it; point it at a mirror [provider-mirror]"
    )


def test_variable_that_names_no_mirror_hides_no_other_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(toolchain.PROVIDER_MIRROR_VARIABLE, str(tmp_path))
    rules = [finding.rule for finding in toolchain.missing(Checkout(tmp_path))]
    assert rules.count("provider-mirror") == 1
    assert {"tool-missing", "environment-missing"} < set(rules)
    found, findings, _ = doctor.examine(with_regions=False)
    assert [finding.rule for finding in findings] == [*["tool-missing"] * len(toolchain.REQUIREMENTS), "provider-mirror"]
    assert doctor.rows_of(found)[-1] == (
        "aws provider",
        toolchain.AWS_PROVIDER_VERSION,
        "from nowhere: TIDEGATE_PROVIDER_MIRROR names no mirror",
    )


def test_mirror_goes_into_terraforms_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = tmp_path / "mirror"
    (mirror / "registry.terraform.io").mkdir(parents=True)
    monkeypatch.setenv(toolchain.PROVIDER_MIRROR_VARIABLE, str(mirror))
    environment = toolchain.terraform_environment(Checkout(tmp_path))
    text = Path(environment["TF_CLI_CONFIG_FILE"]).read_text()
    assert f'filesystem_mirror {{\n    path = "{mirror}"' in text
    assert environment["CHECKPOINT_DISABLE"] == "1"


def test_doctor_and_stacks_mean_the_same_provider() -> None:
    assert toolchain.AWS_PROVIDER_VERSION == SYNTHESISED_VERSION


def test_checkout_is_found_from_any_folder_inside() -> None:
    assert find_checkout(Path(__file__).parent).root == ROOT
