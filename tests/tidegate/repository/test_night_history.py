"""The file of the nightly is only added to, whole or not at all."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.tidegate.gates.history.series import FIRST, night
from tidegate.errors import UsageError
from tidegate.gates.history.nights import Accepted
from tidegate.repository.night_history import append, read_samples


def test_nights_are_added_in_order_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history.jsonl"
    assert read_samples(path, FIRST).lines == ()
    for number in range(3):
        append(path, night(number, 10.0 + number))
    accepted = Accepted(accepted="fraud/scorer p99", night=FIRST, by="on-call@example.com", reason="a larger model")
    append(path, accepted)
    assert read_samples(path, FIRST).lines == (
        *(night(number, 10.0 + number).model_dump_json() for number in range(3)),
        accepted.model_dump_json(),
    )
    assert path.read_text().endswith("}\n")


def test_night_cannot_be_measured_until_it_looks_good(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    append(path, night(0, 30.0))
    before = path.read_bytes()
    with pytest.raises(UsageError, match=rf"has {FIRST} already; it stays as it was measured first"):
        append(path, night(0, 10.0))
    assert path.read_bytes() == before
    append(path, night(1, 10.0))


@pytest.mark.parametrize("broken", [b'{"night": "2026-0', b"\xff\xfe", b"NaN"])
def test_line_that_was_cut_short_stays_for_people_to_see(tmp_path: Path, broken: bytes) -> None:
    """And does not swallow the next night."""
    path = tmp_path / "history.jsonl"
    append(path, night(0, 10.0))
    path.write_bytes(path.read_bytes() + broken)
    append(path, night(1, 11.0))
    lines = read_samples(path, FIRST + timedelta(days=1)).lines
    assert (lines[0], lines[2]) == (night(0, 10.0).model_dump_json(), night(1, 11.0).model_dump_json())
