"""From an add-on to the objects that Argo CD applies: upstream is read, everything after that is pure."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from clusters.addons import at_rest, documents
from clusters.addons.add_on import AddOn, EmbeddedSource, HelmChart, Kustomization, RenderPrograms, SourceModule, YamlFiles
from clusters.addons.documents import Document
from clusters.addons.region import AddOnRegion
from clusters.releases import RELEASES
from tidegate import tools
from tidegate.errors import Finding, ManifestError
from tidegate.manifests.tree import RenderedObject, file_path
from tidegate.manifests.yaml_text import Manifest, emit

KUBERNETES_VERSION = RELEASES.release("kubernetes")
"""The version that charts render for; they leave out what an older one lacks."""


def render(add_on: AddOn, modules: Mapping[str, Path], region: AddOnRegion, programs: RenderPrograms) -> Sequence[Manifest]:
    """Everything the Application of `add_on` applies, each object with its namespace, in a fixed order.

    `modules` gives the folder of each module by `GoModule.key`. Raises `ManifestError` when a module, a file, an image or
    something we change is not there, and `ToolError` when helm or kubectl fails.
    """
    upstream = [document for source in add_on.embedded for document in _read(source, modules, region, programs)]
    adapted = [documents.complete(document, add_on.namespace) for document in add_on.adapt(upstream, region)]
    owned = [
        documents.namespace_object(namespace, privileged=namespace in add_on.privileged_namespaces) for namespace in add_on.owned_namespaces
    ]
    for document in adapted:
        if documents.kind(document) == documents.DEFINITION:
            documents.without_descriptions(document)
        at_rest.probe_seldom(document)
        at_rest.use_one_thread(document)
    kept = documents.without(adapted, lambda document: documents.kind(document) == "Namespace")
    return sorted([*owned, *kept], key=_place)


def emit_files(add_on: AddOn, manifests: Iterable[Manifest]) -> dict[str, bytes]:
    """The files of an add-on, by their path below the tree: `<name>/<kind>-<namespace>-<name>.yaml`.

    The namespace is in the name only where it is not the add-on's own: charts have objects of one name in several.
    """
    comment = f"Rendered from {add_on.name} {add_on.version} by `python -m clusters.addons render`; edit clusters/addons."
    files: dict[str, bytes] = {}
    for manifest in manifests:
        described = cast("Mapping[str, object]", manifest["metadata"])
        path = file_path(RenderedObject(add_on.name, "", manifest))
        namespace = described.get("namespace", add_on.namespace)
        if namespace != add_on.namespace:
            folder, _, file = path.rpartition("/")
            path = f"{folder}/{namespace}-{file}"
        # Role names such as `system:coredns` are fine on Linux and in Git, but not on every reader's file system.
        path = path.replace(":", "-")
        if path in files:
            raise ManifestError([Finding(path, "", "object-twice", "two objects have this kind, namespace and name", "drop one")])
        files[path] = emit(manifest, comment)
    return files


def _read(source: EmbeddedSource, modules: Mapping[str, Path], region: AddOnRegion, programs: RenderPrograms) -> Iterator[Document]:
    module = _folder(source.module, modules)
    match source:
        case HelmChart():
            yield from _template(source, module, region, programs)
        case Kustomization():
            # From inside the module: kustomize takes a path such as `github.com/...` for a repository to be cloned.
            printed = tools.run([str(programs.kubectl), "kustomize", source.folder], cwd=module, timeout_seconds=120).stdout
            yield from documents.parse_all(printed)
        case YamlFiles():
            for path in matching(source, module):
                yield from documents.parse_all(path.read_text(encoding="utf-8"))


def _template(chart: HelmChart, module: Path, region: AddOnRegion, programs: RenderPrograms) -> Iterator[Document]:
    with tempfile.TemporaryDirectory(prefix="tidegate-helm-") as folder:
        values = Path(folder) / "values.json"
        values.write_text(json.dumps(chart.values(region), sort_keys=True), encoding="utf-8")
        # Helm looks for plugins and repositories in its home; an empty one keeps the user's out of what we commit.
        home = {"HELM_CACHE_HOME": folder, "HELM_CONFIG_HOME": folder, "HELM_DATA_HOME": folder}
        command = [
            str(programs.helm), "template", chart.release, str(module / chart.folder), "--namespace", chart.namespace,
            "--values", str(values), "--kube-version", KUBERNETES_VERSION, "--include-crds", "--skip-tests", "--no-hooks",
        ]  # fmt: skip
        yield from documents.parse_all(tools.run(command, env=home, timeout_seconds=120).stdout)


def matching(source: YamlFiles, module: Path) -> list[Path]:
    """The files of `module` that `source` names; raises `ManifestError` when a glob matches none."""
    found: list[Path] = []
    for glob in source.globs:
        paths = [path for path in sorted(module.glob(glob)) if not path.name.endswith(source.excluded or ("\0",))]
        if not paths:
            raise ManifestError(
                [Finding(source.module.key, glob, "upstream-changed", "no file matches", "read the release and adapt the add-on")]
            )
        found += paths
    return found


def _folder(module: SourceModule, modules: Mapping[str, Path]) -> Path:
    folder = modules.get(module.key)
    if folder is None or not folder.is_dir():
        remedy = f"go mod download {module.path}@{module.version}"
        raise ManifestError([Finding("modules.json", module.key, "module-missing", "no folder for it", remedy, str(folder or ""))])
    return folder


_ORDER = ("Namespace", documents.DEFINITION)


def _place(document: Document) -> tuple[int, str, str, str]:
    """Namespaces and definitions first, so that a plain `kubectl apply` of the whole works too."""
    kind = documents.kind(document)
    rank = _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
    return rank, kind, str(documents.metadata(document).get("namespace", "")), documents.name(document)
