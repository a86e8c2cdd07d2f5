"""A pull request is told of every model that is not there, not signed, or not what its tenant's file says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.root import ROOT
from tests.tidegate.signing.layout_files import POOL, loadable
from tests.tidegate.signing.signed_models import MemoryKey, write_files
from tidegate.embedded import example_models as uploading
from tidegate.embedded import signed_models
from tidegate.embedded.model_index import INDEX, read_index
from tidegate.errors import InventoryError, UsageError
from tidegate.facts import inventory, names
from tidegate.facts.cluster import Cluster
from tidegate.facts.models.served_model import Runtime
from tidegate.facts.platform import Platform
from tidegate.facts.stage import Stage
from tidegate.repository import verify_models
from tidegate.signing import review
from tidegate.signing.bundles import SigningError, sign_version
from tidegate.signing.keys import key_ids

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS: dict[str, MemoryKey] = {}


def signer(key_id: str) -> MemoryKey:
    return KEYS.setdefault(key_id, MemoryKey.made(key_id))


@pytest.fixture(scope="module")
def platform() -> Platform:
    return inventory.load(ROOT)


@pytest.fixture
def trained(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with the version that each tenant names and one nobody names."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "trained"
    versions: list[object] = []
    files = {
        named.artefact.uri.removeprefix(names.MODEL_REGISTRY_URI): POOL if model.dense_pool else loadable(named.runtime, name)
        for tenant in platform.tenants.values()
        for name, model in tenant.models.items()
        for named in model.named_artefacts()
    }
    others: dict[str, dict[str, bytes]] = {"fraud/scorer/3-slow": {}, "nobody/model/1": {}}
    for path, loaded in (files | others).items():
        write_files(folder / path, {**loaded, "README": f"files of {path}".encode()})
        tenant, model, version = path.split("/")
        versions.append(
            {
                "tenant": tenant, "model": model, "version": version, "path": path, "sha256": tree_sha256(folder / path), "sample": "s",
                "golden": "g", "golden_sha256": "0" * 64, "metric": "auc", "value": 1.0, "trained_on": "t",
            }
        )  # fmt: skip
    (folder / INDEX).write_text(json.dumps({"versions": versions}))
    return folder


def tree_sha256(folder: Path) -> str:
    from clusters.embedded.demo.training import registry_layout  # noqa: PLC0415 - the rule that training uses

    return registry_layout.tree_sha256(folder)


@pytest.fixture
def ids(platform: Platform) -> dict[str, str]:
    return key_ids(platform)


@pytest.fixture
def signed(trained: Path, ids: dict[str, str]) -> Path:
    return signed_models.sign_registry(trained, ids, signer=signer)


def digests(trained: Path, ids: dict[str, str]) -> dict[str, str]:
    return {f"{names.MODEL_REGISTRY_URI}{version.path}": version.sha256 for version in read_index(trained) if version.tenant in ids}


def check(
    platform: Platform, trained: Path, signed: Path, ids: dict[str, str], *only: str, cluster: Cluster | None = None
) -> list[review.Checked]:
    keys = {key_id: signer(key_id).public_pem() for key_id in ids.values()}
    return review.check_models(platform, keys, review.Registry(review.in_folder(signed), cluster), digests=digests(trained, ids), only=only)


def test_every_model_that_a_tenant_names_is_verified(platform: Platform, trained: Path, signed: Path, ids: dict[str, str]) -> None:
    checked = check(platform, trained, signed, ids)
    assert [one.model for one in checked] == [
        "assistant/chat/1", "assistant/chat/1-cpu", "credit/decision/1", "credit/decision/1-cpu", "fraud/scorer/1", "merchants/anomaly/1",
        "scoring/batch/1", "scoring/fraud-shadow/2",
    ]  # fmt: skip


def test_bucket_of_a_cluster_has_to_hold_what_the_cluster_serves(
    platform: Platform, trained: Path, signed: Path, ids: dict[str, str]
) -> None:
    """Version 1 in production and 2 in staging, where production runs fraud only; files for CPU are wanted in every stage."""
    production = platform.clusters["live-1"]
    staging = production.model_copy(update={"name": "test-1", "stage": Stage.STAGING})
    scorer = platform.tenants["fraud"].models["scorer"]
    second = scorer.artefact.model_copy(
        update={
            "version": 2, "uri": f"{scorer.artefact.uri[:-1]}2",
            "signature": scorer.artefact.signature.model_copy(update={"uri": f"{scorer.artefact.uri[:-1]}2/model.sig"}),
        }
    )  # fmt: skip
    staged = scorer.model_copy(update={"artefact_by_stage": {Stage.STAGING: second}})
    tenants = {
        name: tenant.model_copy(update={"clusters": ("live-1", "test-1") if name == "fraud" else ("test-1",)})
        for name, tenant in platform.tenants.items()
    }
    tenants["fraud"] = tenants["fraud"].model_copy(update={"models": {"scorer": staged}})
    changed = Platform({"live-1": production, "test-1": staging}, tenants)
    assert [one.model for one in check(changed, trained, signed, ids, cluster=production)] == ["fraud/scorer/1"]
    with pytest.raises(InventoryError) as refused:
        check(changed, trained, signed, ids, cluster=staging)
    (finding,) = refused.value.findings
    assert str(finding).startswith("gitops/tenants/fraud.yaml: models.scorer.artefact_by_stage.staging.signature = ")
    shutil.rmtree(signed / "fraud")
    with pytest.raises(InventoryError) as refused:
        check(changed, trained, signed, ids, cluster=production)
    assert [finding.path for finding in refused.value.findings] == ["models.scorer.artefact.signature"]
    assert "assistant/chat/1-cpu" in [one.model for one in check(changed, trained, signed, ids, "assistant/chat", cluster=staging)]


def test_version_that_its_server_could_not_load_is_refused(platform: Platform, trained: Path, ids: dict[str, str]) -> None:
    (trained / "credit/decision/1/decision/config.pbtxt").rename(trained / "credit/decision/1/config.pbtxt")
    index = json.loads((trained / INDEX).read_text())
    for version in index["versions"]:
        version["sha256"] = tree_sha256(trained / version["path"])
    (trained / INDEX).write_text(json.dumps(index))
    with pytest.raises(InventoryError) as refused:
        check(platform, trained, signed_models.sign_registry(trained, ids, signer=signer), ids)
    assert str(refused.value) == (
        "gitops/tenants/credit.yaml: models.decision.artefact = s3://tidegate-models/credit/decision/1: triton loads "
        "decision/config.pbtxt, and there is none among README, config.pbtxt, decision/1/model.onnx; publish "
        "the version in that layout, or name the server that loads these files [artefact-layout]"
    )


def test_signing_leaves_the_trained_files_and_their_digests_alone(trained: Path, signed: Path, ids: dict[str, str]) -> None:
    assert not list(trained.rglob("model.sig"))
    assert (trained / INDEX).read_bytes() == (signed / INDEX).read_bytes()
    assert (signed / "fraud/scorer/3-slow/model.statement").is_file()
    assert not (signed / "nobody/model/1/model.sig").exists()
    assert tree_sha256(trained / "fraud/scorer/1") == digests(trained, ids)["s3://tidegate-models/fraud/scorer/1"]


def test_registry_is_signed_once_per_key(trained: Path, signed: Path, ids: dict[str, str]) -> None:
    assert signed_models.sign_registry(trained, ids, signer=signer) == signed
    statement = (signed / "fraud/scorer/1/model.statement").read_bytes()
    other = signed_models.sign_registry(trained, ids, signer=MemoryKey.made)
    assert other != signed
    assert (other / "fraud/scorer/1/model.statement").read_bytes() != statement


def test_index_that_does_not_fit_the_files_is_refused(trained: Path, ids: dict[str, str]) -> None:
    (trained / "fraud/scorer/1/model.txt").write_text("other")
    with pytest.raises(UsageError, match="fraud/scorer/1 is not what the index says"):
        signed_models.sign_registry(trained, ids, signer=signer)
    assert [path.name for path in (trained.parent / "cache/tidegate/models").iterdir()] == []


def test_catalogue_of_the_region_lists_no_version_that_is_not_as_signed(signed: Path, ids: dict[str, str]) -> None:
    (signed / "fraud/scorer/3-slow/README").write_text("tampered")
    with pytest.raises(SigningError, match=rf"fraud/scorer/3-slow: the model has 1 files.*; delete {signed} and run the command again"):
        signed_models.catalogue_of(signed, ids, signer)


def test_catalogue_of_the_region_lists_every_version(signed: Path, ids: dict[str, str]) -> None:
    found = signed_models.catalogue_of(signed, ids, signer)
    assert "fraud/scorer/3-slow" in {entry.model for entry in found.models}
    assert "nobody/model/1" not in {entry.model for entry in found.models}
    assert set(found.keys) == set(ids.values())


def test_all_refused_models_are_named_at_once(platform: Platform, trained: Path, signed: Path, ids: dict[str, str]) -> None:
    (signed / "fraud/scorer/1/model.txt").write_text("tampered")
    shutil.rmtree(signed / "credit/decision/1")
    with pytest.raises(InventoryError) as refused:
        check(platform, trained, signed, ids)
    first, second = map(str, refused.value.findings)
    assert first.startswith(
        "gitops/tenants/credit.yaml: models.decision.artefact.signature = s3://tidegate-models/credit/decision/1/model.sig: "
    )
    assert "s3://tidegate-models/credit/decision/1 is not in" in first
    assert "models.scorer.artefact.signature" in second
    assert "fraud/scorer/1: the model has 3 files of" in second
    assert second.endswith("[model-signature]")


def test_named_models_only(platform: Platform, trained: Path, signed: Path, ids: dict[str, str]) -> None:
    shutil.rmtree(signed / "credit")
    assert [one.model for one in check(platform, trained, signed, ids, "fraud/scorer")] == ["fraud/scorer/1"]
    with pytest.raises(UsageError, match="fraud/nothing is no served model; the models are assistant/chat, "):
        check(platform, trained, signed, ids, "fraud/nothing")


def test_unknown_key_is_a_finding(platform: Platform, signed: Path) -> None:
    with pytest.raises(
        InventoryError, match=r"the public key of fraud-release is not known; commit gitops/catalogue/keys/fraud-release\.pem"
    ):
        review.check_models(platform, {}, review.Registry(review.in_folder(signed)), only=["fraud/scorer"])


def test_models_in_a_bucket_are_verified(platform: Platform, trained: Path, signed: Path, ids: dict[str, str], client: S3Client) -> None:
    uploading.upload(signed, {"models": client})
    keys = {key_id: signer(key_id).public_pem() for key_id in ids.values()}
    client.put_object(Bucket="models", Key="fraud/scorer/10/model.txt", Body=b"begins like version 1")
    checked = review.check_models(
        platform, keys, review.Registry(verify_models.in_bucket(client, "models")), digests=digests(trained, ids), only=["fraud/scorer"]
    )
    assert [one.model for one in checked] == ["fraud/scorer/1"]
    client.put_object(Bucket="models", Key="fraud/scorer/1/../../up", Body=b"x")
    with pytest.raises(InventoryError, match=r"the name '\.\./\.\./up' is no plain relative path"):
        review.check_models(
            platform, keys, review.Registry(verify_models.in_bucket(client, "models")), digests=digests(trained, ids), only=["fraud/scorer"]
        )


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("s3://tidegate-models/fraud/scorer/9", "nothing is at s3://tidegate-models/fraud/scorer/9"),
        ("s3://elsewhere/x", "not in the model registry"),
    ],
)
def test_uri_without_files_is_refused(client: S3Client, tmp_path: Path, uri: str, message: str) -> None:
    with pytest.raises(SigningError, match=message):
        verify_models.in_bucket(client, "models")(uri, tmp_path)


def test_tenant_with_two_keys_is_refused_on_this_machine(platform: Platform) -> None:
    scoring = platform.tenants["scoring"]
    batch = scoring.models["batch"]
    signature = batch.artefact.signature.model_copy(update={"key_id": "other-key"})
    changed = batch.model_copy(update={"artefact": batch.artefact.model_copy(update={"signature": signature})})
    tenants = {"scoring": scoring.model_copy(update={"models": {**scoring.models, "batch": changed}})}
    with pytest.raises(UsageError, match="tenant scoring names the keys other-key, scoring-release"):
        key_ids(Platform(platform.clusters, tenants))


def test_model_of_another_library_is_refused_before_it_is_merged(platform: Platform, ids: dict[str, str], tmp_path: Path) -> None:
    write_files(tmp_path / "signed/fraud/scorer/1", loadable(Runtime.MLSERVER_LIGHTGBM, "scorer"))
    stated = sign_version(tmp_path / "signed/fraud/scorer/1", "fraud/scorer/1", signer(ids["fraud"]), used={"lightgbm": "3.3.5"})
    keys, served = {ids["fraud"]: signer(ids["fraud"]).public_pem()}, {f"{names.MODEL_REGISTRY_URI}fraud/scorer/1": stated.sha256}

    def check_with(version: str) -> list[review.Checked]:
        registry = review.Registry(review.in_folder(tmp_path / "signed"))
        return review.check_models(platform, keys, registry, digests=served, only=["fraud/scorer"], pins={"lightgbm": version})

    assert [one.model for one in check_with("3.3.9")] == ["fraud/scorer/1"]
    with pytest.raises(InventoryError) as refused:
        check_with("4.7.0")
    (finding,) = refused.value.findings
    assert str(finding) == (
        "gitops/tenants/fraud.yaml: models.scorer.artefact = s3://tidegate-models/fraud/scorer/1: it was trained with lightgbm 3.3.5, and "
        "mlserver-lightgbm loads it with 4.7.0; train it with lightgbm 4.7 and sign that as a new version; "
        "name that version here, or a server that has the other [artefact-library]"
    )
