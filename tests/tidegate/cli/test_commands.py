"""What a person or a program sees of the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.scratch_checkout import make_scratch_checkout
from tests.tidegate.signing.signed_models import MemoryKey, write_files
from tidegate import tools
from tidegate.cli.tenant import TierChoice
from tidegate.errors import ToolError
from tidegate.facts.tenant import Tier
from tidegate.signing.bundles import digest_of, sign_version

TIDEGATE = str(ROOT / ".venv" / "bin" / "tidegate")
HEAVY = {"boto3", "botocore", "cdktf", "jsii", "jsonschema_rs", "moto", "pulumi", "pulumi_kubernetes", "pydantic", "rich", "ruamel"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of its own: facts and code, the environments borrowed."""
    return make_scratch_checkout(tmp_path).root


def refusal(command: list[str], cwd: Path) -> ToolError:
    with pytest.raises(ToolError) as caught:
        tools.run(command, cwd=cwd)
    return caught.value


def test_help_appears_without_heavy_imports() -> None:
    printed = tools.run([str(ROOT / ".venv" / "bin" / "python"), "-X", "importtime", TIDEGATE, "--help"], cwd=ROOT).stderr
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in printed.splitlines()}
    assert "typer" in imported
    assert not imported & HEAVY


def test_tiers_on_the_command_line_are_those_of_the_model() -> None:
    assert [tier.value for tier in TierChoice] == [tier.value for tier in Tier]


def test_status_of_a_platform_that_is_down_says_so(checkout: Path) -> None:
    answer = json.loads(tools.run([TIDEGATE, "status", "--json"], cwd=checkout).stdout)
    assert answer["cloud"]["endpoint"] is None
    assert answer["cloud"]["resources"] == 0
    assert set(answer["rendered_objects"]) == {"live-1", "live-2"}


def test_down_of_a_platform_that_is_down_is_no_error(checkout: Path) -> None:
    assert json.loads(tools.run([TIDEGATE, "down", "--json"], cwd=checkout).stdout) == {"destroyed": 0, "left_over": []}


def test_doctor_lists_every_tool(checkout: Path) -> None:
    answer = json.loads(tools.run([TIDEGATE, "doctor", "--json"], cwd=checkout).stdout)
    assert {tool["program"] for tool in answer["tools"]} == {"git", "go", "node", "npm", "terraform"}
    assert answer["findings"] == []


def test_output_in_a_pipe_has_no_colour(checkout: Path) -> None:
    done = tools.run([TIDEGATE, "doctor"], cwd=checkout, env={"NO_COLOR": "1"})
    assert "\033[" not in done.stdout + done.stderr


def test_old_spelling_runs_the_command_and_names_the_new_one(checkout: Path) -> None:
    done = tools.run([TIDEGATE, "explain", "model", "credit/decision", "--json"], cwd=checkout)
    assert done.stderr == "`tidegate explain model` is called `tidegate model explain` now\n"
    assert json.loads(done.stdout) == json.loads(
        tools.run([TIDEGATE, "model", "explain", "credit/decision", "--json"], cwd=checkout).stdout
    )
    assert "explain" not in tools.run([TIDEGATE, "--help"], cwd=checkout).stdout


def test_model_is_explained_with_file_and_line(checkout: Path) -> None:
    rows = json.loads(tools.run([TIDEGATE, "model", "explain", "credit/decision", "--json"], cwd=checkout).stdout)
    by_path = {row["path"]: row for row in rows}
    lines = (checkout / "gitops" / "tenants" / "credit.yaml").read_text().splitlines()
    at = by_path["models.decision.scaling.min_replicas"]
    assert at["value"] == "2"
    file, _, number = at["source"].partition(":")
    assert (file, lines[int(number) - 1].strip()) == ("gitops/tenants/credit.yaml", "min_replicas: 2")
    assert by_path["models.decision.scaling.idle_seconds"]["source"] == "default of Scaling.idle_seconds"
    assert by_path["live-1.gpu_pool"]["value"] == "h100-slices"
    assert by_path["live-1.host"]["value"] == "credit.live-1.models.example.com"


