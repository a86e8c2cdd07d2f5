"""The files in which this checkout differs from a revision."""

from __future__ import annotations

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import ToolError, ToolMissingError, UsageError


def changed_files(checkout: Checkout, base: str) -> list[str]:
    """Sorted paths that HEAD changes since it left `base`; a file that moved has both its paths. Raises `UsageError` for an unknown base."""
    if not base or base.startswith("-"):
        raise UsageError(f"no revision {base!r}; name the one that the change is to be merged into")
    try:
        done = tools.run(["git", "diff", "--name-only", "--no-renames", "-z", f"{base}...HEAD", "--"], cwd=checkout.root)
    except ToolMissingError:
        raise
    except ToolError as error:
        raise UsageError(f"no revision {base!r} that HEAD has anything in common with; fetch all of the history") from error
    return sorted(filter(None, done.stdout.split("\0")))
