"""The init container's programs as processes: what is approved and signed is left in the folder, anything else is not."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from clusters.workloads.verified_model import answer_headers
from tests.clusters.workloads.app_folder import make_app_folder
from tidegate import tools
from tidegate.errors import ToolError
from tidegate.signing.bundles import sign_version
from tidegate.signing.keys import KeyFile, embedded_signer

PROGRAM = "clusters.workloads.model_verifier.fetch_model"
URI = "s3://tidegate-live-1-models-1/fraud/scorer/1"

UPSTREAM = """
import os, shutil, sys
uri, folder = sys.argv[1:]
print("fetching", uri)
if os.environ.get("REGISTRY_IS_DOWN"):
    print("Storage initialization failed: Service Unavailable", file=sys.stderr)
    sys.exit(1)
assert os.environ["AWS_SECRET_ACCESS_KEY"] == "secret"
shutil.copytree(os.environ["REGISTRY"], folder, dirs_exist_ok=True)
"""


@dataclass
class Pod:
    """A pod's init container, and the registry it fetches from."""

    root: Path
    signer: KeyFile
    trust: dict[str, dict[str, object]] = field(default_factory=dict[str, dict[str, object]])

    @property
    def app(self) -> Path:
        return self.root / "app"

    @property
    def registry(self) -> Path:
        return self.root / "registry"

    @property
    def models(self) -> Path:
        return self.root / "models"

    def start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Runs the init container; raises `ToolError` when it ends badly."""
        script = self.root / "upstream.py"
        script.write_text(UPSTREAM)
        told = {
            "PYTHONPATH": str(self.app), "STORAGE_INITIALIZER": str(script), "REGISTRY": str(self.registry), "AWS_SECRET_ACCESS_KEY": "secret",
            "MODEL_TRUST": json.dumps(self.trust), "SERVED_MODEL": "scorer", **(environment or {}),
        }  # fmt: skip
        return tools.run([sys.executable, "-m", PROGRAM, *(arguments or (URI, str(self.models)))], cwd=self.root, env=told).stdout

    def files(self) -> set[str]:
        return {path.relative_to(self.models).as_posix() for path in self.models.rglob("*") if path.is_file()}


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    made = Pod(tmp_path, embedded_signer("fraud-release", tmp_path / "keys"))
    make_app_folder("model-verifier", made.app)
    made.models.mkdir()
    made.registry.mkdir()
    (made.registry / "model.txt").write_text("trees")
    sign(made)
    return made


def sign(pod: Pod, model: str = "fraud/scorer/1") -> None:
    stated = sign_version(pod.registry, model, pod.signer)
    pod.trust = {
        "keys": {"fraud-release": pod.signer.public_pem()},
        "models": {URI: {"model": "fraud/scorer/1", "sha256": stated.sha256, "key_id": "fraud-release"}},
    }


def refusal(pod: Pod, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """The last line of a start that must fail; nothing may be left to be loaded."""
    with pytest.raises(ToolError) as failed:
        pod.start(*arguments, environment=environment)
    assert failed.value.exit_code == 65
    lines = [line for line in failed.value.stderr.splitlines() if line]
    assert len(lines) == 1
    return lines[0]


def test_approved_and_signed_model_is_left_in_the_folder(pod: Pod) -> None:
    said = pod.start()
    assert pod.files() == {"model.txt", "model.sig", "model.statement", "model.verified"}
    assert f"fetching {URI}/" in said  # with a slash: version 10 begins with version 1
    assert "Model verified: fraud/scorer/1" in said


def test_second_run_in_the_same_pod_gives_the_same(pod: Pod) -> None:
    (pod.models / "old").mkdir()
    (pod.models / "old" / "left.py").write_text("x")
    (pod.models / "link").symlink_to(pod.registry)
    pod.start()
    pod.start()
    assert pod.files() == {"model.txt", "model.sig", "model.statement", "model.verified"}
    assert (pod.registry / "model.txt").is_file()


def test_archive_is_unpacked_after_it_was_verified(pod: Pod) -> None:
    (pod.registry / "model.txt").unlink()
    with zipfile.ZipFile(pod.registry / "models.zip", "w") as archive:
        archive.writestr("m1/model.joblib", "x")
    sign(pod)
    assert "1 files unpacked" in pod.start()
    assert pod.files() == {"m1/model.joblib", "model.sig", "model.statement", "model.verified"}


def test_a_server_is_told_what_was_verified(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = sign_version(pod.registry, "fraud/scorer/1", pod.signer).sha256
    pod.start()
    assert answer_headers(pod.models) == {"tidegate-model": "fraud/scorer/1", "tidegate-model-sha256": sha256}
    monkeypatch.setenv("K_REVISION", "scorer-predictor-00003")
    assert answer_headers(pod.models)["tidegate-revision"] == "scorer-predictor-00003"
    assert answer_headers(pod.registry) == {}


@pytest.mark.parametrize("packed", [False, True], ids=["beside", "packed"])
def test_artefact_cannot_say_itself_what_was_verified(pod: Pod, packed: bool) -> None:
    if packed:
        (pod.registry / "model.txt").unlink()
        with zipfile.ZipFile(pod.registry / "models.zip", "w") as archive:
            archive.writestr("model.verified", "{}")
    else:
        (pod.registry / "model.verified").write_text("{}")
    sign(pod)
    assert "model.verified" in refusal(pod)
    assert pod.files() == set()


def test_archive_that_leads_out_is_refused_though_it_is_signed(pod: Pod) -> None:
    (pod.registry / "model.txt").unlink()
    with zipfile.ZipFile(pod.registry / "models.zip", "w") as archive:
        archive.writestr("../up.py", "x")
    sign(pod)
    assert refusal(pod) == "Model refused: fraud/scorer/1: the name '../up.py' is no plain relative path"
    assert (pod.files(), (pod.root / "up.py").exists()) == (set(), False)


def test_another_version_of_the_servers_library_is_refused_and_nothing_left(pod: Pod) -> None:
    (pod.registry / "MLmodel").write_text('{"flavors": {"lightgbm": {"lgb_version": "3.3.5"}}}')
    sign(pod)
    assert "; trained with lightgbm 3.3.5 not compared (what the server has is not known)" in pod.start()
    pod.trust["models"][URI] = {
        **cast("dict[str, object]", pod.trust["models"][URI]),
        "server": "mlserver-lightgbm",
        "libraries": {"lightgbm": "3.3.9"},
    }
    assert "; trained with lightgbm 3.3.5 as in mlserver-lightgbm" in pod.start()
    pod.trust["models"][URI] |= {"libraries": {"lightgbm": "4.7.0"}}  # pyright: ignore[reportOperatorIssue] - a dictionary, as above
    assert refusal(pod) == (
        "Model refused: fraud/scorer/1: it was trained with lightgbm 3.3.5, and mlserver-lightgbm loads it with 4.7.0; "
        "train it with lightgbm 4.7 and sign that as a new version"
    )
    assert pod.files() == set()


def test_tampered_file_is_refused_and_nothing_left(pod: Pod) -> None:
    (pod.registry / "model.txt").write_text("frees")
    assert refusal(pod) == "Model refused: fraud/scorer/1: 'model.txt' is not what was signed"
    assert pod.files() == set()


def test_unsigned_model_is_refused(pod: Pod) -> None:
    (pod.registry / "model.statement").unlink()
    assert refusal(pod) == "Model refused: fraud/scorer/1: model.statement is missing: the model is not signed"
    assert pod.files() == set()


def test_replayed_version_is_refused(pod: Pod) -> None:
    sign(pod, "fraud/scorer/0")
    assert refusal(pod) == "Model refused: fraud/scorer/1: model.statement is about 'fraud/scorer/0'; expected is 'fraud/scorer/1'"


def test_uri_that_nobody_approved_is_not_even_fetched(pod: Pod) -> None:
    other = URI.replace("fraud", "credit")
    assert refusal(pod, other, str(pod.models)) == f"Model refused: {other} is not in the catalogue of approved models"
    assert pod.files() == set()


def test_model_of_another_served_model_is_refused(pod: Pod) -> None:
    said = refusal(pod, environment={"SERVED_MODEL": "shadow"})
    assert said == f"Model refused: {URI} is approved as fraud/scorer/1, not for the served model shadow"


def test_key_that_nobody_committed_is_refused(pod: Pod) -> None:
    pod.trust["keys"] = {}
    assert refusal(pod) == f"Model refused: {URI} must be signed with fraud-release, whose public key is not known here"


@pytest.mark.parametrize("name", ["MODEL_TRUST", "SERVED_MODEL"])
def test_pod_that_was_told_nothing_refuses_everything(pod: Pod, name: str) -> None:
    assert (
        refusal(pod, environment={name: ""})
        == "Model refused: MODEL_TRUST or SERVED_MODEL is not set: this pod was not told what it may load"
    )


@pytest.mark.parametrize("trust", ["{", "[]", '{"keys": {}}', "null"])
def test_damaged_list_refuses_everything(pod: Pod, trust: str) -> None:
    assert refusal(pod, environment={"MODEL_TRUST": trust}) == "Model refused: MODEL_TRUST cannot be read"


def test_two_models_in_one_pod_are_refused(pod: Pod) -> None:
    said = refusal(pod, URI, str(pod.models), URI, "/mnt/more")
    assert said == "Model refused: a pod loads one model; this one asks for 2"


def test_registry_that_does_not_answer_is_no_refusal(pod: Pod) -> None:
    with pytest.raises(ToolError, match="Storage initialization failed: Service Unavailable") as failed:
        pod.start(environment={"REGISTRY_IS_DOWN": "1"})
    assert failed.value.exit_code == 1
    assert "Model refused" not in failed.value.stderr


def test_verifier_sees_no_credentials(pod: Pod) -> None:
    """The verifier is replaced by a program that tells its environment."""
    verifier = pod.app / "clusters/workloads/model_verifier/verify_model.py"
    verifier.write_text("import json, os; print(json.dumps(sorted(os.environ)))")
    seen = set(json.loads(pod.start().splitlines()[-1]))
    assert "MODEL_EXPECTED" in seen
    assert seen <= {"MODEL_EXPECTED", "PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LANG", "LC_CTYPE"}


def test_key_of_another_curve_is_refused(pod: Pod) -> None:
    key = ec.generate_private_key(ec.SECP521R1())
    assert key.sign(b"x", ec.ECDSA(hashes.SHA256()))
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    pod.trust["keys"] = {"fraud-release": pem}
    assert refusal(pod) == "Model refused: fraud/scorer/1: the public key is not on the curve P-256"
