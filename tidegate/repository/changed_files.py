"""The paths in which HEAD differs from where it left a revision."""

from __future__ import annotations

from tidegate.checkout import Checkout
from tidegate.repository.merge import git


def changed_files(checkout: Checkout, base: str) -> list[str]:
    """Sorted paths that HEAD changes since it left `base`; a file that moved has both its paths. Raises `UsageError` for an unknown base."""
    files = git.changed_files(checkout, git.find_ends(checkout, base, "HEAD"))
    return sorted({path for file in files for path in file.paths})
