"""A new version is judged beside the one that serves: a good one passes, a slow one fails for being slow, and nothing of either stays."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.access_review import Account
from tests.acceptance.pull_request import propose, publish
from tests.acceptance.running_platform import Running, wait_for
from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import ToolError
from tidegate.facts import names
from tidegate.gates.candidate import SUFFIX
from tidegate.gates.evidence.manifest import GateEntry, Manifest
from tidegate.gates.scale.figures import phases_of
from tidegate.gates.scale.samples import ScaleSamples
from tidegate.gates.verdict import Outcome, Verdict, combined
from tidegate.repository.merge.verify import only_bundle, read_manifest, read_verdict

REGION, MODEL = "live-1", "fraud/scorer"
OTHER_REGION, OTHER = "live-2", "scoring/fraud-shadow"
"""The same estimator elsewhere, so that both gates run at the same time."""

pytestmark = pytest.mark.timeout(1300)
RecordProperty = Callable[[str, object], None]


def command(*words: str) -> tuple[int, list[str]]:
    """Exit code and lines of a `tidegate gate`."""
    said: list[str] = []
    try:
        tools.stream([str(ROOT / ".venv/bin/tidegate"), "gate", *words], said.append, cwd=ROOT, timeout_seconds=1200)
    except ToolError as error:
        return error.exit_code, said
    return 0, said


@dataclass(frozen=True)
class Judged:
    """What a gate of a whole change left."""

    exit_code: int
    folder: Path
    manifest: Manifest

    def gate(self, name: str) -> GateEntry:
        return next(one for one in self.manifest.gates if one.gate == name)

    def scale_samples(self) -> ScaleSamples:
        kept = self.gate("scale").samples
        assert kept, self.verdict("scale").lines()
        return ScaleSamples.model_validate_json(gzip.decompress((self.folder / kept).read_bytes()))

    def verdict(self, name: str) -> Verdict:
        found = read_verdict(self.folder, self.gate(name))
        assert found
        return found


def judged(commit: str, region: str, out: Path, record: RecordProperty) -> Judged:
    code, said = command("pr", "--base", "HEAD", "--head", commit, "--region", region, "--out", str(out))
    assert (out / "summary.md").is_file(), said
    folder = only_bundle(out)
    manifest = read_manifest(folder)
    record("seconds", {f"{one.gate} {one.subject}".strip(): one.seconds for one in manifest.gates})
    record("said", {f"{one.gate} {one.subject}".strip(): one.said for one in manifest.gates})
    again, told = command("verify", str(out))
    assert again == code, "from the samples alone another verdict was made: " + "\n".join(told)
    assert manifest.signed_by == "gate-evidence"
    return Judged(code, folder, manifest)


def left(platform: Running, region: str) -> list[str]:
    """What is left of candidates."""
    kinds = "namespaces,applications.argoproj.io,appprojects.argoproj.io"
    there = platform.cluster(region).run("get", kinds, "--all-namespaces", "--output=name").split()
    return [one for one in there if one.endswith(SUFFIX)]


def services(platform: Running, namespace: str) -> list[Any]:
    return platform.read(REGION, "inferenceservices", f"--namespace={namespace}")["items"]


def attacks(platform: Running) -> dict[str, tuple[int, str]]:
    """What somebody else gets who creates in the candidate's namespace, and the candidate's own account with other bytes; by who tried."""
    namespace = names.tenant_namespace("fraud-gate")
    wait_for("the candidate is applied", lambda: services(platform, namespace), lambda seen: len(seen) == 1, 300, 1)
    there: Any = services(platform, namespace)[0]
    metadata: dict[str, Any] = {key: there["metadata"][key] for key in ("labels", "annotations")}
    other: dict[str, Any] = {
        "apiVersion": there["apiVersion"], "kind": there["kind"], "spec": there["spec"],
        "metadata": metadata | {"name": there["metadata"]["name"], "namespace": namespace},
    }  # fmt: skip
    foreign = json.loads(json.dumps(other).replace("fraud-gate/scorer/", "fraud/scorer/"))
    path = f"/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices?dryRun=All"
    own = Account(namespace, names.deploy_service_account("fraud-gate"))
    others = [Account(names.tenant_namespace(name), names.deploy_service_account(name)) for name in ("fraud", "credit")]
    with platform.api(REGION) as api:
        tried = {
            one.user: api.request("POST", path, other, user=one.user)
            for one in (*others, Account(names.tenant_namespace("fraud"), "default"))
        }
        tried["files of the tenant"] = api.request("POST", path, foreign, user=own.user)
    return {who: (status, str(answer.get("message", ""))) for who, (status, answer) in tried.items()}


@pytest.mark.touches(regions=[REGION], tenant="fraud")
def test_good_version_passes_every_gate_and_nobody_else_creates_where_it_is(
    platform: Running, copy: Checkout, tmp_path: Path, record_property: RecordProperty
) -> None:
    commit = propose(copy, MODEL, 2, publish("fraud/scorer/2", "fraud/scorer/2"))
    with ThreadPoolExecutor(1) as beside:
        judging = beside.submit(judged, commit, REGION, tmp_path / "kept", record_property)
        tried = attacks(platform)
        found = judging.result()
    record_property("attacks", tried)
    assert {status for status, _ in tried.values()} <= {403, 422}, tried
    assert all("cannot create resource" in said for who, (_, said) in tried.items() if who != "files of the tenant"), tried
    assert "denied request" in tried["files of the tenant"][1], tried
    by_files = [one for one in found.manifest.gates if not one.subject]
    assert {one.gate: one.outcome for one in by_files} == {one.gate: Outcome.PASS for one in by_files}
    assert found.gate("golden-set").outcome is Outcome.PASS, found.verdict("golden-set").lines()
    load = found.verdict("load")
    # On a machine that has other work nothing is proved of the model, and nothing against it either.
    assert load.outcome in {Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.INVALID}, load.lines()
    assert "embedded profile, no evidence for production" in load.notes
    scale = found.verdict("scale")
    assert found.manifest.outcome is combined([load, scale])
    quarter, whole, fourfold = phases_of(found.scale_samples())
    assert (quarter.enough, whole.enough, fourfold.enough) == (1, 2, 5), scale.lines()
    # How soon servers start is the machine's business; that somebody asked for them is the platform's.
    assert whole.wanted is not None, scale.lines()
    assert fourfold.wanted is not None, scale.lines()
    assert sum("(computed, not run)" in note for note in scale.notes) == 2, scale.lines()
    assert any(name.startswith("scale") and name.endswith("timeline.svg") for name in found.manifest.files)
    record_property("scale", scale.lines())
    assert left(platform, REGION) == []
    assert platform.ask(REGION, MODEL).status == 200


@pytest.mark.touches(regions=[OTHER_REGION], tenant="scoring")
def test_slow_version_fails_for_being_slow(platform: Running, copy: Checkout, tmp_path: Path, record_property: RecordProperty) -> None:
    commit = propose(copy, OTHER, 3, publish(f"{OTHER}/3", f"{OTHER}/3-slow"))
    found = judged(commit, OTHER_REGION, tmp_path / "kept", record_property)
    assert found.gate("golden-set").outcome is Outcome.PASS, found.verdict("golden-set").lines()
    load = found.verdict("load")
    (slow,) = (one for one in load.reasons if one.subject == OTHER and one.text.startswith("p99_ms"))
    assert slow.outcome is Outcome.FAIL, load.lines()
    assert slow.text.startswith("p99_ms does not hold: ")
    assert load.outcome in {Outcome.FAIL, Outcome.INVALID}, load.lines()
    assert found.exit_code != 0
    assert left(platform, OTHER_REGION) == []


@pytest.mark.touches(regions=[REGION], asks=[], alone=False)
def test_version_that_its_tenant_did_not_sign_comes_to_no_region(copy: Checkout, tmp_path: Path, record_property: RecordProperty) -> None:
    found = judged(
        propose(copy, MODEL, 4, publish("fraud/scorer/4", "fraud/scorer/2", signed=False)), REGION, tmp_path / "kept", record_property
    )
    assert found.gate("signature").outcome is Outcome.FAIL
    assert "signature" in found.verdict("signature").lines()[1]
    asking = {one.gate: one.said for one in found.manifest.gates if one.subject}
    assert asking == {"golden-set": "skipped", "load": "skipped", "scale": "skipped"}
    assert found.exit_code == 1


@pytest.mark.soak
@pytest.mark.touches(regions=[REGION], tenant="fraud")
def test_replicas_follow_demand_and_a_ceiling_of_one_is_refused(platform: Running, tmp_path: Path, record_property: RecordProperty) -> None:
    code, said = command("scale", MODEL, "--version", "2", "--region", REGION, "--samples", str(tmp_path / "samples.json"))
    record_property("followed", said)
    assert code == 0, "\n".join(said)
    again, told = command("scale", "--judge", str(tmp_path / "samples.json"))
    assert (again, told) == (0, said[-len(told) :])
    code, said = command("scale", MODEL, "--version", "2", "--region", REGION, "--max-replicas", "1")
    record_property("ceiling of one", said)
    assert code in {1, 4}, "\n".join(said)  # one replica may be too slow for a quarter of the rate beside other work
    assert sum("and max_replicas is 1; raise it, or requests_per_second_target" in line for line in said) == 2, "\n".join(said)
    assert left(platform, REGION) == []
