"""Starts the command line for real in one case's environment, in a mount namespace that ends with it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.environment.faults import Case
from tests.root import ROOT

_SCRIPT = """
{before} || exit 99
sum() {{ find . -type f -not -path "./out/*" -not -path "./.git/*" -not -name filler -not -name "*.pyc" | LC_ALL=C sort | while read -r name; do echo "$name"; /bin/cat "$name"; done | sha256sum; }}
before=$(sum)
env {options} {tidegate} {command} {redirect}
code=$?
[ "$before" = "$(sum)" ] || exit 98
exit $code
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended; 98 when something in the checkout has changed, 99 when the environment could not be made."""

    code: int
    errors: str


def start(case: Case, checkout: Path) -> Ended:
    """Runs `case` in `checkout`, whose folder is the case's own."""
    options = " ".join(f"-u {name}" for name, value in case.environment.items() if value is None)
    given = " ".join(f"'{name}={value}'" for name, value in case.environment.items() if value is not None)
    script = _SCRIPT.format(
        before=case.before,
        options=f"{options} {given}",
        tidegate=f"'{ROOT / '.venv/bin/tidegate'}'",
        command=case.command,
        redirect=case.redirect,
    )
    environment = {name: value for name, value in os.environ.items() if name not in {"TIDEGATE_VERBOSE", "XDG_CACHE_HOME"}}
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script], cwd=checkout, env=environment,
        capture_output=True, text=True, errors="replace", timeout=300, check=False,
    )  # fmt: skip
    return Ended(done.returncode, done.stderr)
