"""A version is judged within its own line of releases."""

from __future__ import annotations

import pytest

from tests.judges.versions import is_sound


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ("3.4.9", False), ("3.4.10", True), ("3.5.3", False), ("3.5.4", True), ("3.5.10", True), ("3.6.0", True), ("3.2.99", False),
        ("2.14.30", False), ("1.31-20260827", False),
    ],
)  # fmt: skip
def test_version_is_compared_within_its_line(version: str, sound: bool) -> None:
    assert is_sound(version, ("3.3.15", "3.4.10", "3.5.4")) is sound
