"""Fills the local image registry, which answers for the names that production pulls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tidegate import tools
from tidegate.checkout import cache_folder
from tidegate.embedded.fleet.internet import REGISTRY_HOST
from tidegate.embedded.images import Image
from tidegate.embedded.machines.machines import Machine
from tidegate.errors import ToolError
from tidegate.tools.waiting import wait_until

LAYOUTS = "/run/layouts"
"""Where the internet machine sees the images' folder of the cache."""


def images_folder() -> Path:
    """The part of the cache that holds images."""
    folder = cache_folder() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def push(machine: Machine, images: Mapping[str, Image], on_progress: Callable[[str], None]) -> int:
    """Pushes what the registry lacks, layers it has left out; returns how many images that were.

    The registry's files stay in the cache, so this is done once per image and machine, not once per `up`.
    """
    missing = [image for image in images.values() if not _is_stored(image)]
    if missing:
        wait_until(lambda: _answers(machine), "the image registry", patience_seconds=30)
    for number, image in enumerate(missing, 1):
        on_progress(f"pushing {image.name}:{image.tag} ({number} of {len(missing)})")
        layout = f"{LAYOUTS}/{image.layout.relative_to(images_folder())}"
        path = image.repository.removeprefix(f"{REGISTRY_HOST}/")
        # Past the front door, by loopback inside the machine, where the registry speaks plain HTTP.
        command = machine.inside(
            "skopeo", "copy", "--quiet", "--insecure-policy", "--preserve-digests", "--dest-tls-verify=false",
            f"oci:{layout}:{image.tag}", f"docker://127.0.0.1:5000/{path}:{image.tag}",
        )  # fmt: skip
        tools.run(command, timeout_seconds=300)
    return len(missing)


def _answers(machine: Machine) -> bool:
    try:
        tools.run(machine.inside("curl", "--silent", "--fail", "--max-time", "2", "http://127.0.0.1:5000/v2/"))
    except ToolError:
        return False
    return True


def _is_stored(image: Image) -> bool:
    path = image.repository.removeprefix(f"{REGISTRY_HOST}/")
    manifests = cache_folder() / "registry" / "docker/registry/v2/repositories" / path / "_manifests"
    revision = manifests / "revisions/sha256" / image.digest.removeprefix("sha256:") / "link"
    tag = manifests / "tags" / image.tag / "current/link"
    return revision.is_file() and tag.is_file() and tag.read_text(encoding="ascii") == image.digest
