"""What an add-on is: a release with two sources, the images it runs and what is changed in its objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clusters.addons.documents import Document
from clusters.addons.region import AddOnRegion
from clusters.releases import RELEASES


@dataclass(frozen=True, slots=True)
class ChartRelease:
    """Production installs a Helm chart; `values` are what it must be told to be what the embedded region tries."""

    repository: str
    chart: str
    version: str
    values: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class ReleasedFiles:
    """Production applies files that the project publishes with a release (or a kustomization at its tag)."""

    urls: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class UpstreamImage:
    """Production runs the project's own image under the very objects that we render: no chart stands between."""

    image: str
    version: str


@dataclass(frozen=True, slots=True)
class ClusterAddOn:
    """Production takes it from EKS, which the `cluster` stack asks for; Argo CD does not touch it there."""

    name: str
    version: str


ProductionSource = ChartRelease | ReleasedFiles | UpstreamImage | ClusterAddOn


@dataclass(frozen=True, slots=True)
class SourceModule:
    """A module as the Go proxy serves it; `family` names the build that pins it (empty: no build of ours needs it)."""

    path: str
    version: str
    family: str = ""

    @classmethod
    def pinned(cls, path: str, family: str = "") -> SourceModule:
        """In the version that `clusters/releases.yaml` names."""
        return cls(path, RELEASES.module(path), family)

    @property
    def key(self) -> str:
        """How the module is named in `modules.json`."""
        return f"{self.family} {self.path}" if self.family else self.path


@dataclass(frozen=True, slots=True)
class HelmChart:
    """A chart in a module, and its values in this region."""

    module: SourceModule
    folder: str
    release: str
    namespace: str
    values: Callable[[AddOnRegion], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Kustomization:
    """A kustomization in a module."""

    module: SourceModule
    folder: str


@dataclass(frozen=True, slots=True)
class YamlFiles:
    """Files of a module by glob, each of which must match something, less those that end with an `excluded` name."""

    module: SourceModule
    globs: tuple[str, ...]
    excluded: tuple[str, ...] = ()


EmbeddedSource = HelmChart | Kustomization | YamlFiles


@dataclass(frozen=True, slots=True)
class Ignored:
    """Fields that a controller writes into an object of ours; Argo CD must not fight over them."""

    group: str
    kind: str
    json_pointers: tuple[str, ...] = ()
    jq_path_expressions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AddOn:
    """One Application. `adapt` gets upstream's objects and gives what is applied, our own objects included."""

    name: str
    version: str
    """The release, as upstream's images are tagged (without a `v`)."""

    wave: int
    """Before every wave of `clusters.delivery.applications`; lower is applied first."""

    namespace: str
    production: ProductionSource
    embedded: tuple[EmbeddedSource, ...]
    images: tuple[str, ...]
    adapt: Callable[[list[Document], AddOnRegion], Iterable[Document]]
    owned_namespaces: tuple[str, ...] = ()
    """Namespaces this add-on brings; a namespace has one owner, so that pruning one add-on cannot empty another."""

    privileged_namespaces: tuple[str, ...] = ()
    """Those of the owned ones whose pods set up the node itself."""

    ignored_differences: tuple[Ignored, ...] = ()
    by_hand: bool = False
    """Applied before there is an Argo CD, as production's `bootstrap` stack does."""

    @property
    def modules(self) -> tuple[SourceModule, ...]:
        """The modules its objects are read from, each once."""
        return tuple(dict.fromkeys(source.module for source in self.embedded))


@dataclass(frozen=True, slots=True)
class RenderPrograms:
    """The two programs that rendering runs."""

    helm: Path
    kubectl: Path
