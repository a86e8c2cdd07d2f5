"""What is served, as bytes that never change: artefacts, their signatures, images and golden sets."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, field_validator, model_validator

from tidegate.facts.fact import Fact, MemoryGib, Sha256, refuse
from tidegate.facts.names import MODEL_REGISTRY_URI

FETCHED_SCHEME = MODEL_REGISTRY_URI.partition("://")[0]
"""The registry's own, and the only one that pods fetch: Vault lends them credentials for its store, and they take all that is below one
prefix (clusters/workloads/model_verifier/fetch_model.py). The signer and `tidegate model verify` read the same store (decision 0043)."""


def _refuse_other_schemes(uri: object) -> object:
    if isinstance(uri, str) and (scheme := uri.partition("://")[0]) != uri and scheme != FETCHED_SCHEME:
        raise refuse(
            "uri-not-fetched", "no pod can fetch or verify it", f"put it into the model registry, below {MODEL_REGISTRY_URI}<tenant>/"
        )
    return uri


ImmutableUri = Annotated[
    str,
    StringConstraints(pattern=rf"^{FETCHED_SCHEME}://[a-z0-9][A-Za-z0-9._/-]*$", max_length=512),
    BeforeValidator(_refuse_other_schemes),
]
"""A folder or file of the model registry."""

_VERSION = re.compile(rf"{FETCHED_SCHEME}://[a-z0-9.-]+/[a-z][a-z0-9-]*/[a-z][a-z0-9-]*/[0-9]{{1,7}}(-[a-z0-9]{{1,20}})?")

BUNDLE = "model.sig"
"""The OpenSSF model-signing bundle, beside the files it signs."""

PinnedImage = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*\.[a-z]{2,}(:[0-9]+)?(/[a-z0-9._-]+)+(:[A-Za-z0-9._-]+)?@sha256:[0-9a-f]{64}$"),
]
"""An image with registry, repository and digest; a tag alone can change under a running service."""


def _refuse_moving_uri(uri: str) -> str:
    path = uri.split("://", 1)[1]
    parts = path.replace(":", "/").replace("@", "/").split("/")
    if any(part.lower() in {"latest", "current", "main", "head", "production", "stable"} for part in parts):
        raise refuse("uri-moving", "points at whatever is newest", "name one version in the path")
    if ".." in parts or "" in parts[:-1]:
        raise refuse("uri-path", "has an empty or parent path segment", "write the plain path")
    return uri


FixedUri = Annotated[ImmutableUri, AfterValidator(_refuse_moving_uri)]
"""The same, whose path names one version and nothing that moves."""


def _refuse_other_than_versions(uri: str) -> None:
    """A file, an archive or a folder of several versions is nothing that a pod can load: it takes the folder of one version."""
    if not _VERSION.fullmatch(uri):
        raise refuse(
            "uri-no-version",
            "is not the folder of one version",
            f"write {MODEL_REGISTRY_URI}<tenant>/<model>/<version>, the version a number",
        )


class Signature(Fact):
    """The OpenSSF model-signing bundle of an artefact."""

    uri: FixedUri
    key_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{2,62}$")]
    """The signing key's name in Vault."""


def _require_beside(uri: str, signature: Signature) -> None:
    right = f"{uri.rstrip('/')}/{BUNDLE}"
    if signature.uri != right:
        raise refuse(
            "signature-of-other-files", "is not beside this version's files", f"write {right}", at="signature.uri", value=signature.uri
        )


