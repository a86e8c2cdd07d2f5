"""Which file of the checkout decides a rendered object, for the comment at its head."""

from __future__ import annotations

from types import ModuleType
from typing import cast

from clusters.addons import listing
from clusters.components.admission.policy_groups import GROUP_PREFIX
from clusters.components.tenancy import catalogue
from tidegate.facts import names
from tidegate.facts.platform import Platform, tenant_source
from tidegate.manifests.tree import name_of
from tidegate.manifests.yaml_text import Manifest

EVERY_TENANT = tenant_source("*")
"""An object that holds something of each tenant."""


def file_of(module: ModuleType) -> str:
    """The module's own file: no fact decides more than names and places in what it makes."""
    return f"{module.__name__.replace('.', '/')}.py"


def of_tenant(platform: Platform, manifest: Manifest) -> str | None:
    """The file of the tenant whose the object is, by its label; None for an object of the platform."""
    labels = cast("dict[str, dict[str, str]]", manifest["metadata"]).get("labels", {})
    tenant = labels.get(names.LABEL_TENANT, "")
    return tenant_source(tenant) if tenant in platform.tenants else None


def of_policy(manifest: Manifest) -> str:
    """The policy's folder, or all of them for a policy that several are put into."""
    name = name_of(manifest)
    return f"policies/{'*' if name.startswith(GROUP_PREFIX) else name}/policy.yaml"


def of_catalogue(manifest: Manifest) -> str:
    """The tenants' files, with what each serves, for the list of all; no fact decides the namespace that it is in."""
    return EVERY_TENANT if manifest["kind"] == "ConfigMap" else file_of(catalogue)


def of_add_on(manifest: Manifest) -> str:
    """The add-on's module for its Application; for their project the list of all."""
    module = listing.MODULES.get(name_of(manifest).removeprefix(names.add_on_application("")))
    return file_of(module or listing)
