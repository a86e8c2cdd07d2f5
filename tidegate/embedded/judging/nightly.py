"""Measures every model that the embedded regions execute, one after the other, as the nightly does.

Rates are far below production's: what is wanted is the same load on the same machine every night, not whether limits are kept.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded import prediction
from tidegate.embedded.fleet import internet
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.fleet.machine_view import nearest_regions
from tidegate.embedded.machines import network
from tidegate.errors import TidegateError, ToolError
from tidegate.facts.tenant import Tenant
from tidegate.gates.history.nights import Figure, Measured
from tidegate.live.states import is_executed

RATE_AT_MOST = 20
"""Requests a second to one model, beside two regions on two cores."""

_TIMEOUT_SECONDS = 1800


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
    tenant, name, model = prediction.find_model(local, reference)
    region = next(one for one in nearest_regions(local) if one in tenant.clusters)
    rate = min(RATE_AT_MOST, model.load_profile.requests_per_second)
    with tempfile.TemporaryDirectory(prefix="tidegate-nightly-") as scratch:
        given = _files(local, tenant, region, prediction.sample_of(models(), tenant, name).request, Path(scratch))
        arguments = {
            "--model": reference, "--host": f"https://{tenant.host_in(local.platform.clusters[region].domain)}/{name}", **given,
            "--arrivals": json.dumps({"shape": "poisson", "requests_per_second": rate}),
            "--address": f"127.0.0.1:{local.relays()[f'edge-{region}'][0]}", "--recording": str(recording.absolute()), "--processes": "1",
        }  # fmt: skip
        words = [word for pair in arguments.items() for word in pair]
        tools.run_program(checkout.python, "loadtests", *words, "--preferred", cwd=checkout.root, timeout_seconds=_TIMEOUT_SECONDS)
    try:
        said = tools.run_program(checkout.python, "loadtests.figures", str(recording.absolute()), cwd=checkout.root).stdout
    except ToolError as error:
        raise prediction.PredictionError(f"{reference}: no recording was kept: {error}") from error
    return Measured.model_validate_json(said)


def _files(local: Local, tenant: Tenant, region: str, body: object, folder: Path) -> dict[str, str]:
    """Options whose values are files: request, token and the authority to trust."""
    texts = {
        "--body": json.dumps(body),
        "--token-file": prediction.token_for(local, tenant, region),
        "--ca-file": internet.own_authority(local.machine(network.INTERNET)).certificate_pem.decode(),
    }
    for option, text in texts.items():
        path = folder / option.removeprefix("--")
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    return {option: str(folder / option.removeprefix("--")) for option in texts}
