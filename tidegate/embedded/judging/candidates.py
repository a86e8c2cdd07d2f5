"""Brings the candidate of a merge gate up in a running region, beside the tenants that serve, and takes it away by its tombstone.

Only what the candidate changes is committed to the Git server: the difference between two renderings of the same facts, with it and
without it. So a gate never rolls out anything else of the change that it judges.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud.account import own_errors
from tidegate.embedded.delivery import bootstrap, git_server
from tidegate.embedded.fleet import bring_up as fleet
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.fleet.candidates import Candidates, write_candidates
from tidegate.embedded.identity import token_issuer
from tidegate.embedded.judging import region_registry
from tidegate.embedded.live_regions import Watched
from tidegate.embedded.machines import network
from tidegate.embedded.region_status import RegionState, read_region
from tidegate.embedded.vault import vault_region
from tidegate.errors import MachineError, UsageError
from tidegate.facts import names
from tidegate.facts.embedded import EmbeddedFacts, path_served_here, served_here
from tidegate.facts.models.artefact import Artefact
from tidegate.facts.models.embedded_profile import ScaleProfile
from tidegate.facts.signature import model_id
from tidegate.facts.tenant import Tenant
from tidegate.facts.tombstone import Tombstone
from tidegate.gates.candidate import KEY, candidate_name, candidate_of
from tidegate.manifests.layout import RENDERED
from tidegate.signing.bundles import digest_of, sign_version, verify_version
from tidegate.signing.keys import embedded_signer, key_ids
from tidegate.tools.one_at_a_time import alone
from tidegate.tools.progress import OnProgress
from tidegate.tools.waiting import wait_until

_READY_SECONDS = 300
"""From the commit until the candidate answers; a quarter of it on two idle cores."""

_GONE_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Standing:
    """A candidate that answers."""

    tenant: Tenant
    model: str
    version: str
    """The URI of what is judged."""
    region: str
    host: str
    seconds: float
    """From the commit until it was ready."""


_VERSION = re.compile(r"[1-9][0-9]{0,8}(-[a-z][a-z0-9]{0,19})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be judged: a model of a tenant, as the judged facts have it, and the version that the region loads of it."""

    tenant: Tenant
    model: str
    artefact: Artefact
    """`served_here` of the model, or another version in its place."""
    scale: ScaleProfile | None = None
    """By which limits its replicas come and go; absent means one replica."""


def wanted_version(local: Local, reference: str, version: str) -> Wanted:
    """Version `version` (`2`, `3-slow`) of `<tenant>/<model>` with the tree's own facts. Raises `UsageError` for one that cannot be."""
    tenant, _, model = reference.partition("/")
    if tenant not in local.platform.tenants or model not in local.platform.tenants[tenant].models:
        known = ", ".join(f"{one.name}/{each}" for one in local.platform.tenants.values() for each in sorted(one.models))
        raise UsageError(f"no served model {reference!r}; there are {known}")
    number = version.partition("-")[0]
    if not _VERSION.fullmatch(version):
        raise UsageError(f"{version!r} is no version; write a number, or a number and a name such as 3-slow")
    served = local.platform.tenants[tenant].models[model]
    here, uri = served_here(served), f"{names.MODEL_REGISTRY_URI}{path_served_here(served, version)}"
    signature = here.signature.model_copy(update={"uri": f"{uri}/model.sig"})
    chosen = here.model_copy(update={"version": int(number), "uri": uri, "signature": signature})
    return Wanted(local.platform.tenants[tenant], model, chosen)


@own_errors()
def bring_up(checkout: Checkout, wanted: Wanted, region: str, on_progress: OnProgress, *, root: Path | None = None) -> Standing:
    """Brings the candidate up in a region that runs, and waits until it is ready. One that is there already gets other limits.

    `root` holds the facts that run now, by default those of the checkout. Raises `UsageError` for a region that does not host the tenant,
    `SigningError` for a version that is not there or whose digest or signature does not hold, and `MachineError` when the region does not run
    or the candidate is not ready in time.
    """
    with _alone(checkout, f"gate of {wanted.tenant.name}/{wanted.model}", on_progress):
        return _bring_up(_Place(_running(checkout, region), region, on_progress, root or checkout.root), wanted)


