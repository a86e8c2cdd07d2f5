"""The trend page shows every series and says what the verdict says."""

from __future__ import annotations

import re
from datetime import timedelta
from xml.etree import ElementTree

from tests.tidegate.gates.history.series import FIRST, NAME, lines, night, noise, samples
from tidegate.gates.history.nights import HistorySamples
from tidegate.gates.history.page import page

SHIFTED = samples(lines([*noise(1, 40), *noise(2, 12, centre=14.0)]))


def pictures(text: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(one) for one in re.findall(r"<svg.*?</svg>", text)]


def test_page_is_the_same_for_the_same_samples() -> None:
    assert page(SHIFTED) == page(SHIFTED.model_copy(update={"lines": SHIFTED.lines[::-1]}))
    assert page(SHIFTED) != page(samples(lines(noise(1, 40))))


def test_series_that_fails_is_drawn_with_its_night() -> None:
    text = page(SHIFTED)
    (picture,) = pictures(text)
    assert len(picture.findall("circle")) == 52
    assert len(picture.findall("line")) == 1
    assert f"Nightly of {FIRST + timedelta(days=51)}: <strong" in text
    assert f"worse: since {FIRST + timedelta(days=40)}" in text


def test_gap_is_seen_in_the_picture() -> None:
    (picture,) = pictures(page(samples([night(0, 1.0), night(1, 2.0), night(100, 3.0)])))
    across = [float(dot.get("cx", "")) for dot in picture.findall("circle")]
    assert across[2] - across[1] > 50 * (across[1] - across[0])


def test_names_cannot_write_markup() -> None:
    broken = HistorySamples(tonight=FIRST, lines=('{"night": "<script>"}',))
    assert "<script>" not in page(broken)
    assert "line 1: cannot be read" in page(broken)


def test_page_refers_to_nothing_else() -> None:
    assert not re.findall(r"(?:src|href)=|://|@import", page(SHIFTED))
    assert NAME in page(SHIFTED)
