"""What our facts admit, KServe and Knative Serving admit: every extreme goes through their own code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from pydantic import ValidationError

from clusters import cluster_tree
from clusters.addons import knative, kserve
from clusters.addons.region import AddOnRegion
from clusters.components.network import edge_limits, mesh, routes
from clusters.components.serving import runtimes
from clusters.components.serving.model import inference_service
from tests.clusters.addons.addon_objects import CA_CERTIFICATE, IMAGES
from tests.clusters.upstream.extremes import TENANTS, extremes, roomy
from tests.root import ROOT
from tests.suite.telling import tell
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.contracts.rendering import RegionFacts
from tidegate.embedded.builds import go_programs
from tidegate.facts.models.served_model import Runtime
from tidegate.facts.platform import Platform, check
from tidegate.facts.tenant import Tenant
from tidegate.manifests.placed import Placed
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.validate import judge

pytestmark = pytest.mark.apiserver

CHECKOUT = Checkout(ROOT)


class Upstream:
    """KServe's and Knative's verdicts on InferenceServices, under the region's own settings of both."""

    def __init__(self, platform: Platform) -> None:
        self.cluster = platform.clusters["live-1"]
        facts = RegionFacts(
            cluster="live-1", ca_certificate=CA_CERTIFICATE, kserve_webhook_certificate_path="", kserve_webhook_key_path="",
            dns_address=IPv4Address("10.96.0.10"), hosts={},
        )  # fmt: skip
        region = AddOnRegion(self.cluster, facts, IMAGES)
        module = go_programs.module_folder(CHECKOUT, "kserve", "github.com/kserve/kserve")
        shipped = yaml.safe_load((module / "config/configmap/inferenceservice.yaml").read_text(encoding="utf-8"))["data"]
        ours = {key: json.dumps({**json.loads(shipped[key]), **values}) for key, values in kserve.configuration(region).items()}
        settings = knative.configuration(region)
        servers = [runtimes.pool_runtime(), *(runtimes.serving_runtime(runtime) for runtime in Runtime)]
        self._asked = {
            "kserve": {**shipped, **ours}, "features": settings["config-features"], "autoscaler": settings["config-autoscaler"],
            "runtimes": servers,
        }  # fmt: skip
        program = Path(__file__).with_name("serving_verdicts.go")
        self._program = go_programs.build_source(CHECKOUT, "kserve", program, lambda program, what: tell(f"{program}: {what}"))

    def render(self, tenant: Tenant) -> list[Any]:
        """Every InferenceService of `tenant`."""
        return [inference_service(self.cluster, tenant, name, model) for name, model in tenant.models.items()]

    def refusals(self, services: Sequence[Any]) -> list[list[str]]:
        """What is refused of each service; nothing when both take it."""
        answer = tools.run([str(self._program)], stdin=json.dumps({**self._asked, "services": services}))
        return cast("list[list[str]]", json.loads(answer.stdout))


@pytest.fixture(scope="module")
def upstream(platform: Platform) -> Upstream:
    return Upstream(platform)


def _admitted(platform: Platform, document: Mapping[str, Any]) -> Tenant | None:
    """The tenant, when the facts take the file."""
    try:
        tenant = Tenant.model_validate_json(json.dumps(document))
    except ValidationError:
        return None
    others = {name: other for name, other in platform.tenants.items() if name != tenant.name}
    return None if check(replace(platform, tenants={**others, tenant.name: tenant})) else tenant


def test_extremes_that_the_facts_admit_are_admitted_upstream(
    platform: Platform, upstream: Upstream, record_testsuite_property: Any
) -> None:
    asked: list[str] = []
    services: list[Any] = []
    cases = [case for name in TENANTS for case in extremes(name)]
    for what, document in cases:
        if tenant := _admitted(platform, document):
            rendered = upstream.render(tenant)
            services += rendered
            asked += [what] * len(rendered)
    refused = {f"{what}: {'; '.join(found)}" for what, found in zip(asked, upstream.refusals(services), strict=True) if found}
    record_testsuite_property("upstream-limit-cases", len(cases))
    record_testsuite_property("upstream-limit-cases-admitted", len(set(asked)))
    assert refused == set()
    assert len(cases) > 300
    assert len(set(asked)) > len(cases) / 2, "most extremes are refused by our facts: then this test says little"


@pytest.mark.parametrize("name", TENANTS)
def test_whatever_is_rendered_of_an_extreme_fits_its_schema_and_our_rules(platform: Platform, schemas: SchemaSet, name: str) -> None:
    cluster = platform.clusters["live-1"]
    found: set[str] = set()
    for what, document in extremes(name):
        if tenant := _admitted(platform, document):
            alone = replace(platform, tenants={tenant.name: tenant})
            edge = (*routes.objects(alone, cluster), *edge_limits.objects(alone, cluster), *mesh.objects(alone, cluster))
            placed = [Placed("edge", manifest) for manifest in edge]
            placed += [
                Placed("tenant", manifest, tenant.namespace_name) for manifest in cluster_tree.tenant_objects(alone, cluster, tenant)
            ]
            found |= {f"{what}: {finding}" for each in placed for finding in judge(each, schemas)}
    assert found == set()


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        pytest.param(
            {"annotations": {"autoscaling.knative.dev/scale-to-zero-pod-retention-period": "7200s"}},
            "knative: chat-predictor: expected 0s <= 7200s <= 1h0m0s: "
            "spec.template.metadata.annotations.autoscaling.knative.dev/scale-to-zero-pod-retention-period",
            id="idle-for-two-hours",
        ),
        pytest.param(
            {"timeout": 601}, "knative: chat-predictor: expected 0 <= 601 <= 600: spec.template.spec.timeoutSeconds", id="timeout"
        ),
        pytest.param(
            {"annotations": {"serving.knative.dev/progress-deadline": "1.5s"}},
            "knative: chat-predictor: progress-deadline=1.5s is not at second precision: "
            "spec.template.metadata.annotations.serving.knative.dev/progress-deadline",
            id="fraction-of-a-second",
        ),
        pytest.param(
            {"hostNetwork": True}, "knative: chat-predictor: must not set the field(s): spec.template.spec.hostNetwork", id="field-of-pods"
        ),
        pytest.param({"minReplicas": 5}, "kserve: 'MinReplicas' cannot be greater than MaxReplicas", id="floor-above-ceiling"),
        pytest.param({"scaleMetric": "cpu"}, "kserve: [cpu] is not a supported metric", id="cores"),
    ],
)  # fmt: skip
def test_what_upstream_refuses_is_told(platform: Platform, upstream: Upstream, changed: dict[str, Any], refusal: str) -> None:
    (service,) = upstream.render(platform.tenants["assistant"])
    assert upstream.refusals([service]) == [[]]
    service["spec"]["predictor"] |= changed
    ((found,),) = upstream.refusals([service])
    assert refusal in found


def test_each_part_of_a_model_is_judged(platform: Platform, upstream: Upstream) -> None:
    (service,) = upstream.render(platform.tenants["credit"])
    for part in ("transformer", "explainer"):
        service["spec"][part]["timeout"] = 601
    (found,) = upstream.refusals([service])
    assert [text.split(": ")[1] for text in found] == ["decision-transformer", "decision-explainer"]


def test_extremes_begin_with_a_file_that_is_valid(platform: Platform) -> None:
    for name in TENANTS:
        assert _admitted(platform, roomy(name)), name
