"""Container images and root filesystems of the embedded platform, made on this machine from pinned sources.

What goes into them is written in clusters/embedded/images/images.yaml. Nothing here knows a cluster or starts a container.
"""

from __future__ import annotations

from tidegate.embedded.images.build import Image, build_images, read_images
from tidegate.embedded.images.machine_root import machine_root

__all__ = ["Image", "build_images", "machine_root", "read_images"]
