"""The signed list of a tenant's models: what may be on it, and what a reader of it is told."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.tidegate.signing.signed_models import OTHER, MemoryKey, edit_json, write_files
from tidegate.checkout import Checkout
from tidegate.errors import InventoryError, UsageError
from tidegate.facts import inventory
from tidegate.facts.inventory.catalogue import load_catalogue
from tidegate.facts.signature import ApprovedModel, ModelCatalogue
from tidegate.repository import verify_models
from tidegate.signing import committed, review
from tidegate.signing.bundles import sign_catalogue, sign_version

KEYS: dict[str, MemoryKey] = {}


def signer(key_id: str) -> MemoryKey:
    return KEYS.setdefault(key_id, MemoryKey.made(key_id))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the committed inventory and no catalogue."""
    root = tmp_path / "checkout"
    for folder in ("clusters/inventory", "gitops/tenants"):
        shutil.copytree(ROOT / folder, root / folder)
    return root


def catalogue_findings(checkout: Path) -> list[str]:
    return [str(finding) for finding in committed.check_catalogue(checkout, inventory.load(checkout), load_catalogue(checkout))]


def serve(checkout: Path, version: int, registry: Path) -> None:
    """Signs the version's files in `registry` and names it, with its digest, in the tenant's file."""
    stated = sign_version(
        write_files(registry / f"fraud/scorer/{version}", {"model.txt": b"%d" % version}),
        f"fraud/scorer/{version}",
        signer("fraud-release"),
    )
    file = checkout / "gitops/tenants/fraud.yaml"
    text = re.sub(r"fraud/scorer/\d+", f"fraud/scorer/{version}", file.read_text())
    text = re.sub(r"version: \d+", f"version: {version}", text)
    file.write_text(re.sub(r"(fraud/scorer/\d+\n +sha256: )[0-9a-f]{64}", rf"\g<1>{stated.sha256}", text))


def write_catalogue(checkout: Path, *retired: str) -> list[str]:
    """Writes the list of fraud; its versions are in `registry` beside the checkout."""
    registry = checkout.parent / "registry"
    if not registry.exists():
        serve(checkout, 1, registry)
    path, listed = verify_models.write_catalogue(
        Checkout(checkout), "fraud", signer, retired, {"bucket-1": review.Registry(review.in_folder(registry))}
    )
    assert path == checkout / "gitops/catalogue/fraud.json"
    return [entry.model for entry in listed]


def test_committed_catalogue_is_checked_and_keeps_earlier_versions(checkout: Path) -> None:
    assert load_catalogue(checkout) == ModelCatalogue()
    assert write_catalogue(checkout) == ["fraud/scorer/1"]
    assert catalogue_findings(checkout) == []
    serve(checkout, 2, checkout.parent / "registry")
    (finding,) = catalogue_findings(checkout)
    assert finding.startswith(
        "gitops/tenants/fraud.yaml: models.scorer.artefact = fraud/scorer/2: gitops/catalogue/fraud.json does not list it"
    )
    assert write_catalogue(checkout) == ["fraud/scorer/1", "fraud/scorer/2"]
    assert catalogue_findings(checkout) == []
    assert write_catalogue(checkout, "fraud/scorer/1") == ["fraud/scorer/2"]
    with pytest.raises(UsageError, match="fraud/scorer/2 is what the tenant's file names"):
        write_catalogue(checkout, "fraud/scorer/2")


def test_version_is_listed_only_when_its_files_are_those_signed(checkout: Path) -> None:
    write_catalogue(checkout)
    registry, before = checkout.parent / "registry", (checkout / "gitops/catalogue/fraud.json").read_bytes()
    serve(checkout, 2, registry)
    file = checkout / "gitops/tenants/fraud.yaml"
    right, first = file.read_text(), signed_digest(registry / "fraud/scorer/1")

    def refused() -> str:
        with pytest.raises(InventoryError) as raised:
            write_catalogue(checkout)
        assert (checkout / "gitops/catalogue/fraud.json").read_bytes() == before, "nothing is written"
        (finding,) = raised.value.findings
        assert str(finding).endswith("put the signed files there, or correct the tenant's file [model-not-verified]")
        return str(finding)

    file.write_text(right.replace(signed_digest(registry / "fraud/scorer/2"), first))
    assert (
        "gitops/tenants/fraud.yaml: models.scorer.artefact = s3://tidegate-models/fraud/scorer/2: in bucket-1: fraud/scorer/2: "
        f"model.statement signs the digest '{signed_digest(registry / 'fraud/scorer/2')}'; the tenant's file names {first}; "
    ) in refused(), "the digest of another version"
    file.write_text(right)
    version = registry / "fraud/scorer/2"
    sign_version(version, "fraud/scorer/1", signer("fraud-release"))
    assert "model.statement is about 'fraud/scorer/1'; expected is 'fraud/scorer/2'" in refused()
    sign_version(version, "fraud/scorer/2", MemoryKey.made("fraud-release"))
    assert "does not hold" in refused(), "another key of that name"
    sign_version(version, "fraud/scorer/2", signer("fraud-release"))
    (version / "model.txt").write_bytes(b"3")
    assert "is not what was signed" in refused()
    shutil.rmtree(version)
    assert "s3://tidegate-models/fraud/scorer/2 is not in" in refused()


def test_earlier_version_that_is_gone_is_left_out_by_name_only(checkout: Path) -> None:
    write_catalogue(checkout)
    serve(checkout, 2, checkout.parent / "registry")
    shutil.rmtree(checkout.parent / "registry/fraud/scorer/1")
    with pytest.raises(
        InventoryError, match=r"put the signed files there, or leave it out with --retire fraud/scorer/1 \[model-not-verified\]"
    ):
        write_catalogue(checkout)
    assert write_catalogue(checkout, "fraud/scorer/1") == ["fraud/scorer/2"]


