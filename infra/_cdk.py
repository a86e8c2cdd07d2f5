"""The one door to cdktf, or to cdktn, its living fork: no other module imports either.

HashiCorp archived cdktf in December 2025 (decision 0001). `TIDEGATE_CDK=cdktn` synthesises the same stacks with the
fork; state and logical names stay, so leaving costs this one setting. `tests/infra/test_parity.py` holds that promise.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import TYPE_CHECKING

from tidegate.errors import UsageError

VARIABLE = "TIDEGATE_CDK"
"""Names the library: `cdktf` (default) or `cdktn`."""

LIBRARY = os.environ.get(VARIABLE, "cdktf")

if LIBRARY not in {"cdktf", "cdktn"}:
    raise UsageError(f"{VARIABLE}={LIBRARY} names no library; use cdktf or cdktn")

# jsii prints a page about Node.js 20, which distributions support longer than its authors do; the value is the version.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

if TYPE_CHECKING or LIBRARY == "cdktf":
    from cdktf import App, S3Backend, TerraformDataSource, TerraformOutput, TerraformProvider, TerraformResource, TerraformStack
else:
    from cdktn import App, S3Backend, TerraformDataSource, TerraformOutput, TerraformProvider, TerraformResource, TerraformStack

__all__ = [
    "LIBRARY", "VARIABLE", "App", "S3Backend", "TerraformDataSource", "TerraformOutput", "TerraformProvider", "TerraformResource", "TerraformStack",
    "helm_provider_module", "helm_release_module",
]  # fmt: skip


if TYPE_CHECKING:
    from cdktf_cdktf_provider_helm import provider as helm_provider
    from cdktf_cdktf_provider_helm import release as helm_release


def helm_provider_module():  # noqa: ANN202 - the module's type is inferred, so that callers see the published types
    """The published bindings of the Helm provider; imported on the first call, because that takes a second."""
    if TYPE_CHECKING:
        return helm_provider
    return _helm("provider")


def helm_release_module():  # noqa: ANN202 - as above
    """The published bindings of `helm_release`."""
    if TYPE_CHECKING:
        return helm_release
    return _helm("release")


def _helm(name: str) -> ModuleType:
    import importlib  # noqa: PLC0415 - needed by the lazy path only

    package = "cdktf_cdktf_provider_helm" if LIBRARY == "cdktf" else "cdktn_provider_helm"
    return importlib.import_module(f"{package}.{name}")
