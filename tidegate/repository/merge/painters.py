"""Pictures of the samples of gates, for those that have any. A gate's painter is one line in `PAINTERS`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import ToolError
from tidegate.gates import names
from tidegate.gates.evidence.manifest import slug
from tidegate.gates.evidence.pictures.data import PICTURES, AnyPicture, Bar, Bars, Calibration
from tidegate.gates.evidence.pictures.drawing import draw
from tidegate.gates.golden_set import figures, trust
from tidegate.gates.golden_set.samples import GoldenSamples
from tidegate.gates.merge import GateResult
from tidegate.gates.scale.pictures import picture_of
from tidegate.gates.scale.samples import ScaleSamples

Painter = Callable[[Checkout, bytes], Sequence[AnyPicture]]
"""Says what samples look like. Raises `ToolError` or `ValueError` for what are none."""


def _load(checkout: Checkout, samples: bytes) -> Sequence[AnyPicture]:
    with tempfile.TemporaryDirectory(prefix="tidegate-pictures-") as folder:
        path = Path(folder) / "recording.json"
        path.write_bytes(samples)
        said = tools.run_program(checkout.python, "loadtests", "--pictures", str(path), cwd=checkout.root).stdout
    return PICTURES.validate_json(said)


def _golden(_checkout: Checkout, samples: bytes) -> Sequence[AnyPicture]:
    measured = GoldenSamples.model_validate_json(samples)
    if trust.doubts(measured):
        return ()  # of a candidate that crashed, for one: there is no figure to draw
    found: list[AnyPicture] = []
    bars = tuple(
        Bar(
            name=group.name, value=group.candidate.value, low=group.candidate.low, high=group.candidate.high,
            reference=group.serving.value if group.serving else None,
        )
        for group in figures.groups(measured) if group.candidate
    )  # fmt: skip
    facts = measured.golden_set
    if bars:
        found.append(Bars(title=f"{facts.metric} by slice", figure=facts.metric, bars=bars, threshold=facts.threshold))
    if rows := figures.calibration(measured):
        points = tuple((one.expected, one.observed, one.rows) for one in rows)
        found.append(Calibration(title="expected and observed share of positives", points={"candidate": points}))
    return found


def _scale(_checkout: Checkout, samples: bytes) -> Sequence[AnyPicture]:
    return (picture_of(ScaleSamples.model_validate_json(samples)),)


PAINTERS: Mapping[str, Painter] = {names.GOLDEN_SET: _golden, names.LOAD: _load, names.SCALE: _scale}
"""By the gate's name."""


def paint(checkout: Checkout, results: Sequence[GateResult]) -> dict[str, tuple[str, bytes]]:
    """(what it shows, content) by file name. A picture that cannot be made is left out: it decides nothing."""
    found: dict[str, tuple[str, bytes]] = {}
    for result in results:
        painter = PAINTERS.get(result.picked.gate)
        if not painter or not result.samples:
            continue
        try:
            pictures = painter(checkout, result.samples)
        except (ToolError, ValueError):
            continue
        for number, picture in enumerate(pictures, 1):
            name = f"{slug(result.picked.gate, result.picked.subject)}-{number}-{picture.kind}.svg"
            found[name] = (f"{result.picked.title}: {picture.title}", draw(picture).encode())
    return found