def test_unknown_model_is_refused_with_those_there_are(checkout: Path) -> None:
    error = refusal([TIDEGATE, "model", "explain", "credit/nothing"], checkout)
    assert error.exit_code == 2
    assert error.stderr.startswith("no served model 'credit/nothing'; there are assistant/chat, credit/decision, fraud/scorer")


def test_bad_facts_are_refused_all_at_once_with_nothing_changed(checkout: Path) -> None:
    fraud, credit = (checkout / "gitops" / "tenants" / f"{name}.yaml" for name in ("fraud", "credit"))
    fraud.write_text(fraud.read_text().replace("tier: critical", "tier: vital"))
    credit.write_text(credit.read_text().replace("pods: 40", "pods: many"))
    before = {path: path.read_bytes() for path in (checkout / "gitops" / "rendered").rglob("*.yaml")}
    for command in ("render", "validate"):
        error = refusal([TIDEGATE, command], checkout)
        assert error.exit_code == 1
        assert error.stderr.splitlines() == [
            "gitops/tenants/credit.yaml: quota.pods = many: must be a whole number; write it without quotes or fraction [not-integer]",
            "gitops/tenants/fraud.yaml: tier = vital: not one of the choices; use 'regulated', 'critical', 'standard' or 'batch' [not-a-choice]",
            "2 findings; nothing was changed",
        ]
    assert {path: path.read_bytes() for path in (checkout / "gitops" / "rendered").rglob("*.yaml")} == before


def test_findings_are_json_on_request(checkout: Path) -> None:
    fraud = checkout / "gitops" / "tenants" / "fraud.yaml"
    fraud.write_text(fraud.read_text().replace("pods: 60", "pods: 0"))
    error = refusal([TIDEGATE, "validate", "--json"], checkout)
    assert "quota.pods = 0: is too small; write at least 1 [too-small]" in error.stderr


def new_tenant(files: Path, name: str, signed_as: str = "", **changes: str) -> list[str]:
    """The command, with a model and a golden set in `files`; the model is signed for the tenant, or as `signed_as`."""
    owner = name.removeprefix("../")
    key = MemoryKey.made(f"{owner}-release")
    artefact, golden_set = write_files(files / "artefact", {"model.txt": b"trees"}), write_files(files / "golden", {"inputs.json": b"[]"})
    sign_version(artefact, signed_as or f"{owner}/risk/1", key)
    (files / "key.pem").write_text(key.public_pem())
    options = {
        "tier": "standard", "owner": "payments@example.com", "github-team": "@example-org/payments", "artefact": str(artefact),
        "golden-set": str(golden_set), "public-key": str(files / "key.pem"), "caller": "till", "model": "risk",
    }  # fmt: skip
    return [TIDEGATE, "tenant", "new", name, *(f"--{key}={value}" for key, value in {**options, **changes}.items())]


@pytest.mark.parametrize("tier", [tier.value for tier in Tier])
def test_new_tenant_of_every_tier_is_valid_at_once(checkout: Path, tmp_path_factory: pytest.TempPathFactory, tier: str) -> None:
    files = tmp_path_factory.mktemp("files")
    tools.run(new_tenant(files, "payments", tier=tier), cwd=checkout)
    rows = json.loads(tools.run([TIDEGATE, "model", "explain", "payments/risk", "--json"], cwd=checkout).stdout)
    told = {row["path"]: row["value"] for row in rows}
    assert told["priority_class"] == f"tidegate-{tier}"
    assert told["models.risk.artefact.sha256"] == digest_of(files / "artefact")
    assert told["models.risk.golden_set.sha256"] == digest_of(files / "golden")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("fraud", {}, "tenant fraud exists: gitops/tenants/fraud.yaml; edit that file or choose another name"),
        ("../payments", {}, "'../payments' is no tenant name; use lower-case letters, digits and dashes"),
        ("kube-system", {}, "gitops/tenants/kube-system.yaml: name = kube-system: is a name of the platform"),
        ("payments", {"signed_as": "fraud/scorer/1"}, "payments/risk/1: model.statement is about 'fraud/scorer/1'"),
        ("payments", {"signed_as": "payments/risk/2"}, "payments/risk/1: model.statement is about 'payments/risk/2'"),
        ("payments", {"runtime": "flask"}, "gitops/tenants/payments.yaml: models.risk.runtime = flask: not one of the choices"),
    ],
    ids=["existing", "path", "reserved", "model-of-another", "another-version", "unknown-runtime"],
)
def test_bad_new_tenant_is_refused_and_nothing_is_written(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, name: str, changes: dict[str, str], message: str
) -> None:
    before = sorted((checkout / "gitops").rglob("*"))
    error = refusal(new_tenant(tmp_path_factory.mktemp("files"), name, **changes), checkout)
    assert message in error.stderr
    assert sorted((checkout / "gitops").rglob("*")) == before


