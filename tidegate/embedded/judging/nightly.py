"""Measures every model that the embedded regions execute, one after the other, as the nightly does.

By the embedded profiles: what is wanted is the same load on the same machine every night, not whether production's limits are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded import prediction
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.fleet.machine_view import nearest_regions
from tidegate.embedded.judging.golden_set import Served, measure_in_region
from tidegate.embedded.judging.sent_load import Load, send_load
from tidegate.errors import TidegateError, ToolError
from tidegate.gates.golden_set.score import score_of
from tidegate.gates.history.nights import Better, Figure, Measured, Unit
from tidegate.live.states import is_executed


def measure_fleet(checkout: Checkout, local: Local, models: Callable[[], Path], out: Path, say: Callable[[str, str], None]) -> Measured:
    """Figures of every model; `out` gets each recording. A model that cannot be measured stands in `unmeasured`, whatever the reason is."""
    out.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    unmeasured: dict[str, str] = {}
    for reference in executed(local):
        say("nightly", reference)
        try:
            found = _measure(checkout, local, reference, models, out / f"{reference.replace('/', '.')}.recording.json")
        except (TidegateError, ValidationError) as error:
            unmeasured[reference] = " ".join(str(error).split())[:500]
            continue
        figures += found.figures
        unmeasured |= found.unmeasured
    return Measured(figures=tuple(figures), unmeasured=unmeasured)


def executed(local: Local) -> list[str]:
    """`<tenant>/<model>` of every model that runs here."""
    return sorted(
        f"{tenant.name}/{name}" for tenant in local.platform.tenants.values() for name, model in tenant.models.items() if is_executed(model)
    )


def _measure(checkout: Checkout, local: Local, reference: str, models: Callable[[], Path], recording: Path) -> Measured:
    prediction.predict(local, reference, models)  # wakes it, and refuses a wrong answer, whose speed nobody wants to know
    tenant, name, _ = prediction.find_model(local, reference)
    region = next(one for one in nearest_regions(local) if one in tenant.clusters)
    score = _score(local, models(), region, Served(tenant, name))
    load = Load(reference, tenant, prediction.sample_of(models(), tenant, name), checkout.root)
    send_load(checkout, local, region, load, recording)
    try:
        said = tools.run_program(checkout.python, "loadtests.figures", str(recording.absolute()), cwd=checkout.root).stdout
    except ToolError as error:
        raise prediction.PredictionError(f"{reference}: no recording was kept: {error}") from error
    found = Measured.model_validate_json(said)
    return Measured(figures=(*score.figures, *found.figures), unmeasured=score.unmeasured | found.unmeasured)


def _score(local: Local, models: Path, region: str, served: Served) -> Measured:
    """The metric of the golden set, asked of what serves."""
    samples = measure_in_region(local, models, region, served, is_first=True)
    metric = served.facts.golden_set.metric
    series, (value, wrong) = f"{served.reference} {metric}", score_of(samples)
    if wrong:
        return Measured(unmeasured={series: wrong[:500]})
    better = Better.LOWER if metric == "mean-absolute-error" else Better.HIGHER
    return Measured(figures=(Figure(series=series, value=value, unit=Unit.SCORE, better=better),))
