"""The stacks as Terraform would read them, synthesised once per session."""

from __future__ import annotations

import pytest

from infra.main import synthesise
from infra.target import Target
from tests.infra.synthesis import ENDPOINT, Synthesis, read_synthesis
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.platform import Platform


@pytest.fixture(scope="session")
def platform() -> Platform:
    return inventory.load(ROOT)


@pytest.fixture(scope="session")
def production(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    return synthesised(platform, Target(), tmp_path_factory)


@pytest.fixture(scope="session")
def emulated(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    return synthesised(platform, Target(ENDPOINT), tmp_path_factory)


def synthesised(platform: Platform, target: Target, tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    folder = tmp_path_factory.mktemp("synthesised")
    synthesise(platform, target, folder)
    return read_synthesis(folder)
