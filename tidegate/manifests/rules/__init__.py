"""The platform's rules about rendered objects, beyond what a schema can say.

What belongs here: small functions named `require_`, `forbid_` or `limit_`, one per rule, grouped by subject. Each has at
least one allowed and one denied example in tests/tidegate/manifests/rules/<rule-name>/. What does not: rules about facts, which
`tidegate.facts` refuses before anything is rendered, and rules enforced inside the cluster (`policies/`).

A rule has one id. What the API server can judge is a policy; here is what it cannot see: files, the platform's own objects, what
an object means for others. A rule that has to be in both, because a tenant should not wait for the API server's answer, has the
policy's id and takes its sentences from the policy's file; `tests/policies/test_one_rule.py` lists those, and puts the policy's
cases through both.
"""

from tidegate.manifests.rules.delivery import RULES as _DELIVERY
from tidegate.manifests.rules.gpus import RULES as _GPUS
from tidegate.manifests.rules.images import RULES as _IMAGES
from tidegate.manifests.rules.pods import RULES as _PODS
from tidegate.manifests.rules.quantities import RULES as _QUANTITIES
from tidegate.manifests.rules.serving import RULES as _SERVING
from tidegate.manifests.rules.tenancy import RULES as _TENANCY
from tidegate.manifests.rules.traffic import RULES as _TRAFFIC

RULES = (*_DELIVERY, *_GPUS, *_IMAGES, *_PODS, *_QUANTITIES, *_SERVING, *_TENANCY, *_TRAFFIC)
"""Every rule."""

__all__ = ["RULES"]
