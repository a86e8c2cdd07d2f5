"""Versions with a known hole are not run: releases of Argo CD and Istio that an advisory names are below a floor."""

from __future__ import annotations

import re

import pytest

from tests.acceptance.running_platform import REGIONS, Running
from tests.judges.versions import is_sound

pytestmark = [pytest.mark.timeout(300), pytest.mark.touches(asks=[])]

FLOORS: dict[str, tuple[str, tuple[str, ...]]] = {
    # Read in the source: 3.5.1 creates deletion hooks without asking the project, 3.5.4 asks. 3.3.15, 3.4.10 and 3.5.4 are of one day.
    "A4-hooks-past-the-project": ("argocd", ("3.3.15", "3.4.10", "3.5.4")),
    "A5-kustomize-and-jsonnet-in-the-repo-server": ("argocd", ("3.3.15", "3.4.10", "3.5.4")),
    "A6-project-token-reads-credentials": ("argocd", ("2.13.9", "2.14.16", "3.0.14", "3.1.2")),
    "A7-sharded-controller-ignores-namespaces": ("argocd", ("2.5.8", "2.6.0")),
    "A7-source-namespaces-not-enforced": ("argocd", ("2.8.16", "2.9.12", "2.10.7")),
    "A7-improper-access-control": ("argocd", ("2.1.14", "2.2.8", "2.3.2")),
    "I2-escaped-slashes": ("pilot", ("1.8.6", "1.9.5")),
    "I2-fragment-in-the-path": ("pilot", ("1.9.8", "1.10.4", "1.11.1")),
    "I3-dots-in-account-names": ("pilot", ("1.27.9", "1.28.6", "1.29.2")),
}
"""Program of the hole, and the first sound release of each line that had it; later lines never had it."""


def version_of(running: Running, region: str, program: str) -> str:
    """Of the image that runs."""
    pods = running.read(region, "pods", "--all-namespaces")["items"]
    found = {
        match[1]
        for pod in pods for one in pod["spec"]["containers"]
        if (match := re.search(rf"/{program}:([^@]+)@", one["image"]))
    }  # fmt: skip
    assert len(found) == 1, f"{program} in {region}: {found}"
    return found.pop()


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("hole", FLOORS)
def test_running_version_is_above_the_floor(platform: Running, region: str, hole: str) -> None:
    program, floors = FLOORS[hole]
    version = version_of(platform, region, program)
    assert is_sound(version, floors), f"{program} {version} has the hole {hole}; sound: {', '.join(floors)} and later lines"
