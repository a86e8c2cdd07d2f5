"""Signs a version that its model server can load: what would be refused on the pull request is not signed first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.errors import UsageError
from tidegate.facts import inventory
from tidegate.facts.models.served_model import Runtime, ServedModel
from tidegate.facts.models.server_libraries import DENSE_POOL
from tidegate.facts.signature import SignedStatement
from tidegate.signing.bundles import SigningError, sign_version
from tidegate.signing.keys import Signer
from tidegate.signing.layouts import layout_problem

POOL = DENSE_POOL.split()[-1]
"""How `--runtime` calls a dense pool, whose files are in a catalogue whatever the runtime."""

RUNTIMES = (*(str(one) for one in Runtime), POOL)


@dataclass(frozen=True, slots=True)
class Loader:
    """A model server that will look for files of a version."""

    runtime: Runtime
    dense_pool: bool = False


def sign_loadable(
    folder: Path, name: str, signer: Signer, loaders: Sequence[Loader], libraries: Mapping[str, str] | None = None
) -> SignedStatement:  # fmt: skip
    """As `sign_version`, of files that each of `loaders` can load. Raises `SigningError` naming what one would miss; nothing is signed then."""
    model = name.split("/")[1] if name.count("/") == 2 else ""
    for one in loaders if model else ():
        if folder.is_dir() and (problem := layout_problem(folder, model, one.runtime, dense_pool=one.dense_pool)):
            raise SigningError(f"{folder} cannot be signed as {name}: {problem}")
    return sign_version(folder, name, signer, used=libraries)


def loaders_of(name: str, runtime: str | None, find_checkout: Callable[[], Checkout]) -> list[Loader]:
    """What will load the version `name`: `runtime` when it is named, else what the tenant's file in the checkout says.

    Raises `UsageError` when neither says it.
    """
    if runtime:
        if runtime not in RUNTIMES:
            raise UsageError(f"{runtime} is no model server; there are {', '.join(RUNTIMES)}")
        return [Loader(Runtime.MLSERVER_SKLEARN, dense_pool=True) if runtime == POOL else Loader(Runtime(runtime))]
    tenant, _, rest = name.partition("/")
    model, _, version = rest.partition("/")
    found = inventory.load(find_checkout().root).tenants.get(tenant)
    if found is None or model not in found.models:
        raise UsageError(f"no tenant's file names {tenant}/{model} yet; say what will load it with --runtime ({', '.join(RUNTIMES)})")
    return _loaders(found.models[model], version)


def _loaders(model: ServedModel, version: str) -> list[Loader]:
    alternative, pooled = model.also_on_cpu, model.dense_pool is not None
    if alternative and alternative.artefact and version.endswith("-cpu"):
        return [Loader(alternative.runtime)]
    shared = [Loader(alternative.runtime)] if alternative and not alternative.artefact else []
    return [Loader(model.runtime, pooled), *shared]


def parse_libraries(given: Sequence[str]) -> dict[str, str]:
    """`scikit-learn=1.9.1` and the like, by name. Raises `UsageError` for another form."""
    found: dict[str, str] = {}
    for one in given:
        library, sign, version = one.partition("=")
        if not sign:
            raise UsageError(f"--library {one} has no version; write it as scikit-learn=1.9.1")
        found[library] = version.removeprefix("=")
    return found
