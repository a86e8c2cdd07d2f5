"""What the embedded platform's container images and its machines' root filesystem are made of."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.facts.fact import Fact, refuse

ImageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")]
ImageTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")]
Repository = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(/[a-z0-9][a-z0-9-]*){2}$")]
"""A registry's host and two levels below it, as in `registry.example.com/tidegate/pause`."""
InnerPath = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9._+-]+)+$")]
"""An absolute path inside an image."""
CheckoutPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$")]
"""A path relative to what it belongs to: the checkout, a module, a wheel."""
Package = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.+-]+$")]
"""A Debian package's name."""
UserName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
UserId = Annotated[int, Field(ge=1, le=65535)]
Mode = Annotated[str, StringConstraints(pattern=r"^[01][0-7]{3}$")]
"""Permissions in octal, in quotes: `"0755"`."""

_MERGED = ("/bin/", "/lib/", "/lib64/", "/sbin/")


class ModuleFile(Fact):
    """A file of a Go module that one of our builds pins."""

    family: ImageName
    """The folder below clusters/embedded/builds whose go.mod pins the module."""
    module: str
    file: CheckoutPath


class WheelFile(Fact):
    """A file or folder of a Python wheel."""

    lock: CheckoutPath
    """The lock that pins the wheel; it is installed whole."""
    file: CheckoutPath
    """Relative to where all wheels of the lock are installed; `.` is all of it."""


class ImageFile(Fact):
    """One path of an image and where its content comes from; an empty folder when nothing is named."""

    path: InnerPath
    mode: Mode = "0755"
    binary: str | None = None
    """The name of one of our own builds."""
    module: ModuleFile | None = None
    wheel: WheelFile | None = None
    link: InnerPath | None = None
    """Makes a symbolic link to this path; the link's own mode means nothing."""

    @model_validator(mode="after")
    def _has_one_content(self) -> Self:
        named = [name for name in ("binary", "module", "wheel", "link") if getattr(self, name) is not None]
        if len(named) > 1:
            raise refuse("content-twice", f"names {' and '.join(named)}", "keep one of them")
        return self


class DebianBase(Fact):
    """A Debian root filesystem of the named packages and what they need, shared by several images as their lowest layer."""

    packages: Annotated[tuple[Package, ...], Field(min_length=1)]
    users: dict[UserName, UserId] = Field(default_factory=dict[UserName, UserId])
    """Users (with a group of the same number) that programs run as; some ask for the name of the user they run as."""
    environment: dict[str, str] = Field(default_factory=dict[str, str])
    """Set in every image on this base."""
    compiles_python: bool = False
    """Whether Python's library is compiled such that a file's date does not matter: the dates in a layer differ from Debian's."""


class MachineRoot(Fact):
    """The root filesystem on which the machines of the embedded platform run."""

    packages: Annotated[tuple[Package, ...], Field(min_length=1)]
    files: tuple[ImageFile, ...] = ()


class ImageFact(Fact):
    """One image. Layers from below: the base, Python packages, files and program."""

    tag: ImageTag
    """The release that is inside."""
    repository: Repository | None = None
    """Where it is found; `registry.example.com/tidegate/<name>` when absent."""
    base: ImageName | None = None
    """One of `bases`; without one the image holds nothing but its files."""
    lock: CheckoutPath | None = None
    """The lock of the Python packages in /opt/site; the layer is shared by all images with the same lock."""
    sources: tuple[CheckoutPath, ...] = ()
    """Files and folders of the checkout with Python of ours; they lie below /app under the same paths, so that imports agree."""
    files: tuple[ImageFile, ...] = ()
    entrypoint: Annotated[tuple[str, ...], Field(min_length=1)]
    arguments: tuple[str, ...] = ()
    """What follows the entry point unless a pod says otherwise."""
    environment: dict[str, str] = Field(default_factory=dict[str, str])
    user: UserId
    folder: InnerPath | None = None
    """The working directory; `/` when absent."""

    @model_validator(mode="after")
    def _keeps_merged_folders(self) -> Self:
        for number, file in enumerate(self.files):
            if self.base and file.path.startswith(_MERGED):
                raise refuse(
                    "folder-is-link", "Debian's folder of that name is a link, which a layer would replace", f"write /usr{file.path}",
                    at=f"files[{number}].path", value=file.path,
                )  # fmt: skip
        return self


class ImageList(Fact):
    """Every image that the embedded platform builds."""

    release: UserName
    """Debian's code name."""
    machine: MachineRoot
    bases: dict[ImageName, DebianBase]
    images: Annotated[dict[ImageName, ImageFact], Field(min_length=1)]

    @model_validator(mode="after")
    def _bases_exist(self) -> Self:
        for name, image in self.images.items():
            if image.base is not None and image.base not in self.bases:
                known = ", ".join(sorted(self.bases)) or "none"
                raise refuse("base-unknown", "no such base", f"use one of {known}", at=f"images.{name}.base", value=image.base)
            if image.lock is not None and image.base is None:
                raise refuse(
                    "python-without-base", "Python packages without Python", "name a base", at=f"images.{name}.lock", value=image.lock
                )
        return self
