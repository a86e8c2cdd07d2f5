"""Gates that need no cluster: what existing rules found, sorted by gate, and the verdict on it.

The rules stand where they always stood: in `tidegate.facts`, `tidegate.manifests` and `tidegate.signing`. Here is only which gate speaks for
which of them, and that a gate which looked at nothing proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tidegate.errors import Finding
from tidegate.facts.fact import Fact
from tidegate.gates.names import BUDGET, FIT, ISOLATION, POLICY, QUOTA, SIGNATURE, STATIC, SURGE
from tidegate.gates.verdict import Outcome, Reason, Verdict

RULES_OF = {
    ISOLATION: frozenset({
        # Facts: one namespace, host, folder of the registry and caller per tenant.
        "namespace-shared", "host-shared", "host-of-platform", "caller-itself", "caller-unknown", "callers-twice", "caller-rate-above-tenant",
        "pool-access-subject-unknown", "pool-access-from-mesh", "cors-origins-twice", "origin-local-in-production", "uri-of-another-model",
        "uri-of-another-tenant", "uri-outside-registry", "domain-outside-zone", "domain-below-another",
        # Rendered objects: the fence around a namespace, and what gets through it.
        "require-own-namespace", "limit-tenant-kinds", "require-pod-security", "forbid-secret", "forbid-role-wildcard",
        "forbid-dotted-service-account", "require-strict-mtls", "forbid-open-allow", "forbid-shared-hosts", "forbid-host-wildcard",
        "forbid-path-based-denial", "require-tenant-fence", "forbid-principal-wildcard",
    }),
    QUOTA: frozenset({"quota-below-floors", "quota-below-accelerators", "ceilings-above-quota"}),
    SURGE: frozenset({"quota-without-release", "release-above-pool"}),
    FIT: frozenset({
        "pod-fits-no-pool", "pool-without-node", "accelerator-in-no-pool", "spot-in-no-pool", "replica-above-machines", "weights-above-memory",
    }),
    BUDGET: frozenset({"budget-below-floors", "price-missing-in-region"}),
    SIGNATURE: frozenset({
        "catalogue-key", "catalogue-key-missing", "catalogue-signature", "catalogue-file", "catalogue-twice", "catalogue-model-twice",
        "catalogue-uri-twice", "model-not-catalogued", "model-signature", "model-not-verified", "artefact-layout", "artefact-library",
        "signature-of-other-files",
    }),
}  # fmt: skip
"""The rules that a gate speaks for, by the names that findings carry; the policy gate speaks for all others."""


def gate_of(rule: str) -> str:
    """The gate that a finding of `rule` belongs to."""
    return next((gate for gate, rules in RULES_OF.items() if rule in rules), POLICY)


class Looked(Fact):
    """What was looked at, so that nobody takes an empty folder for a clean one."""

    subject: str
    things: int
    what: str
    """Such as `objects`."""


class Found(Fact):
    """A finding, as it is kept."""

    source: str
    path: str
    rule: str
    problem: str
    remedy: str
    value: str = ""


class StaticSamples(Fact):
    """All that one such gate is judged by."""

    gate: str
    looked: tuple[Looked, ...] = ()
    found: tuple[Found, ...] = ()
    unknown: tuple[str, ...] = ()
    """What could not be looked at, each with why."""
    notes: tuple[str, ...] = ()


def kept(findings: Iterable[Finding], gate: str) -> tuple[Found, ...]:
    """The findings that `gate` speaks for, each once, sorted."""
    own = sorted({finding for finding in findings if gate_of(finding.rule) == gate})
    return tuple(
        Found(source=one.source, path=one.path, rule=one.rule, problem=one.problem, remedy=one.remedy, value=one.value) for one in own
    )


def judge(samples: StaticSamples) -> Verdict:
    """Fails by each finding; passes when there is none, something was looked at and nothing was left out."""
    return Verdict(samples.gate, tuple(_reasons(samples)), samples.notes)


def _reasons(samples: StaticSamples) -> Iterator[Reason]:
    if samples.gate not in STATIC:
        yield Reason(Outcome.INVALID, samples.gate, f"no gate of this name; one of {', '.join(STATIC)} was to be judged")
        return
    for one in samples.found:
        where = f"{one.source}: {one.path}" if one.path else one.source
        at = f"{where} = {one.value}" if one.value else where
        yield Reason(Outcome.FAIL, at, f"{one.problem}; {one.remedy} [{one.rule}]")
    for one in samples.unknown:
        yield Reason(Outcome.INCONCLUSIVE, samples.gate, one)
    for one in samples.looked:
        if one.things < 1:
            yield Reason(Outcome.INCONCLUSIVE, one.subject, f"there are no {one.what}, so nothing was judged")
        elif not samples.found:
            yield Reason(Outcome.PASS, one.subject, f"{one.what}: {one.things}, and nothing was found")