class Artefact(Fact):
    """The bytes of one model version: they never change under their URI."""

    version: Annotated[int, Field(ge=1, le=1_000_000)]
    """The last part of `uri`."""
    uri: FixedUri
    """The folder of this version's files."""
    sha256: Sha256
    signature: Signature
    """Of that version's files: beside them, as the pods read it."""
    size_gib: MemoryGib | None = None
    """How large the weights are in GiB; without it the cold-start budget takes them to be as large as a replica's memory."""

    @field_validator("uri")
    @classmethod
    def _uri_is_a_version(cls, uri: str) -> str:
        _refuse_other_than_versions(uri)
        return uri

    @model_validator(mode="after")
    def _is_one_version(self) -> Self:
        folder = self.uri.rstrip("/")
        if (last := folder.rpartition("/")[2]) != str(self.version):
            problem, remedy = f"the URI ends in {last}", "write the same version in both"
            raise refuse("artefact-version-differs", problem, remedy, at="version", value=self.version)
        _require_beside(self.uri, self.signature)
        return self


class CpuArtefact(Fact):
    """The files of the same version for a server that runs on CPU, where the GPU server's files are of another form."""

    uri: FixedUri
    """Ends in `<version>-cpu`, beside the version's own folder."""
    sha256: Sha256
    signature: Signature

    @model_validator(mode="after")
    def _signature_is_beside(self) -> Self:
        _require_beside(self.uri, self.signature)
        return self

    def of_version(self, version: int) -> Artefact:
        """These files as the artefact of that version."""
        # Not validated: an artefact's own URI ends in its number alone.
        return Artefact.model_construct(version=version, uri=self.uri, sha256=self.sha256, signature=self.signature)


SliceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]

REGRESS_AT_MOST = 0.05
"""Of every metric that is a share. A thousand rows, of which one in seven is a positive, tell a loss of 0.05 from none in most pairs of
versions and a smaller one in few (decision 0049). For errors it is that share of the threshold."""


class GoldenSet(Fact):
    """Labelled inputs on which every version is scored before merge (docs/golden-set-gate.md)."""

    uri: FixedUri
    sha256: Sha256
    metric: Literal["auc", "accuracy", "exact-match", "mean-absolute-error"]
    threshold: Annotated[float, Field(gt=0, le=1_000_000)]
    """The worst acceptable value, to be proved at 99 %: a floor, but a ceiling for mean-absolute-error."""
    slices: tuple[SliceName, ...] = ()
    """Columns of the set's slices.json. In no group of any of them may a version be worse than the one that serves by more than allowed."""
    regress_at_most: Annotated[float, Field(ge=0, le=1_000_000)] | None = None
    """How much worse, in the metric's own unit; absent means 0.05, for mean-absolute-error 5 % of the threshold."""
    undecided_slices: Literal["note", "block"] = "note"
    """What a group that is too small to say means: only a note, or an inconclusive verdict, which blocks."""
    decision_at: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """From which score on callers take the answer for a yes: accuracy counts by it, and flips of decisions."""
    holds_training_rows: Annotated[str, StringConstraints(min_length=10, max_length=200)] | None = None
    """Why rows of the set may be among those that a version learnt from; absent means that none may."""

    @property
    def allowed_loss(self) -> float:
        """How much worse than the version that serves, in the metric's own unit."""
        if self.regress_at_most is not None:
            return self.regress_at_most
        return REGRESS_AT_MOST * (self.threshold if self.metric == "mean-absolute-error" else 1)

    @model_validator(mode="after")
    def _threshold_is_reachable(self) -> Self:
        if self.metric == "mean-absolute-error":
            return self
        if self.threshold > 1:
            raise refuse(
                "golden-threshold", f"{self.metric} never exceeds 1", "write a share such as 0.93", at="threshold", value=self.threshold
            )
        if self.threshold == 1:
            raise refuse(
                "golden-threshold", "no set of any size can prove it", "write a share below 1, such as 0.99", at="threshold", value=1.0
            )
        if (self.regress_at_most or 0) >= 1:
            raise refuse(
                "golden-regression",
                f"{self.metric} never exceeds 1",
                "write a share such as 0.05",
                at="regress_at_most",
                value=self.regress_at_most,
            )
        return self

    @field_validator("slices")
    @classmethod
    def _slices_are_listed_once(cls, slices: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(slices)) != len(slices):
            raise refuse("golden-slices-twice", "a slice is listed twice", "list each once")
        return slices