def _bring_up(place: _Place, wanted: Wanted) -> Standing:
    local, region, tenant = place.local, place.region, wanted.tenant
    if region not in tenant.clusters:
        raise UsageError(f"{tenant.name} does not run in {region}; name one of {', '.join(tenant.clusters)}")
    served, name, version = tenant.models[wanted.model], candidate_name(tenant.name), wanted.artefact.version
    with tempfile.TemporaryDirectory(prefix="tidegate-candidate-") as scratch:
        registry = Path(scratch) / "registry"
        sha256 = place.copy(wanted, registry, f"{name}/{path_served_here(served, str(version)).partition('/')[2]}")
        judged = served.model_copy(update={"artefact": served.artefact.model_copy(update={"version": version})})
        of_tenant = tenant.model_copy(update={"models": {wanted.model: judged}})
        candidate = candidate_of(of_tenant, wanted.model, sha256, cluster=region, cpu_sha256=sha256, scale=wanted.scale)
        region_registry.upload(local, region, registry, place.say)
        chosen = local.candidates.living(candidate, {KEY: embedded_signer(KEY).public_pem()})
        seconds = place.change(chosen, name, Path(scratch))
    host = candidate.host_in(local.platform.clusters[region].domain)
    return Standing(candidate, wanted.model, wanted.artefact.uri, region, host, seconds)


@own_errors()
def remove(checkout: Checkout, tenant: str, region: str, reason: str, on_progress: OnProgress, *, root: Path | None = None) -> float:
    """Removes the candidate of a tenant by its tombstone, and waits until nothing is left of it; the seconds that took, 0 when there was none."""
    with _alone(checkout, f"gate of {tenant}", on_progress):
        return _remove(_Place(_running(checkout, region), region, on_progress, root or checkout.root), tenant, reason)


def _alone(checkout: Checkout, what: str, on_progress: OnProgress) -> AbstractContextManager[None]:
    """One candidate comes or goes at a time; a second call waits, and says for whom."""
    return alone(checkout.embedded / "candidates.lock", what, lambda who: on_progress("waiting", who))


def _remove(place: _Place, tenant: str, reason: str) -> float:
    now, name = place.local.candidates, candidate_name(tenant)
    seconds = 0.0
    if candidate := now.tenants.get(name):
        tombstone = Tombstone(
            name=name, clusters=candidate.clusters, requested_by=candidate.owners[0], reason=reason, removed_on=datetime.now(UTC).date()
        )  # fmt: skip
        now = now.removed(tombstone)
        with tempfile.TemporaryDirectory(prefix="tidegate-candidate-") as scratch:
            seconds = place.change(now, name, Path(scratch))
    if name in now.tombstones:  # also that of a removal that was interrupted
        rest = replace(place, local=fleet.open_local(place.local.checkout, place.local.platform))
        with tempfile.TemporaryDirectory(prefix="tidegate-candidate-") as scratch:
            seconds += rest.change(now.forgotten(name), name, Path(scratch))
    return seconds


def _running(checkout: Checkout, region: str) -> Local:
    local = fleet.open_local(checkout)
    if region not in local.regions:
        raise UsageError(f"no region {region!r} runs here; there are {', '.join(local.regions)}")
    if local.machine(region).process() is None:
        raise MachineError(f"{region} does not run; bring it up with `tidegate up`")
    return local