def test_each_finding_names_the_key_or_the_list_that_is_wrong(checkout: Path) -> None:
    """An earlier version is in no tenant's file any more; the files for CPU and a stage's version have keys of their own."""
    write_catalogue(checkout)
    serve(checkout, 2, checkout.parent / "registry")
    shutil.rmtree(checkout.parent / "registry/fraud/scorer/1")
    with pytest.raises(InventoryError, match=r"^gitops/catalogue/fraud\.json: fraud/scorer/1 = s3://tidegate-models/fraud/scorer/1: "):
        write_catalogue(checkout)
    chat = checkout / "gitops/tenants/assistant.yaml"
    stated = sign_version(write_files(checkout.parent / "chat", {"m": b"1"}), "assistant/chat/1", signer("assistant-release"))
    listed = ApprovedModel(
        model=stated.model, uri="s3://tidegate-models/assistant/chat/1", sha256=stated.sha256, key_id="assistant-release"
    )
    chat.write_text(re.sub(r"(chat/1\n +sha256: )[0-9a-f]{64}", rf"\g<1>{stated.sha256}", chat.read_text()))
    (checkout / "gitops/catalogue/assistant.json").write_bytes(
        sign_catalogue(ModelCatalogue(models=(listed,)), "assistant", signer("assistant-release"))
    )
    (checkout / "gitops/catalogue/keys/assistant-release.pem").write_text(signer("assistant-release").public_pem())
    assert [finding.partition(":")[2].partition(":")[0] for finding in catalogue_findings(checkout) if "/assistant.yaml" in finding] == [
        " models.chat.also_on_cpu.artefact = assistant/chat/1-cpu"
    ]


def test_list_is_verified_in_the_buckets_of_clusters_that_serve_it(checkout: Path) -> None:
    """Staging serves version 2 alone, and production version 1; a bucket of neither is not asked."""
    registry, staging = checkout.parent / "registry", checkout.parent / "staging"
    serve(checkout, 1, registry)
    file = checkout / "gitops/tenants/fraud.yaml"
    stated = sign_version(write_files(staging / "fraud/scorer/2", {"model.txt": b"2"}), "fraud/scorer/2", signer("fraud-release"))
    uri = "s3://tidegate-models/fraud/scorer/2"
    named = f"    artefact_by_stage:\n      staging: {{version: 2, uri: '{uri}', sha256: {stated.sha256}, signature: {{uri: '{uri}/model.sig', key_id: fraud-release}}}}\n"
    file.write_text(
        file.read_text()
        .replace("    resources:\n", f"{named}    resources:\n", 1)
        .replace("[live-1, live-2]", "[live-1, live-2, test-1, test-2]")
    )
    for cluster, pair, source in (("test-1", "test-2", "live-1"), ("test-2", "test-1", "live-2")):
        text = (checkout / f"clusters/inventory/{source}/cluster.yaml").read_text()
        for old, new in (
            (f"name: {source}", f"name: {cluster}"), (f"pair: {'live-2' if source == 'live-1' else 'live-1'}", f"pair: {pair}\nstage: staging"),
            (f"domain: {source}", f"domain: {cluster}"),
        ):  # fmt: skip
            text = text.replace(old, new, 1)
        (checkout / f"clusters/inventory/{cluster}").mkdir()
        (checkout / f"clusters/inventory/{cluster}/cluster.yaml").write_text(text)
    clusters = inventory.load(checkout).clusters
    elsewhere = clusters["live-1"].model_copy(update={"name": "live-9"})
    places = {
        "production": review.Registry(review.in_folder(registry), clusters["live-1"]),
        "staging": review.Registry(review.in_folder(staging), clusters["test-1"]),
        "elsewhere": review.Registry(review.in_folder(checkout / "nowhere"), elsewhere),
    }
    _, listed = verify_models.write_catalogue(Checkout(checkout), "fraud", signer, (), places)
    assert [entry.model for entry in listed] == ["fraud/scorer/1", "fraud/scorer/2"]
    shutil.rmtree(staging / "fraud/scorer/2")
    with pytest.raises(InventoryError) as refused:
        verify_models.write_catalogue(Checkout(checkout), "fraud", signer, (), places)
    assert [finding.path for finding in refused.value.findings] == ["models.scorer.artefact_by_stage.staging"]


def signed_digest(folder: Path) -> str:
    statement = json.loads(base64.b64decode(json.loads((folder / "model.statement").read_bytes())["payload"]))
    return statement["subject"][0]["digest"]["sha256"]


def test_catalogue_that_somebody_edited_is_a_finding(checkout: Path) -> None:
    write_catalogue(checkout)
    (checkout / "gitops/catalogue/keys/fraud-release.pem").write_text(OTHER.public_pem())
    assert "the signature of the catalogue of fraud does not hold" in catalogue_findings(checkout)[0]
    (checkout / "gitops/catalogue/keys/fraud-release.pem").unlink()
    assert "the public key of fraud-release is not committed" in catalogue_findings(checkout)[0]


def test_unreadable_catalogue_files_are_all_named(checkout: Path) -> None:
    write_catalogue(checkout)
    edit_json(checkout / "gitops/catalogue/fraud.json", lambda it: it.update(payload="%"))
    (checkout / "gitops/catalogue/keys/fraud-release.pem").write_text("-----BEGIN PRIVATE KEY-----")
    with pytest.raises(InventoryError) as refused:
        load_catalogue(checkout)
    assert [(finding.source, finding.rule) for finding in refused.value.findings] == [
        ("gitops/catalogue/fraud.json", "catalogue-file"), ("gitops/catalogue/keys/fraud-release.pem", "catalogue-key"),
    ]  # fmt: skip
