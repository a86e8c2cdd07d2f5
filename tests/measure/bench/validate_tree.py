"""Ours of `validate_vs_checkov`: schemas and rules over one folder of rendered objects, as a command of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from tidegate.manifests.validate import validate_folder
from tidegate.repository.schemas import load_schemas


def main() -> int:
    """Validates the folder named by the first argument; exit code 1 and one line per finding when something is wrong."""
    findings = validate_folder(Path(sys.argv[1]), load_schemas())
    print(*findings, sep="\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
