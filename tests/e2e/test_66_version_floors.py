"""Versions with a known hole are not run: releases of Argo CD and Istio that an advisory names are below a floor."""

from __future__ import annotations

import re

import pytest
from running_platform import REGIONS, Running

e2e = pytest.mark.e2e

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


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0]))


def is_sound(version: str, floors: tuple[str, ...]) -> bool:
    """Of a line with a floor it must be at it or above; a later line is sound, an earlier one is not."""
    found = numbers(version)
    same_line = [floor for floor in map(numbers, floors) if floor[:2] == found[:2]]
    return found >= same_line[0] if same_line else found > max(map(numbers, floors))


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ("3.4.9", False), ("3.4.10", True), ("3.5.3", False), ("3.5.4", True), ("3.5.10", True), ("3.6.0", True), ("3.2.99", False),
        ("2.14.30", False), ("1.31-20260827", False),
    ],
)  # fmt: skip
def test_version_is_compared_within_its_line(version: str, sound: bool) -> None:
    assert is_sound(version, ("3.3.15", "3.4.10", "3.5.4")) is sound


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


@e2e
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("hole", FLOORS)
def test_running_version_is_above_the_floor(platform: Running, region: str, hole: str) -> None:
    program, floors = FLOORS[hole]
    version = version_of(platform, region, program)
    assert is_sound(version, floors), f"{program} {version} has the hole {hole}; sound: {', '.join(floors)} and later lines"
