"""Who judges the samples of which gate. A verdict is made again from these alone.

A new gate is one line in `JUDGES`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import TypeAdapter

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.gates import names, static
from tidegate.gates.golden_set import judge as golden_set
from tidegate.gates.golden_set.samples import GoldenSamples
from tidegate.gates.scale import judge as scale
from tidegate.gates.scale.samples import ScaleSamples
from tidegate.gates.static import StaticSamples
from tidegate.gates.verdict import Verdict

Judge = Callable[[Checkout, bytes], Verdict]
"""Makes a verdict of samples; the checkout is where a program is that judges. Raises `ValueError` (as pydantic does) for what are no samples,
and `ToolError` when the program fails."""


def _judge_static(_checkout: Checkout, samples: bytes) -> Verdict:
    return static.judge(StaticSamples.model_validate_json(samples))


def _judge_load(checkout: Checkout, samples: bytes) -> Verdict:
    """By the program, because the library never imports `loadtests`."""
    with tempfile.TemporaryDirectory(prefix="tidegate-judge-") as folder:
        path = Path(folder) / "recording.json"
        path.write_bytes(samples)
        said = tools.run_program(checkout.python, "loadtests", "--judge", str(path), cwd=checkout.root).stdout
    return TypeAdapter(Verdict).validate_json(said)


def _judge_golden(_checkout: Checkout, samples: bytes) -> Verdict:
    return golden_set.judge(GoldenSamples.model_validate_json(samples))


def _judge_scale(_checkout: Checkout, samples: bytes) -> Verdict:
    return scale.judge(ScaleSamples.model_validate_json(samples))


JUDGES: Mapping[str, Judge] = {
    **dict.fromkeys(names.STATIC, _judge_static),
    names.GOLDEN_SET: _judge_golden,
    names.LOAD: _judge_load,
    names.SCALE: _judge_scale,
}
"""By the gate's name."""
