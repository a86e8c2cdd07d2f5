"""Sends a model of a running region its embedded load: starts the load tests as a program, with the address, the token and the authority to trust."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded import prediction
from tidegate.embedded.fleet import internet
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.machines import network
from tidegate.embedded.model_index import Sample
from tidegate.facts.tenant import Tenant
from tidegate.gates.verdict import Verdict

_TIMEOUT_SECONDS = 900.0
"""Longer than a run by any profile, with what surrounds it; the run has limits of its own."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent where, and by whose limits it is judged."""

    reference: str
    """`<tenant>/<model>` whose profile counts."""
    tenant: Tenant
    """Whose host is asked; a candidate's is another than the one in `reference`."""
    sample: Sample
    """The request that is sent."""
    facts: Path
    """The checkout whose facts count."""
    serving: Tenant | None = None
    """Who serves the model already, to be asked the same at the same time."""
    arrivals: str = ""
    """Another schedule than the profile's, as JSON."""

    @property
    def model(self) -> str:
        """The model's name."""
        return self.reference.partition("/")[2]


def send_load(checkout: Checkout, local: Local, region: str, load: Load, recording: Path) -> Verdict:
    """The verdict on what was measured, which is kept in `recording`. Raises `PredictionError` when there is no token and `ToolError` when the program fails."""
    domain = local.platform.clusters[region].domain
    with tempfile.TemporaryDirectory(prefix="tidegate-load-") as scratch:
        folder = Path(scratch)  # readable by us alone: tokens are in it

        def written(name: str, text: str) -> str:
            (folder / name).write_text(text, encoding="utf-8")
            return str(folder / name)

        arguments = {
            "--model": load.reference, "--host": f"https://{load.tenant.host_in(domain)}/{load.model}", "--limits": "embedded",
            "--facts": str(load.facts), "--path": load.sample.path,
            "--body": written("body.json", json.dumps(load.sample.request)),
            "--token-file": written("token", prediction.token_for(local, load.tenant, region)),
            "--address": f"127.0.0.1:{local.relays()[f'edge-{region}'][0]}",
            "--ca-file": written("ca.pem", internet.own_authority(local.machine(network.INTERNET)).certificate_pem.decode()),
            "--recording": str(recording.absolute()), "--processes": "1",
        }  # fmt: skip
        if load.arrivals:
            arguments["--arrivals"] = load.arrivals
        if load.serving:
            arguments["--baseline-host"] = f"https://{load.serving.host_in(domain)}/{load.model}"
            arguments["--baseline-token-file"] = written("serving-token", prediction.token_for(local, load.serving, region))
        words = [word for pair in arguments.items() for word in pair]
        said = tools.run_program(checkout.python, "loadtests", *words, "--preferred", cwd=checkout.root, timeout_seconds=_TIMEOUT_SECONDS)
    return TypeAdapter(Verdict).validate_json(said.stdout)
