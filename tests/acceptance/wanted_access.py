"""What tenants' identities may do by our own intent, and nothing else."""

from __future__ import annotations

from tests.acceptance.access_review import Account, Question
from tidegate.facts import names

TO_EVERYBODY = {
    ("create", "authentication.k8s.io", "selfsubjectreviews", ""),
    ("create", "authorization.k8s.io", "selfsubjectaccessreviews", ""),
    ("create", "authorization.k8s.io", "selfsubjectrulesreviews", ""),
}
"""What upstream grants to every authenticated identity: to ask who it is and what it may do (`system:basic-user`)."""

DEPLOYS = {
    (verb, "serving.kserve.io", "inferenceservices")
    for verb in ("get", "list", "watch", "create", "update", "patch")
}  # fmt: skip
"""All that a tenant's deploy account may do, in its own namespace; its other accounts may do nothing. It deletes by tombstone only."""


def is_wanted(account: Account, question: Question) -> bool:
    """What is written above, and nothing else."""
    if (question.verb, question.group, question.resource, question.namespace) in TO_EVERYBODY:
        return True
    is_deployer = account.name == names.deploy_service_account(account.namespace.removeprefix("tenant-"))
    return is_deployer and question.namespace == account.namespace and (question.verb, question.group, question.resource) in DEPLOYS
