"""Options of the locustfile, and the plan that they make: from a file, or from a tenant's facts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from loadtests.plan import Plan, beside_baseline, endpoint_of
from loadtests.shapes import Arrivals
from tidegate.errors import UsageError
from tidegate.facts import inventory
from tidegate.facts.inventory.profiles import PROFILES, load_profiles
from tidegate.facts.models.embedded_profile import NO_EVIDENCE, scaled

ROOT = Path(__file__).resolve().parents[1]
EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Argument:
    """One option; each is a text, empty when it is not given."""

    option: str
    what: str
    default: str = ""


ARGUMENTS = (
    Argument("--plan", "file with a whole plan as JSON, instead of all that follow but --recording"),
    Argument("--model", "<tenant>/<model>, whose load profile and limits are taken from the tenant's file; --host says where it answers"),
    Argument("--body", "file with the JSON to send"),
    Argument("--path", "of the request, below --host; default: the one of the model's protocol"),
    Argument("--token-file", "file with the bearer token"),
    Argument("--arrivals", 'JSON such as {"shape": "constant", "requests_per_second": 40}; default: poisson at the profile\'s rate'),
    Argument("--address", "host:port to connect to, where no resolver knows the host"),
    Argument("--ca-file", "certificates to trust instead of the system's"),
    Argument("--baseline-host", "where the serving version answers, to be asked at the same time as what it is compared with"),
    Argument("--baseline-token-file", "file with the bearer token for it; default: --token-file"),
    Argument("--limits", f"`{EMBEDDED}` takes load and limits from {PROFILES.as_posix()}, which say nothing of production"),
    Argument("--facts", "folder of the checkout whose facts count; default: this one"),
    Argument("--recording", "file to keep what was measured in, as JSON"),
)


def read_plan(options: Mapping[str, Any]) -> tuple[Plan, Path | None]:
    """The plan, and where the recording goes. Raises `UsageError`, and `InventoryError` when the tenants' files are refused."""
    out = Path(options["recording"]) if options["recording"] else None
    if options["plan"]:
        return _checked(Path(options["plan"]), Plan), out
    if missing := [name for name in ("model", "host", "body") if not options.get(name)]:
        raise UsageError(f"--{missing[0]} is missing; give --plan, or --model, --host and --body")
    _check_addresses(options)
    tenant_name, _, name = options["model"].partition("/")
    root = Path(options.get("facts") or ROOT)
    platform = inventory.load(root)
    tenant = platform.tenants.get(tenant_name)
    model = tenant.models.get(name) if tenant else None
    if model is None:
        known = ", ".join(f"{each}/{one}" for each, owner in sorted(platform.tenants.items()) for one in sorted(owner.models))
        raise UsageError(f"no served model {options['model']!r}; there are {known}")
    note = ""
    if options.get("limits"):
        if options["limits"] != EMBEDDED:
            raise UsageError(f"--limits {options['limits']} is not known; write {EMBEDDED}, or leave it out for the tenant's own")
        profile = load_profiles(root, platform).get(options["model"])
        if profile is None:
            raise UsageError(f"{PROFILES.as_posix()} has no profile of {options['model']}; add one, or judge it where it runs")
        model, note = scaled(model, profile), NO_EVIDENCE
    try:
        shape = TypeAdapter[Any](Arrivals).validate_json(options["arrivals"]) if options["arrivals"] else None
        endpoint = endpoint_of(
            options["model"], model, options["host"], json.loads(_read(Path(options["body"]))), arrivals=shape,
            path=options.get("path") or None, token_file=options["token_file"] or None, address=options["address"] or None, ca_file=options["ca_file"] or None,
        )  # fmt: skip
        if not options.get("baseline_host"):
            return Plan(endpoints=(endpoint,), note=note), out
        baseline = endpoint.model_copy(
            update={
                "name": f"{endpoint.name} serving", "url": f"{options['baseline_host'].rstrip('/')}{endpoint.path_below(options['host'])}",
                "token_file": options.get("baseline_token_file") or endpoint.token_file,
            }
        )  # fmt: skip
        return Plan(endpoints=beside_baseline(endpoint, baseline), note=note), out
    except ValidationError as error:
        raise UsageError(_told(error)) from error
    except ValueError as error:
        raise UsageError(f"{options['body']} is no JSON: {error}; give the request that the model is sent") from error


def _check_addresses(options: Mapping[str, Any]) -> None:
    """Refuses what would be put together to another address than was meant."""
    for option in ("host", "baseline_host"):
        if (address := options.get(option)) and not address.startswith(("http://", "https://")):
            raise UsageError(f"{address} is no address of a model; write https://{address}")
    if (path := options.get("path")) and not path.startswith("/"):
        raise UsageError(f"--path {path} does not begin with a slash; write /{path}")
    if options.get("baseline_token_file") and not options.get("baseline_host"):
        raise UsageError("a token for the version that serves is given, and no address of it; give both or neither")


def _checked(path: Path, kind: type[Plan]) -> Plan:
    try:
        return kind.model_validate_json(_read(path))
    except ValidationError as error:
        raise UsageError(f"{path}: {_told(error)}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {(error.strerror or 'cannot be read').lower()}; name a file that can be read") from error


def _told(error: ValidationError) -> str:
    """All that is wrong, in one line."""
    found = (f"{'.'.join(map(str, one['loc'])) or 'whole'}: {one['msg']}" for one in error.errors(include_url=False))
    return "; ".join(found)
