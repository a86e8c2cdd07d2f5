"""Names of what a release consists of in a cluster."""

from __future__ import annotations

from tidegate.facts.models.route_names import LIVE_ENDING

RELEASE_GROUP, RELEASE_VERSION, RELEASE_KIND, RELEASE_PLURAL = "tidegate.dev", "v1alpha1", "Release", "releases"
GUARD_CONFIG_MAP = "releases"
"""In each tenant's namespace: the parameter of the policy that holds Routes to what is approved."""
ANNOTATION_WITHOUT_PARAMETER = "tidegate.dev/without-parameter"
"""On a policy: why it lets in what it has no parameter for. Without this annotation it refuses that."""
FIELD_MANAGER = "tidegate-release-controller"
CONTROLLER_RELEASE = "release-controller"
"""The ServiceAccount of the release controller, in the platform's namespace. Admission lets nobody else raise a share."""
ANNOTATION_TAKEN_BACK = "tidegate.dev/taken-back"
"""On a Route: the UID of the revision that the last abort took its users from."""
ANNOTATION_GIVEN = "tidegate.dev/given-share"
ANNOTATION_TAKEN_BACK_BECAUSE = "tidegate.dev/taken-back-because"
ANNOTATION_ORDER = "tidegate.dev/release-order"
"""On a Release: what a person orders, once, as JSON (`tidegate.release.orders.Order`)."""
ANNOTATION_FROZEN = "tidegate.dev/release-frozen"
"""On a Release: the reason for which no share is raised; without it, or while it is empty, nothing is frozen."""
FROZEN_ALL = "frozen"
"""In the ConfigMap `releases` of the controller's own namespace: the reason for which nothing is raised anywhere; `frozen.<namespace>` for one."""


def live_route(model: str) -> str:
    """The Knative Route that users of a model go through."""
    return f"{model}{LIVE_ENDING}"


def model_of_route(route: str) -> str:
    """The model whose users go through a Knative Route; empty for every other Route."""
    return route.removesuffix(LIVE_ENDING) if route.endswith(LIVE_ENDING) else ""
