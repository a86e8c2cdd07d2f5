"""The bucket that holds every stack's Terraform state, and its key.

Here: what must exist before any other stack has a state. Not here: anything else, because whoever may change this stack
can rewrite all the others' memory. Its own state lies in the bucket it describes: the bucket is created by one API call
before the first apply (`tidegate.cloud`) and adopted by the import block below. One state file per stack and one
bucket per cluster, so that losing a region loses no state of the other (DESIGN.md, section 2).
"""

from __future__ import annotations

from infra.constructs.bucket import add_bucket
from infra.constructs.key import add_key
from infra.constructs.stack import Stack
from tidegate.facts import cloud_names

OLD_VERSIONS_DAYS = 90
"""How far back a state can be restored by version."""


# moto 5.2.5 cannot delete a delete marker (each released lock leaves one) once versioning is off, and Terraform turns it
# off before it deletes the bucket: whoever takes a local platform down empties the bucket first, versioning still on.
def build(stack: Stack) -> None:
    """Adds the bucket, adopted, and its key."""
    bucket_name = cloud_names.state_bucket(stack.cluster.name, stack.cluster.account_id)
    key = add_key(stack, "state", "Terraform state")
    bucket = add_bucket(stack, "state", bucket_name=bucket_name, key_arn=key["arn"], old_versions_days=OLD_VERSIONS_DAYS)
    stack.add_override("import", [{"to": bucket.bucket.address, "id": bucket_name}])