def remove_tenant(name: str, requested_by: str = "maria@example.com", reason: str = "The product was sold.") -> list[str]:
    return [TIDEGATE, "tenant", "remove", name, f"--requested-by={requested_by}", f"--reason={reason}"]


def test_removed_tenant_is_a_tombstone_from_then_on(checkout: Path) -> None:
    answer = json.loads(tools.run([*remove_tenant("scoring"), "--json"], cwd=checkout).stdout)
    assert answer == {"deleted": "gitops/tenants/scoring.yaml", "written": "gitops/tombstones/scoring.yaml"}
    tools.run([TIDEGATE, "render"], cwd=checkout)
    assert (checkout / "gitops" / "rendered" / "live-1" / "tenants" / "scoring" / "removed.txt").is_file()


@pytest.mark.parametrize(
    ("command", "exit_code", "message"),
    [
        (remove_tenant("nobody"), 2, "no tenant 'nobody'; there are assistant, credit, fraud, merchants, scoring"),
        (remove_tenant("scoring", reason=""), 1, "gitops/tombstones/scoring.yaml: reason: is not of the expected form"),
        (remove_tenant("fraud"), 1, "gitops/tenants/credit.yaml: callers[1].tenant = fraud: no such tenant; remove it or add the tenant"),
    ],
    ids=["unknown", "no-reason", "still-a-caller"],
)
def test_bad_removal_is_refused_and_nothing_is_changed(checkout: Path, command: list[str], exit_code: int, message: str) -> None:
    before = sorted((checkout / "gitops").rglob("*"))
    error = refusal(command, checkout)
    assert (error.exit_code, message in error.stderr) == (exit_code, True), error.stderr
    assert sorted((checkout / "gitops").rglob("*")) == before


def test_removed_model_is_a_tombstone_from_then_on(checkout: Path) -> None:
    command = [TIDEGATE, "model", "remove", "scoring/batch", "--requested-by=maria@example.com", "--reason=Nobody calls it."]
    answer = json.loads(tools.run([*command, "--json"], cwd=checkout).stdout)
    assert answer == {"changed": "gitops/tenants/scoring.yaml", "written": "gitops/tombstones/scoring.yaml"}
    tools.run([TIDEGATE, "render"], cwd=checkout)
    assert not (checkout / "gitops" / "rendered" / "live-1" / "tenants" / "scoring" / "inferenceservice-batch.yaml").exists()
    assert "no model 'batch' of scoring; there are fraud-shadow" in refusal(command, checkout).stderr


def test_new_tenant_with_the_name_of_a_removed_one_is_refused(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    tools.run(remove_tenant("scoring"), cwd=checkout)
    error = refusal(new_tenant(tmp_path_factory.mktemp("files"), "scoring"), checkout)
    assert "gitops/tombstones/scoring.yaml: name = scoring: the tenant has a file of its own" in error.stderr
    assert not (checkout / "gitops" / "tenants" / "scoring.yaml").exists()


def test_diff_tells_objects_and_floor_money(checkout: Path) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["git", "init", "-q"], ["git", "add", "clusters/inventory", "gitops"], [*git, "commit", "-qm", "before"]):
        tools.run(command, cwd=checkout)
    fraud = checkout / "gitops" / "tenants" / "fraud.yaml"
    fraud.write_text(fraud.read_text().replace("min_replicas: 6", "min_replicas: 7"))
    added = checkout / "gitops" / "rendered" / "live-1" / "tenants" / "fraud" / "configmap-extra.yaml"
    added.write_text("kind: ConfigMap\n")
    answer = json.loads(tools.run([TIDEGATE, "diff", "HEAD", "--json"], cwd=checkout).stdout)
    assert answer["added"] == ["live-1/tenants/fraud/configmap-extra.yaml"]
    assert (answer["removed"], answer["changed"]) == ([], [])
    assert [change["tenant"] for change in answer["tenants"]] == ["fraud"]
    # One more replica in two clusters keeps 2.125 of the 3.92 cores of an m7i.xlarge from others: 2.125 / 3.92 x 0.2016 x 720 h x 2.
    assert answer["after"]["usd_per_month"] - answer["before"]["usd_per_month"] == pytest.approx(157.37, abs=0.02)


