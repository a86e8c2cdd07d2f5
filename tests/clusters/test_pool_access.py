"""The edge lets a caller through to its own models of a dense pool, and to no others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from clusters.components.network import edge_limits
from tidegate.checkout import find_checkout
from tidegate.facts import inventory
from tidegate.facts.callers.caller import Caller
from tidegate.facts.models.dense_pool import PoolAccess
from tidegate.facts.platform import Platform

PLATFORM = inventory.load(find_checkout().root)
HOST = "merchants.live-1.models.example.com"


def rules(access: dict[str, tuple[str, ...]], callers: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The edge's rules for the merchants, with this access to their pool and these callers besides."""
    tenant = PLATFORM.tenants["merchants"]
    model = tenant.models["anomaly"]
    assert model.dense_pool
    listed = tuple(PoolAccess(subject=subject, models=models) for subject, models in access.items())
    pool = model.dense_pool.model_copy(update={"access": listed})
    changed = tenant.model_copy(
        update={
            "models": {"anomaly": model.model_copy(update={"dense_pool": pool}), "plain": model.model_copy(update={"dense_pool": None})},
            "callers": tuple(Caller(subject=subject) for subject in (*access, *callers)),
        }
    )
    platform: Platform = replace(PLATFORM, tenants={"merchants": changed})
    objects = cast("list[Any]", list(edge_limits.objects(platform, PLATFORM.clusters["live-1"])))
    (policy,) = (one for one in objects if one["kind"] == "AuthorizationPolicy" and one["metadata"]["name"] == "tenants")
    return policy["spec"]["rules"]


def reached(rule: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Subjects and paths; a rule without the host would be for every tenant."""
    (to,), (subjects, claim, header) = rule["to"], rule["when"]
    assert HOST in to["operation"]["hosts"]
    assert claim["values"] == header["values"] == ["merchants"]
    return subjects["values"], to["operation"].get("paths", ["everything"])


def test_caller_of_every_model_needs_no_paths() -> None:
    (rule,) = rules({"monitoring": ("*",), "reports": ("merchant-007", "*")})
    assert reached(rule) == (["monitoring", "reports"], ["everything"])


def test_caller_of_some_models_has_its_own_paths() -> None:
    everything, terminal, chain = rules({"monitoring": ("*",), "terminal": ("merchant-007",), "chain": ("merchant-01*",)})
    assert reached(everything) == (["monitoring"], ["everything"])
    own = ["/anomaly/v2/models/merchant-007", "/anomaly/v2/models/merchant-007/*", "/plain", "/plain/*"]
    assert reached(terminal) == (["terminal"], own)
    assert reached(chain) == (["chain"], ["/anomaly/v2/models/merchant-01*", "/plain", "/plain/*"])


def test_caller_without_access_reaches_what_is_no_pool() -> None:
    _, other = rules({"monitoring": ("*",)}, callers=("accounting",))
    assert reached(other) == (["accounting"], ["/plain", "/plain/*"])
