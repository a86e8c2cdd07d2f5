"""Verifies the models of an account's buckets against what the checkout names, and writes the signed lists of approved models."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.checkout import Checkout
from tidegate.cloud.account import Account, own_errors
from tidegate.cloud.model_buckets import registries_of
from tidegate.errors import CloudError, Finding, InventoryError, UsageError
from tidegate.facts import cloud_names, inventory, names
from tidegate.facts.inventory.catalogue import FOLDER, KEYS, load_catalogue
from tidegate.facts.inventory.serving_pins import load_pins
from tidegate.facts.platform import Platform, tenant_source
from tidegate.facts.signature import ApprovedModel, ModelCatalogue, approved, paths_of
from tidegate.facts.tenant import Tenant
from tidegate.signing import committed, review
from tidegate.signing.bundles import SigningError, sign_catalogue
from tidegate.signing.checks.files import refuse_name
from tidegate.signing.checks.refusal import Refusal
from tidegate.signing.keys import Signer, key_ids
from tidegate.tools.files import staged

if TYPE_CHECKING:  # the stubs are a test dependency
    from mypy_boto3_s3 import S3Client


def in_bucket(client: S3Client, bucket: str) -> review.Fetch:
    """Fetches versions from a cluster's models bucket."""

    @own_errors()
    def fetch(uri: str, scratch: Path) -> Path:
        if not uri.startswith(names.MODEL_REGISTRY_URI):
            raise SigningError(f"{uri} is not in the model registry")
        prefix = f"{uri.removeprefix(names.MODEL_REGISTRY_URI).rstrip('/')}/"
        for key in _keys(client, bucket, prefix):
            name = key.removeprefix(prefix)
            try:
                refuse_name(name)
            except Refusal as refused:
                raise SigningError(f"{uri}: {refused}") from refused
            target = scratch / name
            target.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket, key, str(target))
        if not any(scratch.iterdir()):
            raise SigningError(f"nothing is at {uri} in {bucket}")
        return scratch

    return fetch


def _keys(client: S3Client, bucket: str, prefix: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (key for entry in page.get("Contents", []) if (key := entry.get("Key", "")) and not key.endswith("/"))


def require_tenant(checkout: Checkout, tenant: str) -> Platform:
    """The platform, which has that tenant; raises `UsageError` when it has not."""
    platform = inventory.load(checkout.root)
    if tenant not in platform.tenants:
        raise UsageError(f"{tenant} is no tenant; the tenants are {', '.join(sorted(platform.tenants))}")
    return platform


def write_catalogue(
    checkout: Checkout, tenant: str, signer: Callable[[str], Signer], retired: Collection[str], registries: Mapping[str, review.Registry]
) -> tuple[Path, Sequence[ApprovedModel]]:
    """Writes a tenant's signed list and its public key into the checkout; returns the file and what it lists.

    Earlier entries stay, except `retired`. Every version is fetched from each of `registries` (by name) that has to hold it, and verified
    first: bytes, signature, name and version. Raises `UsageError` for a tenant that does not exist, one whose models name several keys, and a
    version that is served and retired at once; `InventoryError` with a finding for each version that is not what would be listed,
    and then nothing is written.
    """
    platform = require_tenant(checkout, tenant)
    ids = key_ids(Platform(platform.clusters, {tenant: platform.tenants[tenant]}))
    if tenant not in ids:
        raise UsageError(f"tenant {tenant} serves no model")
    before = load_catalogue(checkout.root)
    named = {entry.model for entry in approved([platform.tenants[tenant]], ModelCatalogue())}
    if served := sorted(set(retired) & named):
        raise UsageError(f"{served[0]} is what the tenant's file names; serve another version first")
    kept = [entry for entry in approved([platform.tenants[tenant]], before) if entry.model not in retired]
    chosen = signer(ids[tenant])
    listed = tuple(kept)
    public = {**before.keys, ids[tenant]: chosen.public_pem()}
    if findings := list(_unverified(platform.tenants[tenant], listed, public, registries)):
        raise InventoryError(findings)
    path = checkout.root / FOLDER / f"{tenant}.json"
    signed = sign_catalogue(ModelCatalogue(models=listed), tenant, chosen) + b"\n"
    with staged({checkout.root / KEYS / f"{ids[tenant]}.pem": chosen.public_pem().encode(), path: signed}) as put_in_place:
        put_in_place()
    return path, listed


def _unverified(
    tenant: Tenant, listed: Sequence[ApprovedModel], keys: Mapping[str, str], registries: Mapping[str, review.Registry]
) -> Iterator[Finding]:
    """A finding for each version in each registry that has to hold it. Earlier ones belong wherever the tenant runs: any may be wanted again."""
    paths = paths_of(tenant)
    for where, registry in registries.items():
        wanted = {one.artefact.uri for model in tenant.models.values() for one in registry.wants(tenant, model)}
        elsewhere = paths.keys() - wanted
        if registry.cluster and registry.cluster.name not in tenant.clusters:
            continue
        for entry in (entry for entry in listed if entry.uri not in elsewhere):
            try:
                review.check_version(entry, keys, registry.fetch)
            except (SigningError, CloudError) as refused:
                is_named = entry.uri in paths
                source = tenant_source(tenant.name) if is_named else (FOLDER / f"{tenant.name}.json").as_posix()
                otherwise = "correct the tenant's file" if is_named else f"leave it out with --retire {entry.model}"
                remedy = f"put the signed files there, or {otherwise}"
                path = paths.get(entry.uri, entry.model)
                yield Finding(source, path, "model-not-verified", f"in {where}: {refused}", remedy, entry.uri)


def buckets(platform: Platform, account: Account) -> dict[str, review.Registry]:
    """Each cluster's models bucket, by its name."""
    clusters = {cloud_names.models_bucket(name, cluster.account_id): cluster for name, cluster in platform.clusters.items()}
    clients = registries_of(platform, account)
    return {bucket: review.Registry(in_bucket(client, bucket), clusters[bucket]) for bucket, client in sorted(clients.items())}


def registries(checkout: Checkout) -> dict[str, review.Registry]:
    """The models buckets of your own account, by name."""
    return buckets(inventory.load(checkout.root), Account(None))


def verify_account(checkout: Checkout, only: Collection[str]) -> Iterator[tuple[str, list[review.Checked]]]:
    """Verifies the named models (all without names) in the buckets of your own account against the committed catalogue.

    Raises `InventoryError` with a finding for each refused model or list.
    """
    platform, recorded = inventory.load(checkout.root), load_catalogue(checkout.root)
    if findings := committed.check_catalogue(checkout.root, platform, recorded):
        raise InventoryError(findings)
    yield from verify_in_buckets(platform, Account(None), recorded.keys, {}, only, pins=load_pins(checkout.root))


def verify_in_buckets(
    platform: Platform, account: Account, keys: Mapping[str, str], digests: Mapping[str, str], only: Collection[str],
    *, pins: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, list[review.Checked]]]:  # fmt: skip
    """Verifies the named models (all without names) in the bucket of each cluster that serves them, with the bucket's name.

    Raises `InventoryError`.
    """
    for bucket, registry in buckets(platform, account).items():
        yield bucket, review.check_models(platform, keys, registry, digests=digests, only=only, pins=pins)
