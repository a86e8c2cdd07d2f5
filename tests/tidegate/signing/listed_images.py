"""A signed list of workload images, and the key that it is signed with."""

from __future__ import annotations

from pathlib import Path

from tests.root import ROOT
from tests.tidegate.signing.signed_models import MemoryKey
from tidegate.facts.inventory.image_catalogue import FOLDER, LIST
from tidegate.facts.inventory.releases import load_releases
from tidegate.facts.models.images import CataloguedImage, ImageCatalogue
from tidegate.signing.images import IMAGES_KEY, sign_images

KEY = MemoryKey.made(IMAGES_KEY)
TAG = load_releases(ROOT).release("mlserver")


def listed(name: str, digit: str, tag: str = TAG) -> CataloguedImage:
    return CataloguedImage(name=name, tag=tag, digest=f"sha256:{digit * 64}", sbom_sha256=digit * 64, revision=digit * 40)


CATALOGUE = ImageCatalogue(images=(listed("mlserver", "1"), listed("ngram-server", "2", "0.3.0"), listed("mlserver", "3")))


def commit(root: Path, content: bytes | None = None, *keys: MemoryKey) -> Path:
    """Puts a list (default: `CATALOGUE`, signed) and public keys where a checkout has them."""
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    (root / LIST).write_bytes(sign_images(CATALOGUE, KEY) if content is None else content)
    for key in keys or (KEY,):
        (root / FOLDER / f"{key.key_id}.pem").write_text(key.public_pem())
    return root