def test_diff_of_an_unknown_revision_is_refused(checkout: Path) -> None:
    tools.run(["git", "init", "-q"], cwd=checkout)
    error = refusal([TIDEGATE, "diff", "nowhere"], checkout)
    assert error.exit_code == 2
    assert "nowhere is no revision of this repository" in error.stderr


def test_outside_a_checkout_the_way_in_is_told(tmp_path: Path) -> None:
    error = refusal([TIDEGATE, "status"], tmp_path)
    assert f"{tmp_path} is not inside a Tidegate checkout" in error.stderr


def test_pod_without_a_place_is_refused_with_file_pod_lack_and_nearest_pool(checkout: Path) -> None:
    path = checkout / "gitops" / "rendered" / "live-1" / "tenants" / "assistant" / "inferenceservice-chat.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count('cpu: "3"') == 1
    path.write_text(text.replace('cpu: "3"', 'cpu: "6"').replace('nvidia.com/gpu: "1"', 'nvidia.com/gpu: "2"'), encoding="utf-8")
    refused = refusal([TIDEGATE, "validate"], checkout)
    assert refused.exit_code == 1
    for said in (
        "live-1/tenants/assistant/inferenceservice-chat.yaml: spec.predictor: no pool can host pod chat-predictor:",
        "on l4-whole (g6.2xlarge, on-demand, eu-west-1a), which comes nearest,",
        "it needs 2 of nvidia.com/gpu, 1 are left for it; ask for 1 of nvidia.com/gpu less [pod-fits-no-pool]",
    ):
        assert said in " ".join(refused.stderr.split())


def test_model_that_knative_would_give_up_on_is_refused(checkout: Path) -> None:
    path = checkout / "gitops" / "tenants" / "assistant.yaml"
    text = path.read_text(encoding="utf-8")
    slow = "    cold_start:\n" + "".join(
        f'      - phase: {phase}\n        seconds: {seconds}\n        measured_on: "2026-11-21"\n'
        for phase, seconds in (("weights", 1600), ("load", 100))
    )
    path.write_text(text.replace("    scaling:\n", f"{slow}    scaling:\n", 1), encoding="utf-8")
    refused = refusal([TIDEGATE, "validate"], checkout)
    assert "from nothing the model takes 2063.3 s (node 180 s, image 183.3 s, weights 1600 s, load 100 s)" in " ".join(
        refused.stderr.split()
    )


def test_explained_model_shows_its_cold_start_and_what_was_measured(checkout: Path) -> None:
    path = checkout / "gitops" / "tenants" / "assistant.yaml"
    text = path.read_text(encoding="utf-8")
    measured = '    cold_start:\n      - phase: load\n        seconds: 95.5\n        measured_on: "2026-11-21"\n    scaling:\n'
    path.write_text(text.replace("    scaling:\n", measured, 1), encoding="utf-8")
    rows = {
        row["path"]: row for row in json.loads(tools.run([TIDEGATE, "model", "explain", "assistant/chat", "--json"], cwd=checkout).stdout)
    }
    assert rows["live-1.cold_start.node_seconds"]["source"] == "table of tidegate/facts/cold_start.py"
    assert rows["live-1.cold_start.load_seconds"]["value"] == "95.5"
    assert rows["live-1.cold_start.load_seconds"]["source"].endswith("assistant.yaml (models.chat.cold_start), measured on 2026-11-21")
    assert (rows["live-2.cold_start.seconds"]["value"], rows["live-2.cold_start.seconds"]["why"]) == (
        "558.8",
        "Knative gives up after 1140 s",
    )
