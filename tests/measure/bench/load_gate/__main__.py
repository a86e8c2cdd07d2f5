"""Measures the load gate alone, prints it, and puts it among the other entries."""

from __future__ import annotations

import sys

from tests.measure.bench.entries import measure_alone
from tests.measure.bench.load_gate.entry import measured, summary

if __name__ == "__main__":
    sys.exit(measure_alone("load_gate", measured, summary))
