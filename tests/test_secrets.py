"""No secret is in Git: neither in a file nor in its history."""

from __future__ import annotations

from tests.judges.git_texts import history, tracked
from tests.judges.leaks import Leak, by_shape, told
from tests.root import ROOT


def test_no_secret_is_in_the_working_tree() -> None:
    """Rendered files included, also those that are not committed yet."""
    found: list[Leak] = []
    count = 0
    for name, text in tracked():
        count += 1
        found += by_shape(name, text)
    assert count > 500
    assert not found, told(found)


def test_no_secret_is_in_the_history() -> None:
    """Of every branch: what was committed once has been published."""
    text = history(ROOT)
    assert text.startswith("commit ")
    found = list(by_shape("git log", text))
    assert not found, told(found)
