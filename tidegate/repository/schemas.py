"""The strict schemas of everything our clusters run, read from the projects' own Go modules and kept in a cache.

Nothing of theirs is copied into the repository: a module is downloaded by Go in the version that `clusters/releases.yaml`
names, its checksum is compared with the one written here, and the definitions are compacted into one file outside the checkout.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import orjson
import yaml_rs

from tidegate import tools
from tidegate.checkout import cache_folder
from tidegate.errors import Finding, ManifestError, ToolError
from tidegate.facts.inventory.releases import load_releases
from tidegate.facts.platform import Platform, cluster_source
from tidegate.host_refusals import naming
from tidegate.manifests import strictness
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.strictness import Schema, custom_resource_schemas, kubernetes_schemas

_ROOT = Path(__file__).resolve().parents[2]

OPENAPI_FILE = "api/openapi-spec/swagger.json"


@dataclass(frozen=True, slots=True)
class SchemaModule:
    """A module that holds definitions: its checksum as in go.sum, and where the definitions are inside."""

    module: str
    checksum: str
    files: tuple[str, ...]

    @property
    def version(self) -> str:
        """The one that `clusters/releases.yaml` of this package's own checkout names."""
        return load_releases(_ROOT).module(self.module)

    @property
    def reference(self) -> str:
        """As the go command takes it."""
        return f"{self.module}@{self.version}"


KUBERNETES = SchemaModule("k8s.io/kubernetes", "h1:o/8dBC/pHVpYoGV4OAIytAlNPZbdYVTXJHoYvXC4qzM=", (OPENAPI_FILE,))

KARPENTER_AWS = SchemaModule("github.com/aws/karpenter-provider-aws", "h1:WGtIQTQcxpElYMdWfWuPwaF2+9muR+hYhPZsTtoY8Gs=",
    ("pkg/apis/crds/karpenter.k8s.aws_ec2nodeclasses.yaml",),
)  # fmt: skip

OPERATORS = (
    SchemaModule("sigs.k8s.io/karpenter", "h1:GjqvOHLjl2+OXM0ti5VEZSQuvcitB0pETd8zdChXEtI=",
        ("pkg/apis/crds/*.yaml", "kwok/apis/crds/karpenter.kwok.sh_kwoknodeclasses.yaml"),
    ),
    KARPENTER_AWS,
    SchemaModule("github.com/kserve/kserve", "h1:Bs7HxmGV4KFqqptDcWseKv+mwD4YOYHJWcuVgPG2Gug=",
        ("config/crd/full/serving.kserve.io_*.yaml", "config/crd/full/clusterstoragecontainer/serving.*.yaml"),
    ),
    SchemaModule("github.com/argoproj/argo-cd/v3", "h1:kngQVnz+M+ytW/urkUWTSh8+zI+Hi/XhLespL5roYK0=",
        ("manifests/crds/*-crd.yaml",),
    ),
    SchemaModule("istio.io/istio", "h1:ui9TJjRMAV/hb5ehQaZDq7IUGxuQP6dra9lapT/VjHI=",
        ("manifests/charts/base/files/crd-all.gen.yaml",),
    ),
    SchemaModule("github.com/prometheus-operator/prometheus-operator", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        ("example/prometheus-operator-crd/*.yaml",),
    ),
    SchemaModule("sigs.k8s.io/gateway-api", "h1:RqVRIlkhLhUO8wOHKTLnTJA6o/1un4po4/6M1nRzdd0=",
        ("config/crd/standard/gateway.networking.k8s.io_*.yaml",),
    ),
    SchemaModule("knative.dev/serving", "h1:Tm8s/KbtnGp/8srGa+r4ETyO+2+8FhG6qX/NPeRyTJo=",
        ("config/core/300-resources/*.yaml",),
    ),
)  # fmt: skip
"""Checksums are those of the Go checksum database, seen on 2026-11-21."""


