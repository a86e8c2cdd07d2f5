"""Where things are in a checkout, and where its caches are outside of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import HostError, UsageError
from tidegate.manifests.layout import RENDERED
from tidegate.tools.environments import home_folder


@dataclass(frozen=True, slots=True)
class Checkout:
    """One clone of the repository."""

    root: Path

    @property
    def out(self) -> Path:
        """Everything a command leaves behind that is neither committed nor synthesised; safe to delete after `down`."""
        return self.root / "out"

    @property
    def embedded(self) -> Path:
        """What the running embedded platform keeps: process records, logs, journals."""
        return self.out / "embedded"

    @property
    def lock(self) -> Path:
        """Held by the one command that changes the checkout, or what runs for it."""
        return self.out / "command.lock"

    @property
    def synthesised(self) -> Path:
        """Where `infra` writes Terraform JSON."""
        return self.root / "cdktf.out"

    @property
    def rendered(self) -> Path:
        """Where `clusters` writes Kubernetes objects."""
        return self.root / RENDERED

    @property
    def python(self) -> Path:
        """The interpreter of the locked environment."""
        return self.root / ".venv" / "bin" / "python"

    @property
    def cdktf(self) -> Path:
        """The locked cdktf command."""
        return self.root / "node_modules" / ".bin" / "cdktf"


def find_checkout(start: Path | None = None) -> Checkout:
    """The checkout around `start` (default: the working directory)."""
    try:
        here = (start or Path.cwd()).resolve()
    except FileNotFoundError:
        raise UsageError("the folder that you work in is gone; change into a checkout") from None
    for folder in (here, *here.parents):
        if (folder / "cdktf.json").is_file() and (folder / "pyproject.toml").is_file():
            return Checkout(folder)
    raise UsageError(f"{here} is not inside a Tidegate checkout; change into one (it holds cdktf.json and pyproject.toml)")


def cache_folder() -> Path:
    """Where costly results are kept by content, outside every checkout: `$XDG_CACHE_HOME/tidegate` or `~/.cache/tidegate`."""
    base = os.environ.get("XDG_CACHE_HOME")
    if base and not Path(base).is_absolute():
        raise HostError(f"XDG_CACHE_HOME = {base}: not an absolute path; correct it, or unset it for ~/.cache")
    return (Path(base) if base else home_folder() / ".cache") / "tidegate"
