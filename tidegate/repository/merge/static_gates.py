"""Measures what needs no cluster: runs the existing rules over the judged tree once, and gives each gate its part of what they found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from tidegate.errors import Finding, FindingsError, ManifestError, PriceError, ProgramError, UsageError
from tidegate.facts import numerals
from tidegate.facts.inventory.prices import load_prices
from tidegate.facts.platform import Platform, tenant_source
from tidegate.facts.rules.room import ceiling_findings
from tidegate.gates import names, static
from tidegate.gates.change.picking import Picked
from tidegate.gates.merge import Gate, Measured, NotExecutedError
from tidegate.gates.static import Looked, StaticSamples
from tidegate.manifests.fences import fence_findings
from tidegate.manifests.fit.pods import expected_pods
from tidegate.manifests.fit.release import release_findings
from tidegate.manifests.placed import Placed
from tidegate.manifests.validate import read_rendered
from tidegate.repository import rendering
from tidegate.repository.merge.changes import PullRequest
from tidegate.repository.revisions import WORKING_TREE, compare
from tidegate.signing.review import Checked
from tidegate.tools.progress import OnProgress

VerifyModels = Callable[[Collection[str]], Iterable[tuple[str, Sequence[Checked]]]]
"""Verifies artefacts of the named `<tenant>/<model>` as pods would, and yields what each registry holds; raises `InventoryError` as
`tidegate.signing.review.check_models` does."""


class StaticGates:
    """The static gates of one change. The rules run when the first of them is asked, and once."""

    def __init__(self, change: PullRequest, verify_models: VerifyModels, say: OnProgress) -> None:
        self._change, self._verify_models, self._say = change, verify_models, say

    def gates(self) -> dict[str, Gate]:
        """Each by its name."""
        measured: Mapping[str, Callable[[Platform], StaticSamples]] = {
            names.POLICY: self._policy, names.ISOLATION: self._isolation, names.QUOTA: self._quota, names.SURGE: self._surge,
            names.FIT: self._fit, names.BUDGET: self._budget, names.SIGNATURE: self._signature,
        }  # fmt: skip
        return {name: self._gate(name, measure) for name, measure in measured.items()}

    def _gate(self, name: str, measure: Callable[[Platform], StaticSamples]) -> Gate:
        def run(_picked: Picked, /) -> Measured:
            platform = self._change.tree.platform
            samples = measure(platform) if platform else self._unread(name)
            return Measured(samples.model_dump_json().encode(), static.judge(samples))

        return run

    def _unread(self, gate: str) -> StaticSamples:
        why = "some facts cannot be read, so neither objects nor the rest of the facts were judged"
        return StaticSamples(gate=gate, found=static.kept(self._change.tree.findings, gate), unknown=(why,))

    def _samples(self, gate: str, looked: Iterable[Looked], more: Iterable[Finding] = (), **others: tuple[str, ...]) -> StaticSamples:
        return StaticSamples(gate=gate, looked=tuple(looked), found=static.kept([*self._findings, *more], gate), **others)

    @cached_property
    def _findings(self) -> list[Finding]:
        tree = self._change.tree
        assert tree.platform, "asked only where the facts were read"
        judged = rendering.judged(tree.checkout, tree.platform, lambda text: self._say("schemas", text))
        found = list(dict.fromkeys([*tree.findings, *judged]))  # both look at the embedded profiles
        for name in tree.platform.clusters:
            found += fence_findings(tree.platform, name, self._objects.get(name, ()))
        if not tree.findings:
            self._say("policy", "rendering everything again, to compare it with what is committed")
            found += self._stale
        return found

    @cached_property
    def _stale(self) -> list[Finding]:
        try:
            return rendering.unrendered_findings(self._change.tree.checkout)
        except ProgramError as error:
            lines = str(error).splitlines()
            remedy = "correct what it names, then run `tidegate render`"
            return [Finding("gitops/rendered", "", "tree-not-rendered", line, remedy) for line in lines]

    @cached_property
    def _objects(self) -> Mapping[str, Sequence[Placed]]:
        try:
            return read_rendered(self._change.tree.checkout.root)
        except ManifestError:  # the policy gate names the files
            return {}

    def _own(self, tenant: str, platform: Platform) -> Iterator[Placed]:
        namespace = platform.tenants[tenant].namespace_name
        yield from (placed for objects in self._objects.values() for placed in objects if placed.tenant_namespace == namespace)

    def _of_tenants(self, what: str, count: Callable[[str], int]) -> Iterator[Looked]:
        """How many things there are of each tenant that the change is about; of a removed one there is nothing to look at."""
        for tenant in self._change.tenants:
            yield Looked(subject=tenant, things=count(tenant), what=what)
        if not self._change.tenants:
            yield Looked(subject="platform", things=sum(map(len, self._objects.values())), what="objects without the removed tenants")

    def _policy(self, platform: Platform) -> StaticSamples:
        looked = [
            Looked(subject=name, things=len(self._objects.get(name, ())), what="objects against schemas and rules")
            for name in sorted(platform.clusters)
        ]
        unknown = ("whether gitops/rendered is what the facts give: they are refused",) if self._change.tree.findings else ()
        return self._samples(names.POLICY, looked, unknown=unknown)

    def _isolation(self, platform: Platform) -> StaticSamples:
        def count(tenant: str) -> int:
            return sum(1 for _ in self._own(tenant, platform))

        return self._samples(names.ISOLATION, self._of_tenants("objects of its fence and its models", count))

    def _quota(self, platform: Platform) -> StaticSamples:
        def count(tenant: str) -> int:
            return len(platform.tenants[tenant].models)

        more = [found for tenant in platform.tenants.values() for found in ceiling_findings(tenant_source(tenant.name), tenant)]
        return self._samples(names.QUOTA, self._of_tenants("models at their ceilings", count), more)

    def _surge(self, platform: Platform) -> StaticSamples:
        book = load_prices(self._change.tree.checkout.root)
        models = self._change.models
        more: list[Finding] = []
        unknown: tuple[str, ...] = ()
        try:
            for name, cluster in sorted(platform.clusters.items()):
                more += release_findings(cluster, self._objects.get(name, ()), book.table(cluster.region), models)
        except (ValueError, PriceError) as error:
            unknown = (f"the room of the pools: {error}",)
        looked = self._of_tenants(
            "models, each released beside all floors", lambda tenant: sum(one.startswith(f"{tenant}/") for one in models)
        )
        return self._samples(names.SURGE, looked, more, unknown=unknown)

    def _fit(self, platform: Platform) -> StaticSamples:
        def count(tenant: str) -> int:
            return sum(1 for placed in self._own(tenant, platform) for _ in expected_pods(placed, {}))

        return self._samples(names.FIT, self._of_tenants("kinds of pods", count))

    def _budget(self, platform: Platform) -> StaticSamples:
        def count(tenant: str) -> int:
            return len(platform.tenants[tenant].models)

        return self._samples(
            names.BUDGET, self._of_tenants("models, whose floors are paid by whole nodes", count), notes=tuple(self._cost())
        )

    def _cost(self) -> Iterator[str]:
        """The change of cost, which decides nothing: the budget does."""
        ends = self._change.ends
        checkout = self._change.checkout
        try:
            found = compare(checkout, ends.base, WORKING_TREE if ends.is_working_tree else ends.head)
        except (FindingsError, UsageError) as error:
            yield f"the change of cost is not known: {str(error).splitlines()[0]}"
            return
        before, after = found.before.whole_nodes_usd_per_month, found.after.whole_nodes_usd_per_month
        yield (
            f"cost of the change: {numerals.usd_change(after - before)} USD a month for whole nodes that floors keep "
            f"({numerals.usd(before)} -> {numerals.usd(after)} in all)"
        )
        for one in found.tenants:
            was, is_now = one.before.whole_nodes_usd_per_month, one.after.whole_nodes_usd_per_month
            yield f"cost of the change: {one.tenant}: {numerals.usd_change(is_now - was)} USD a month ({numerals.usd(was)} -> {numerals.usd(is_now)})"

    def _signature(self, _platform: Platform) -> StaticSamples:
        models = self._change.models
        if not models:
            return self._samples(names.SIGNATURE, self._of_tenants("models", lambda _tenant: 0))
        self._say("signature", f"verifying {', '.join(models[:3])}{' ...' if len(models) > 3 else ''}")
        looked: list[Looked] = []
        try:
            for where, checked in self._verify_models(models):
                if checked:  # a region that serves none of them has nothing to hold
                    looked.append(Looked(subject=where, things=len(checked), what="versions: bytes, signature, name and key agree"))
        except UsageError as error:
            raise NotExecutedError(f"no registry to verify {', '.join(models)} in: {error}") from error
        except FindingsError as error:
            return self._samples(names.SIGNATURE, looked, error.findings)
        return self._samples(names.SIGNATURE, looked or [Looked(subject="registries", things=0, what=f"versions of {', '.join(models)}")])
