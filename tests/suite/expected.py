"""How many seconds a test will take: as it last took, else as a committed table says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.suite.times import Times

UNKNOWN_SECONDS = 1.0


class Expected:
    """Called with a node id; the first of `measured` that has it decides, then `table`, by what the node id ends with before its parameters."""

    def __init__(self, measured: Sequence[Times], table: Mapping[str, float]) -> None:
        self._measured, self._table = measured, table

    def __call__(self, node: str) -> float:
        for times in self._measured:
            if node in times.tests and times.tests[node].outcome == "passed":
                return times.tests[node].seconds
        function = node.partition("[")[0]
        return next((seconds for name, seconds in self._table.items() if function.endswith(name)), UNKNOWN_SECONDS)