@dataclass(frozen=True, slots=True)
class _Place:
    """A running region in which a candidate comes or goes."""

    local: Local
    region: str
    say: OnProgress
    root: Path

    def copy(self, wanted: Wanted, registry: Path, own: str) -> str:
        """Copies a version that its tenant signed below the candidate's prefix, signed with the gate's key; the digest of its files."""
        artefact, tenant = wanted.artefact, wanted.tenant.name
        sha256 = self._facts().model_digests.get(artefact.uri, artefact.sha256)
        key_id = artefact.signature.key_id
        with tempfile.TemporaryDirectory(prefix="tidegate-version-") as scratch:
            folder = region_registry.fetch(self.local, self.region, artefact.uri, Path(scratch))
            # The gate's own signature says no more than that this one held.
            verify_version(folder, model_id(tenant, wanted.model, artefact), sha256, key_id, embedded_signer(key_id).public_pem())
            shutil.copytree(folder, registry / own)
        sign_version(registry / own, own, embedded_signer(KEY))
        return digest_of(registry / own)

    def _facts(self) -> EmbeddedFacts:
        """As the last bring-up rendered the regions."""
        return EmbeddedFacts.model_validate_json((self.local.machine(network.INTERNET).folder / "embedded.json").read_bytes())

    def change(self, candidates: Candidates, tenant: str, scratch: Path) -> float:
        """Makes `candidates` what the region holds; `tenant` is the one that comes or goes. The seconds from the commit on."""
        none = Candidates()
        usual = self._rendered(none, scratch / "usual")
        before, after = (
            usual if one == none else self._rendered(one, scratch / name)
            for name, one in {"before": self.local.candidates, "after": candidates}.items()
        )
        write_candidates(self.local.checkout, candidates)
        local = fleet.open_local(self.local.checkout, self.local.platform)
        programs = fleet.prepare(local.checkout, self.say).programs
        watched = Watched(local, self.region, programs, partial(self.say, self.region))
        outside = local.machine(network.INTERNET)
        lives = tenant in candidates.tenants
        if lives:
            token_issuer.write_settings(outside.folder, local.whole)
            vault_region.set_up(local, self.region, watched.cluster, sorted({*key_ids(local.platform).values(), KEY}), self.say)
        tree = git_server.open_worktree(outside)
        for path in sorted(usual.keys() | before.keys() | after.keys()):
            # What an earlier call changed, too: it may have been killed before it committed.
            if usual.get(path) == before.get(path) == after.get(path):
                continue
            target = tree / path
            if path in after:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(after[path])
            else:
                target.unlink(missing_ok=True)
        if lives:  # before Argo CD reads of it: an Application that was refused once is looked at again a minute later
            bootstrap.admit_tenants(local, self.region, watched.cluster)
        git_server.commit(outside, f"{'Judge' if lives else 'Remove' if tenant in candidates.tombstones else 'Forget'} {tenant}")
        watched.say(f"{tenant} is committed")
        return _await_ready(watched, tenant) if lives else _await_gone(watched, tenant)

    def _rendered(self, candidates: Candidates, folder: Path) -> Mapping[str, bytes]:
        """Every rendered object's file, by path, of the facts below `root` as they run here with `candidates`."""
        facts = self._facts()
        catalogue = facts.catalogue.model_copy(update={"keys": {**facts.catalogue.keys, **candidates.keys}})
        beside = facts.model_copy(
            update={"candidates": candidates.tenants, "candidate_tombstones": candidates.tombstones, "catalogue": catalogue}
        )
        folder.mkdir()
        (folder / "embedded.json").write_text(beside.model_dump_json(exclude_unset=True), encoding="utf-8")
        arguments = ["render", "--root", str(self.root), "--out", str(folder / RENDERED), "--embedded", str(folder / "embedded.json")]
        tools.run_program(self.local.checkout.python, "clusters.program", *arguments, cwd=self.local.checkout.root)
        return {str(path.relative_to(folder)): path.read_bytes() for path in (folder / "gitops").rglob("*") if path.is_file()}


def _await_ready(watched: Watched, tenant: str) -> float:
    states: list[RegionState] = []

    def is_ready() -> bool:
        states[:] = [read_region(watched.local, watched.name, watched.programs)]
        mine = [one for one in states[0].models if one.name.startswith(f"{tenant}/")]
        return bool(mine) and all(one.ready or not one.executed for one in mine) and not _waiting(states[0], tenant)

    return wait_until(
        is_ready, f"{tenant} to be ready in {watched.name}", patience_seconds=_READY_SECONDS, pause_seconds=2,
        why_not=lambda: "; ".join(_waiting(states[0], tenant)) if states else "", say=watched.say,
    )  # fmt: skip


def _await_gone(watched: Watched, tenant: str) -> float:
    """Until its namespace is gone and, once its tombstone is gone from Git too, its Applications and its project."""
    namespace, left = names.tenant_namespace(tenant), ""
    buried = tenant in watched.local.candidates.tombstones

    def is_gone() -> bool:
        nonlocal left
        left = watched.cluster.run("get", "namespace", namespace, "--ignore-not-found", "--output=name").strip()
        if not left and not buried:
            found = watched.cluster.run(
                "get", "applications.argoproj.io,appprojects.argoproj.io", f"--namespace={names.NAMESPACE_ARGOCD}", "--output=name"
            )
            left = ", ".join(one for one in found.split() if one.endswith(f"-{tenant}"))
        return not left

    return wait_until(
        is_gone, f"{tenant} to be gone from {watched.name}", patience_seconds=_GONE_SECONDS, pause_seconds=1,
        why_not=lambda: f"{left} is still there", say=watched.say,
    )  # fmt: skip


def _waiting(state: RegionState, tenant: str) -> list[str]:
    """What is not live yet of a tenant, each with its reason."""
    return [one for one in state.told if tenant in one.partition(" ")[0]]
