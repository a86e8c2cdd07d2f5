"""Brings the candidate of a merge gate up in a running region, beside the tenants that serve, and takes it away by its tombstone.

Only what the candidate changes is committed to the Git server: the difference between two renderings of the same facts, with it and
without it. So a gate never rolls out anything else of the change that it judges.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud.account import Account, own_errors
from tidegate.cloud.model_buckets import registries_of
from tidegate.embedded import emulator, example_models
from tidegate.embedded.delivery import bootstrap, git_server
from tidegate.embedded.fleet import bring_up as fleet
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.fleet.candidates import Candidates, write_candidates
from tidegate.embedded.identity import token_issuer
from tidegate.embedded.live_regions import Watched
from tidegate.embedded.machines import network
from tidegate.embedded.model_index import find_version, read_index
from tidegate.embedded.region_status import RegionState, read_region
from tidegate.embedded.signed_models import sign_registry
from tidegate.embedded.vault import vault_region
from tidegate.errors import MachineError, UsageError
from tidegate.facts import cloud_names, names
from tidegate.facts.embedded import EmbeddedFacts, path_served_here
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

    tenant: str
    model: str
    version: str
    region: str
    host: str
    seconds: float
    """From the commit until it was ready."""


@own_errors()
def bring_up(
    checkout: Checkout, reference: str, version: str, region: str, on_progress: OnProgress, *, root: Path | None = None
) -> Standing:
    """Brings version `version` (`2`, `3-slow`) of `<tenant>/<model>` up in a region that runs, and waits until it is ready.

    `root` holds the facts that run now, by default those of the checkout. Raises `UsageError` for a model or version that does not exist,
    `SigningError` for one whose signature does not hold, and `MachineError` when the region does not run or the candidate is not ready in time.
    """
    with _alone(checkout, f"gate of {reference}", on_progress):
        return _bring_up(_Place(_running(checkout, region), region, on_progress, root or checkout.root), reference, version)


def _bring_up(place: _Place, reference: str, version: str) -> Standing:
    local, region = place.local, place.region
    tenant_name, _, model = reference.partition("/")
    tenant = local.platform.tenants.get(tenant_name)
    if tenant is None or model not in tenant.models or region not in tenant.clusters:
        known = ", ".join(f"{one.name}/{each}" for one in local.platform.tenants_of(region) for each in sorted(one.models))
        raise UsageError(f"no served model {reference!r} in {region}; there are {known}")
    served, name, number = tenant.models[model], candidate_name(tenant_name), _number(version)
    with tempfile.TemporaryDirectory(prefix="tidegate-candidate-") as scratch:
        own = f"{name}/{path_served_here(served, str(number)).partition('/')[2]}"
        sha256 = place.copy(path_served_here(served, version), Path(scratch) / "registry", own)
        wanted = served.model_copy(update={"artefact": served.artefact.model_copy(update={"version": number})})
        candidate = candidate_of(tenant.model_copy(update={"models": {model: wanted}}), model, sha256, cluster=region, cpu_sha256=sha256)
        place.upload(Path(scratch) / "registry")
        chosen = local.candidates.living(candidate, {KEY: embedded_signer(KEY).public_pem()})
        seconds = place.change(chosen, name, Path(scratch))
    return Standing(name, model, version, region, candidate.host_in(local.platform.clusters[region].domain), seconds)


@own_errors()
def remove(checkout: Checkout, tenant: str, region: str, reason: str, on_progress: OnProgress, *, root: Path | None = None) -> float:
    """Removes the candidate of a tenant by its tombstone, and waits until nothing is left of it; the seconds that took, 0 when there was none."""
    with _alone(checkout, f"gate of {tenant}", on_progress):
        return _remove(_Place(_running(checkout, region), region, on_progress, root or checkout.root), tenant, reason)


def _alone(checkout: Checkout, what: str, on_progress: OnProgress) -> AbstractContextManager[None]:
    """One candidate comes or goes at a time; whoever is second waits and is told for whom."""
    return alone(checkout.embedded / "candidates.lock", what, lambda who: on_progress("waiting", who))


def _remove(place: _Place, tenant: str, reason: str) -> float:
    if (candidate := place.local.candidates.tenants.get(candidate_name(tenant))) is None:
        return 0.0
    tombstone = Tombstone(
        name=candidate.name,
        clusters=candidate.clusters,
        requested_by=candidate.owners[0],
        reason=reason,
        removed_on=datetime.now(UTC).date(),
    )
    with tempfile.TemporaryDirectory(prefix="tidegate-candidate-") as scratch:
        return place.change(place.local.candidates.removed(tombstone), candidate.name, Path(scratch))


def _number(version: str) -> int:
    """Of `3-slow` 3: a tenant's file names versions by number."""
    number = version.partition("-")[0]
    if not number.isdigit():
        raise UsageError(f"{version!r} is no version; write a number, or a number and a name such as 3-slow")
    return int(number)


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

    def copy(self, path: str, registry: Path, own: str) -> str:
        """Copies a version that its tenant signed below the candidate's prefix, signed with the gate's key; the digest of its files."""
        keys = key_ids(self.local.platform)
        signed = sign_registry(example_models.train(self.local.checkout, self.say), keys, self.say)
        found = find_version(signed, path)
        if found is None:
            of_model = sorted(one.version for one in read_index(signed) if one.path.rpartition("/")[0] == path.rpartition("/")[0])
            raise UsageError(f"there is no version {path}; there are {', '.join(of_model) or 'none of that model'}")
        key_id = keys[found.tenant]
        # The gate's own signature says no more than that this one held.
        verify_version(signed / found.path, found.path, found.sha256, key_id, embedded_signer(key_id).public_pem())
        shutil.copytree(signed / found.path, registry / own)
        sign_version(registry / own, own, embedded_signer(KEY))
        return digest_of(registry / own)

    def upload(self, registry: Path) -> None:
        """Puts the files where the region's pods fetch them."""
        running, _ = emulator.ensure_running(self.local.checkout)
        bucket = cloud_names.models_bucket(self.region, self.local.platform.clusters[self.region].account_id)
        example_models.upload_folder(registry, {bucket: registries_of(self.local.platform, Account(running.endpoint))[bucket]}, self.say)

    def change(self, candidates: Candidates, tenant: str, scratch: Path) -> float:
        """Makes `candidates` what the region holds; `tenant` is the one that comes or goes. The seconds from the commit on."""
        usual, before, after = (
            self._rendered(one, scratch / name)
            for name, one in {"usual": Candidates(), "before": self.local.candidates, "after": candidates}.items()
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
        git_server.commit(outside, f"{'Judge' if lives else 'Remove'} {tenant}")
        watched.say(f"{tenant} is committed")
        return _await_ready(watched, tenant) if lives else _await_gone(watched, tenant)

    def _rendered(self, candidates: Candidates, folder: Path) -> Mapping[str, bytes]:
        """Every rendered object's file, by path, of the facts below `root` as they run here with `candidates`."""
        facts = EmbeddedFacts.model_validate_json((self.local.machine(network.INTERNET).folder / "embedded.json").read_bytes())
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
    namespace = names.tenant_namespace(tenant)

    def left() -> str:
        return watched.cluster.run("get", "namespace", namespace, "--ignore-not-found", "--output=name").strip()

    return wait_until(
        lambda: not left(), f"{tenant} to be gone from {watched.name}", patience_seconds=_GONE_SECONDS, pause_seconds=1,
        why_not=lambda: f"{namespace} is still there", say=watched.say,
    )  # fmt: skip


def _waiting(state: RegionState, tenant: str) -> list[str]:
    """What is not live yet of a tenant, each with its reason."""
    return [one for one in state.told if tenant in one.partition(" ")[0]]
