"""Documents for property tests: valid clusters and tenants as a file would hold them, and anything JSON can say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias, cast

import yaml
from hypothesis import strategies as st

from tests.root import ROOT
from tidegate.facts.names import RESERVED_NAMES, SERVED_MODEL_NAME_MAX, TENANT_NAME_MAX

Document: TypeAlias = "dict[str, Any]"


def committed(path: str) -> Document:
    """A committed file as plain values."""
    return cast("Document", yaml.safe_load((ROOT / path).read_text(encoding="utf-8")))


def dns_labels(longest: int) -> st.SearchStrategy[str]:
    """Names as `names.py` allows them, often as long as they may get."""
    ends, inner = "abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnopqrstuvwxyz0123456789-"
    label = st.builds(
        "{}{}{}".format,
        st.sampled_from("abcxyz"),
        st.one_of(st.text(inner, max_size=longest - 2), st.text(inner, min_size=longest - 2, max_size=longest - 2)),
        st.sampled_from(ends),
    )
    return st.one_of(label, st.sampled_from("abcxyz"))


tenant_names = dns_labels(TENANT_NAME_MAX).filter(lambda name: name not in RESERVED_NAMES and not name.startswith("kube-"))
served_model_names = dns_labels(SERVED_MODEL_NAME_MAX)
cluster_names = st.builds("{}-{}".format, st.sampled_from(["live", "test"]), st.integers(1, 99))
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
cores = st.one_of(st.integers(1, 64_000).map(lambda milli: float(Decimal(milli) / 1000)), st.integers(1, 64))
gibibytes = st.one_of(st.integers(1, 256 * 1024).map(lambda mebi: mebi / 1024), st.integers(1, 256))
resources = st.fixed_dictionaries({"cpu": cores, "memory_gib": gibibytes})


@st.composite
def companions(draw: st.DrawFn) -> Document:
    """A transformer or explainer."""
    low = draw(st.integers(0, 20))
    image = f"registry.example.com/team/part:1@sha256:{draw(digests)}"
    return {"image": image, "resources": draw(resources), "min_replicas": low, "max_replicas": draw(st.integers(max(low, 1), 100))}


@st.composite
def rollouts(draw: st.DrawFn) -> Document:
    """Each strategy, a canary with rising steps."""
    strategy = draw(st.sampled_from(["canary", "blue-green", "shadow", "pinned"]))
    if strategy != "canary":
        return {"strategy": strategy}
    first, later = draw(st.integers(1, 25)), draw(st.sets(st.integers(26, 99), max_size=4))
    return {"strategy": strategy, "steps_percent": [first, *sorted(later), 100], "step_seconds": draw(st.integers(30, 86_400))}


@st.composite
def served_models(draw: st.DrawFn) -> Document:
    """A served model that is valid by itself; whether a cluster can host it is another matter."""
    rollout = draw(rollouts())
    low, version = draw(st.integers(0, 50)), draw(st.integers(1, 1_000_000))
    model: Document = {
        "runtime": draw(st.sampled_from(["mlserver-sklearn", "mlserver-lightgbm", "triton", "torchserve"])),
        "artefact": {
            "version": version,
            "uri": f"s3://models/team/model/{version}",
            "sha256": draw(digests),
            "signature": {"uri": f"s3://models/team/model/{version}/model.sig", "key_id": "team-release"},
        },
        "resources": draw(resources),
        "scaling": {"min_replicas": low, "max_replicas": draw(st.integers(max(low, 1), 500))},
        "slo": {"p99_ms": draw(st.floats(0.5, 300_000)), "availability": draw(st.floats(0.9, 0.99999))},
        "rollout": rollout,
        "golden_set": {
            "uri": "s3://models/team/golden/1",
            "sha256": draw(digests),
            "metric": draw(st.sampled_from(["auc", "accuracy", "exact-match", "mean-absolute-error"])),
            "threshold": draw(st.floats(0.01, 0.99)),
        },
        "load_profile": {"requests_per_second": draw(st.floats(0.1, 50_000)), "duration_seconds": draw(st.integers(10, 3600))},
        "capacity": draw(st.sampled_from(["on-demand", "spot"])),
    }
    if draw(st.booleans()):
        model["accelerator"] = draw(
            st.one_of(
                st.fixed_dictionaries(
                    {"accelerator": st.sampled_from(["nvidia-l4", "nvidia-a10g", "nvidia-h100-80gb"]), "count": st.integers(1, 16)},
                ),
                st.just({"accelerator": "nvidia-h100-80gb", "share": "mig-1g.10gb"}),
                st.just({"accelerator": "nvidia-l4", "share": "time-slice"}),
            )
        )
    if rollout["strategy"] == "pinned" and low:
        model["scaling"]["mode"] = draw(st.sampled_from(["knative", "standard"]))
    for part in ("transformer", "explainer"):
        if draw(st.booleans()):
            model[part] = draw(companions())
    return model


@st.composite
def tenants(draw: st.DrawFn) -> Document:
    """A tenant whose file is valid by itself."""
    return {
        "name": draw(tenant_names),
        "tier": draw(st.sampled_from(["regulated", "critical", "standard", "batch"])),
        "owners": draw(st.lists(st.sampled_from(["a@example.com", "b+c@example.org"]), min_size=1, max_size=2, unique=True)),
        "github_team": draw(st.sampled_from(["@octocat", "@example-org/fraud", "@a-b/c_d"])),
        "clusters": draw(st.lists(cluster_names, min_size=1, max_size=3, unique=True)),
        "quota": {
            "cpu": draw(cores),
            "memory_gib": draw(gibibytes),
            "pods": draw(st.integers(1, 2000)),
            "accelerators": draw(
                st.dictionaries(st.sampled_from(["nvidia.com/gpu", "nvidia.com/mig-1g.10gb"]), st.integers(0, 512), max_size=2)
            ),
        },
        "budget_usd_per_month": draw(st.floats(0.01, 10_000_000)),
        "callers": draw(
            st.lists(
                st.one_of(
                    st.fixed_dictionaries({"subject": st.sampled_from(["portal", "spiffe://x/y", "A@b"])}),
                    st.fixed_dictionaries({"tenant": tenant_names}),
                ),
                min_size=1,
                max_size=3,
                unique_by=repr,
            )
        ),
        "requests_per_second": draw(st.integers(1, 100_000)),
        "cors_origins": draw(st.lists(st.sampled_from(["https://app.example.com", "http://localhost:3000"]), max_size=2, unique=True)),
        "models": draw(st.dictionaries(served_model_names, served_models(), min_size=1, max_size=3)),
    }


def _keys(value: object) -> set[str]:
    if isinstance(value, dict):
        mapping = cast("dict[str, object]", value)
        return set(mapping) | {key for inner in mapping.values() for key in _keys(inner)}
    if isinstance(value, list):
        return {key for inner in cast("list[object]", value) for key in _keys(inner)}
    return set()


VALID = {
    **{name: committed(f"gitops/tenants/{name}.yaml") for name in ("assistant", "credit", "merchants")},
    **{name: committed(f"clusters/inventory/{name}/cluster.yaml") for name in ("live-1", "live-2")},
}
_known_keys = st.sampled_from(sorted({key for document in VALID.values() for key in _keys(document)} | {"[key]", "mig", "kind"}))
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**63, 10**400]),
    st.floats(),
    st.text(max_size=80),
    st.sampled_from(
        ["", "*", "..", "a/b", "x" * 64, "0.0.0.0/0", "1.2.3.4/8", "mig-5g.99gb", "knative", "canary", "mig", "\ud800", "a\nb"]
    ),
)
anything: st.SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(_known_keys, st.text(max_size=8)), inner, max_size=6)),
    max_leaves=20,
)


@st.composite
def nearly_valid(draw: st.DrawFn, base: Document) -> Document:
    """`base` with one to three places replaced by anything, removed, or added to."""
    document = cast("Document", _copy(base))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(_containers_of(document))
        step = draw(st.sampled_from(list(at))) if at else ""
        match draw(st.sampled_from(["replace", "replace", "remove", "add"])):
            case "replace" if at:
                at[step] = draw(anything)
            case "remove" if at:
                del at[step]
            case _:
                at[draw(st.one_of(_known_keys, st.text(max_size=8)))] = draw(anything)
    return document


def _containers_of(document: Document) -> st.SearchStrategy[Document]:
    """The mappings in `document`, itself included; those in lists, too."""
    found: list[Document] = []
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found.append(cast("Document", value))
            waiting += cast("Document", value).values()
        elif isinstance(value, list):
            waiting += cast("list[Any]", value)
    return st.sampled_from(found)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in cast("Document", value).items()}
    return [_copy(inner) for inner in cast("list[Any]", value)] if isinstance(value, list) else value
