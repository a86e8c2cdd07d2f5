"""Measures the load gate alone, prints it, and puts it among the other entries."""

from __future__ import annotations

import json
import sys

from tests.measure.bench.entries import put
from tests.measure.bench.load_gate.entry import measured, summary


def main() -> int:
    """Whether goals are met is in the entry, not in the exit code."""
    found = measured()
    put("load_gate", found)
    print(json.dumps(found, indent=2))
    print(summary(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