def load_schemas(on_progress: Callable[[str], None] = lambda _line: None) -> SchemaSet:
    """The schemas from the cache, after building it when the table above has changed (about half a minute, needs Go).

    `on_progress` is called with what takes long. Raises `ToolError` when a module cannot be downloaded and `ManifestError` when it
    is not the one the table names.
    """
    path = cache_path()
    document = _read_cache(path)
    if document is None:
        document = _build(on_progress)
        _write_cache(path, document)
    return SchemaSet(document["definitions"], document["kinds"])


def version_findings(platform: Platform) -> list[Finding]:
    """Clusters whose Kubernetes minor is not the one whose schemas we read."""
    minor = ".".join(KUBERNETES.version.removeprefix("v").split(".")[:2])
    return [
        Finding(
            cluster_source(name), "kubernetes_version", "schema-minor-differs", f"schemas are those of {minor}",
            "run that minor, or change `kubernetes` in clusters/releases.yaml", cluster.kubernetes_version,
        )
        for name, cluster in sorted(platform.clusters.items()) if cluster.kubernetes_version != minor
    ]  # fmt: skip


def cache_path() -> Path:
    """Where the schemas of the table above are kept; another table, or another text of the builder, has another path."""
    table = [(module.module, module.version, module.checksum, module.files) for module in (KUBERNETES, *OPERATORS)]
    builder = Path(strictness.__file__).read_text(encoding="utf-8")
    key = hashlib.sha256(json.dumps([builder, table]).encode()).hexdigest()[:16]
    return cache_folder() / "schemas" / f"{key}.json"


def _read_cache(path: Path) -> dict[str, dict[str, Schema]] | None:
    """None when there is none or it was damaged, which building repairs."""
    try:
        document = cast("dict[str, dict[str, Schema]]", orjson.loads(path.read_bytes()))
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    return document if document.keys() == {"definitions", "kinds"} else None


def _write_cache(path: Path, document: Mapping[str, object]) -> None:
    """By renaming: another process may be building the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with naming(path), os.fdopen(handle, "wb") as file:
            file.write(orjson.dumps(document))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _build(on_progress: Callable[[str], None]) -> dict[str, dict[str, Schema]]:
    on_progress(f"Kubernetes schemas are not cached yet: reading {1 + len(OPERATORS)} Go modules")
    folder = download(KUBERNETES, on_progress)
    definitions, kinds = kubernetes_schemas(cast("dict[str, object]", orjson.loads((folder / OPENAPI_FILE).read_bytes())))
    for module in OPERATORS:
        folder = download(module, on_progress)
        kinds.update(custom_resource_schemas(_documents(folder, module)))
    on_progress(f"{len(kinds)} kinds are known")
    return {"definitions": definitions, "kinds": kinds}


def download(module: SchemaModule, on_progress: Callable[[str], None]) -> Path:
    """The module's folder in Go's own cache, after its checksum was compared."""
    on_progress(f"reading {module.reference}")
    work = cache_folder() / "schemas"
    work.mkdir(parents=True, exist_ok=True)
    # Our table is the checksum database here: it also works where Go's is not reachable.
    environment = {"GOSUMDB": "off", "GOFLAGS": "-mod=mod", "GOWORK": "off"}
    printed = tools.run(["go", "mod", "download", "-json", module.reference], cwd=work, env=environment, timeout_seconds=600).stdout
    answer = cast("dict[str, str]", json.loads(printed))
    if answer["Sum"] != module.checksum:
        raise ManifestError([
            Finding(
                module.reference, "", "module-checksum", f"not the module we pinned ({module.checksum})",
                "find out why before changing the table in tidegate/repository/schemas.py", answer["Sum"],
            )
        ])  # fmt: skip
    return Path(answer["Dir"])


def _documents(folder: Path, module: SchemaModule) -> Iterator[Mapping[str, object]]:
    for pattern in module.files:
        paths = sorted(folder.glob(pattern))
        if not paths:
            raise ToolError(f"read {module.reference}", 1, f"no file {pattern} in it")
        for path in paths:
            loaded = cast("object", yaml_rs.loads(path.read_text(encoding="utf-8"), parse_datetime=False))
            for document in cast("list[object]", loaded) if isinstance(loaded, list) else [loaded]:
                if isinstance(document, dict):
                    yield cast("dict[str, object]", document)
