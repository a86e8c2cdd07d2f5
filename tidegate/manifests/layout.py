"""Where rendered objects are: `<cluster>/platform/<component>`, `<cluster>/tenants/<tenant>` and `<cluster>/delivery`.

Components and tenants have a folder each to themselves, so that a tenant may be named like a component.
"""

from __future__ import annotations

RENDERED = "gitops/rendered"
"""Below the checkout, and in the repository that Argo CD reads."""


TENANTS = "tenants"


def component_folder(cluster: str, component: str) -> str:
    """What one component of the platform consists of in `cluster`."""
    return f"{cluster}/platform/{component}"


def tenant_folder(cluster: str, tenant: str) -> str:
    """Guard rails and served models of one tenant in `cluster`."""
    return f"{cluster}/{TENANTS}/{tenant}"


def delivery_folder(cluster: str) -> str:
    """Argo CD's projects and Applications of `cluster`; the root Application reads it."""
    return f"{cluster}/delivery"
