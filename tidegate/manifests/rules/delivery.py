"""Delivery: an Argo CD project names everything it may touch, and nothing runs as a hook."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.errors import Finding
from tidegate.manifests.placed import Placed, fields, fields_in, items
from tidegate.manifests.policy_files import sentences

_HOOK, _SYNC_OPTION = sentences("forbid-argo-cd-hooks")

_HOOKS = ("argocd.argoproj.io/hook", "argocd.argoproj.io/hook-delete-policy", "helm.sh/hook", "helm.sh/hook-delete-policy")
_OPTIONS = "argocd.argoproj.io/sync-options"
_FORBIDDEN_OPTIONS = frozenset({"Replace=true", "Force=true", "Prune=false", "Delete=false", "Validate=false"})


def forbid_project_wildcard(placed: Placed) -> Iterator[Finding]:
    """A pattern matches what comes later: `team-1*` is also `team-10`."""
    if placed.kind != "AppProject":
        return
    remedy = "name each"
    for index, repository in enumerate(items(placed.spec.get("sourceRepos"))):
        if _is_pattern(repository):
            yield placed.finding("forbid-project-wildcard", f"spec.sourceRepos[{index}]", "any repository fits", remedy, repository)
    for group, names in (
        ("destinations", ("namespace", "server", "name")),
        ("clusterResourceWhitelist", ("group", "kind")),
        ("namespaceResourceWhitelist", ("group", "kind")),
    ):
        for index, entry in fields_in(placed.spec.get(group)):
            for name in names:
                if _is_pattern(entry.get(name, "")):
                    at = f"spec.{group}[{index}].{name}"
                    yield placed.finding("forbid-project-wildcard", at, "a pattern also fits what comes later", remedy, entry[name])


def _is_pattern(value: object) -> bool:
    return any(sign in str(value) for sign in "*?[!")


def require_project(placed: Placed) -> Iterator[Finding]:
    """Project `default` allows everything."""
    if placed.kind == "Application" and str(placed.spec.get("project") or "default") == "default":
        value = placed.spec.get("project", "")
        yield placed.finding(
            "require-project", "spec.project", "the default project allows everything", "name the tenant's or the platform's", value
        )


def forbid_argo_cd_hooks(placed: Placed) -> Iterator[Finding]:
    """Deletion hooks ran outside of their project (CVE-2026-77459), and nothing that is rendered needs any hook."""
    annotations = fields(placed.metadata.get("annotations"))
    for key in _HOOKS:
        if key in annotations:
            yield placed.finding("forbid-argo-cd-hooks", f"metadata.annotations[{key}]", *_HOOK, annotations[key])
    options = str(annotations.get(_OPTIONS, ""))
    if _FORBIDDEN_OPTIONS & {option.strip() for option in options.split(",")}:
        yield placed.finding("forbid-argo-cd-hooks", f"metadata.annotations[{_OPTIONS}]", *_SYNC_OPTION, options)


RULES = (forbid_argo_cd_hooks, forbid_project_wildcard, require_project)
