"""What a folder of `policies/` must hold, whatever the API server would take; no server is started here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from clusters.components.admission import policies
from clusters.components.admission.awaited_policies import awaited
from tests.policies.test_exemptions import POLICY, TEXT, checkout
from tidegate.errors import FindingsError
from tidegate.facts.platform import Platform

SOURCE = f"policies/{POLICY}/policy.yaml"


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        pytest.param(
            "failurePolicy: Fail", "failurePolicy: Ignore", "spec.failurePolicy = Ignore: must be Fail; correct it [policy-field]", id="fails-open"
        ),
        pytest.param("  failurePolicy: Fail\n", "", "spec.failurePolicy = None: must be Fail; correct it [policy-field]", id="fails-by-default"),
        pytest.param(
            "[Deny, Audit]",
            "[Warn]",
            "[1].spec.validationActions = ['Warn']: must be ['Deny', 'Audit']; correct it [policy-field]",
            id="only-warns",
        ),
        pytest.param(
            "validationActions: [Deny, Audit]",
            "validationActions: [Deny, Audit], paramRef: {name: a, parameterNotFoundAction: Allow}",
            "[1].spec.paramRef.parameterNotFoundAction = Allow: must be Deny; correct it [policy-field]",
            id="lets-in-without-parameter",
        ),
        pytest.param(
            "tidegate.dev/reason: ",
            "tidegate.dev/without-parameter: it is rare, tidegate.dev/reason: ",
            "[1].spec.paramRef.parameterNotFoundAction = Deny: must be Allow; correct it [policy-field]",
            id="says-why-it-lets-in-and-does-not",
        ),
        pytest.param(
            f"  name: {POLICY}", "  name: another", f"metadata.name = another: must be {POLICY}; correct it [policy-field]", id="other-name"
        ),
        pytest.param(
            ", message: the setting is secret",
            "",
            "spec.validations[0].message: is missing; say what is wrong; and what to do [policy-silent]",
            id="no-message",
        ),
        pytest.param(
            "tidegate.dev/reason: to be exempt from, ",
            "",
            "metadata.annotations[tidegate.dev/reason]: is missing; say why the policy is there [policy-undescribed]",
            id="no-reason",
        ),
        pytest.param("'secret'", "'${secret}'", "no fact secret; one of argo_cd_account, canary_tiers", id="unknown-fact"),
        pytest.param("---\n", "---\n---\n", "kind: not one policy and then its binding", id="empty-document"),
        pytest.param(
            "apiVersion: admission", "\tapiVersion: admission", "[yaml-syntax]", id="no-yaml"
        ),
    ],
)  # fmt: skip
def test_policy_is_refused(old: str, new: str, finding: str, platform: Platform, tmp_path: Path) -> None:
    path = checkout(tmp_path) / SOURCE
    assert old in TEXT
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FindingsError) as refused:
        list(policies.objects(platform, platform.clusters["live-1"], tmp_path))
    [line] = str(refused.value).splitlines()
    assert line.startswith(f"{SOURCE}: ")
    assert finding in line


def test_no_policy_at_all_is_refused(platform: Platform, tmp_path: Path) -> None:
    (checkout(tmp_path) / SOURCE).unlink()
    with pytest.raises(FindingsError, match="no policy at all"):
        list(policies.objects(platform, platform.clusters["live-1"], tmp_path))


def test_each_cluster_has_its_own_facts(platform: Platform) -> None:
    def text(cluster: str) -> str:
        return str(list(policies.objects(platform, platform.clusters[cluster])))

    for own, other in (("live-1", "live-2"), ("live-2", "live-1")):
        assert f"s3://tidegate-{own}-models-" in text(own)
        assert other not in text(own)
        assert "${" not in text(own)


@pytest.mark.parametrize("is_running", [True, False])
def test_policies_that_wait_for_the_release_controller_are_in_force_only_with_it(is_running: bool, platform: Platform) -> None:
    waiting = awaited(is_running=is_running)
    text = str(list(policies.objects(platform, platform.clusters["live-1"], without=waiting)))
    every = awaited(is_running=False)
    assert every <= {policy["metadata"]["name"] for policy, _ in policies.by_folder(platform, platform.clusters["live-1"])}
    assert every
    assert {name for name in every if name not in text} == waiting
    assert "limit-release-traffic" in text


def test_nothing_exempt_leaves_a_policy_as_it_is_written(platform: Platform) -> None:
    manifests = cast("list[dict[str, Any]]", list(policies.objects(platform, platform.clusters["live-1"])))
    assert not [each["metadata"]["name"] for each in manifests if "auditAnnotations" in each["spec"]]
