"""Measures the path alone, prints it, and puts it among the other entries."""

from __future__ import annotations

import sys

from tests.measure.bench.edge_path.entry import measured, summary
from tests.measure.bench.entries import measure_alone

if __name__ == "__main__":
    sys.exit(measure_alone("edge_path", measured, summary))
