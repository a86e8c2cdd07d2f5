"""Which workload images may run in the embedded regions: those built on this machine, and those of earlier bring-ups.

The committed list says what was published for production, which is other bytes: Debian's packages in a base are those of its day. What runs
here nobody publishes; who builds it also renders the policy, so a signature between the two would prove nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tidegate.embedded.images import Image
from tidegate.facts.models.images import WORKLOAD_IMAGES, BuiltImage, kept

_LISTED = TypeAdapter(tuple[BuiltImage, ...])


def listed_images(images: Mapping[str, Image], last: Path) -> tuple[BuiltImage, ...]:
    """The workload images among `images`, after those that `last` holds, the facts of the bring-up before.

    A pod of an earlier revision that starts again must be let in. Without readable facts there is no earlier revision that we know.
    """
    now = [_built(image) for image in images.values() if image.name in WORKLOAD_IMAGES]
    return tuple(kept([*(one for one in _earlier(last) if one not in now), *now]))


def _built(image: Image) -> BuiltImage:
    return BuiltImage(name=image.name, tag=image.tag, digest=image.digest)


def _earlier(path: Path) -> Iterable[BuiltImage]:
    try:
        facts = json.loads(path.read_bytes())
        return _LISTED.validate_json(json.dumps(facts["images"]))
    except (OSError, ValueError, ValidationError, KeyError, TypeError):
        return ()
