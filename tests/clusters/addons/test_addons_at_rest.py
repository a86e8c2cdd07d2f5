"""While nobody asks it anything the embedded region does little: no elections, no frequent probes and scrapes, no storms of names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clusters.addons import at_rest, documents
from clusters.addons.monitoring import kept_metrics
from clusters.addons.region import AddOnRegion
from clusters.components.tenancy.monitors import SCRAPE_SECONDS
from tests.clusters.addons.addon_objects import pick
from tests.root import ROOT
from tidegate.embedded.fleet.region import NODE_FOLDER
from tidegate.embedded.machines.facts import SupervisedPrograms
from tidegate.facts.inventory.read import read_fact
from tidegate.metering.region_source import REQUESTS_QUERY


def only_container(manifest: Any) -> Any:
    """The first container of what makes pods."""
    return documents.containers(manifest)[0]


def containers(addons: Any) -> Iterator[tuple[str, Any]]:
    for name, manifests in addons.items():
        for manifest in manifests:
            for container in documents.containers(manifest):
                yield f"{name} {manifest['kind']} {manifest['metadata']['name']}", container


@pytest.mark.parametrize(
    ("add_on", "deployment", "argument"),
    [
        ("knative", "webhook", "--disable-ha=true"),
        ("knative-gateway", "net-gateway-api-controller", "--disable-ha=true"),
    ],
)  # fmt: skip
def test_controller_elects_nobody(addons: Any, add_on: str, deployment: str, argument: str) -> None:
    assert argument in only_container(pick(addons[add_on], "Deployment", deployment))["args"]


def test_controllers_that_are_told_otherwise_elect_nobody(addons: Any) -> None:
    for add_on, deployment, variable, value in (
        ("knative", "controller", "STATEFUL_CONTROLLER_ORDINAL", "controller-0"), ("knative", "controller", "STATEFUL_SERVICE_NAME", "controller"),
        ("istiod", "istiod", "ENABLE_LEADER_ELECTION", "false"), ("karpenter", "karpenter", "DISABLE_LEADER_ELECTION", "true"),
    ):  # fmt: skip
        container = only_container(pick(addons[add_on], "Deployment", deployment))
        assert {"name": variable, "value": value} in container["env"]
    manager = only_container(pick(addons["kserve"], "Deployment", "kserve-controller-manager"))
    assert "--leader-elect" not in manager["args"]


def test_several_replicas_elect_a_leader(region: AddOnRegion) -> None:
    several = replace(region, facts=region.facts.model_copy(update={"replicas": 2}))
    deployment: Any = {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"name": "controller"}]}}}}
    at_rest.without_election(deployment, "--disable-ha=true", several)
    assert "args" not in only_container(deployment)
    assert at_rest.elects_a_leader(several)
    assert at_rest.sole_controller(several) == {}


def test_nothing_that_is_up_is_probed_every_second(addons: Any) -> None:
    often = [
        f"{where}: {kind} every {period} s"
        for where, container in containers(addons)
        for kind in ("readinessProbe", "livenessProbe")
        if (period := container.get(kind, {}).get("periodSeconds", 10)) < at_rest.OFTEN_SECONDS
    ]
    assert not often
    [dns] = documents.containers(pick(addons["coredns"], "Deployment", "coredns"))
    assert dns["startupProbe"] == {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1, "failureThreshold": 300}


def test_models_are_scraped_often_and_the_platform_seldom(addons: Any) -> None:
    config = json.loads(pick(addons["prometheus"], "ConfigMap", "prometheus")["data"]["prometheus.yml"])
    intervals = {job["job_name"]: job.get("scrape_interval", config["global"]["scrape_interval"]) for job in config["scrape_configs"]}
    assert SCRAPE_SECONDS <= 15, "releases are judged by it"
    assert intervals.pop("models") == f"{SCRAPE_SECONDS}s"
    assert set(intervals.values()) == {"60s"}


def test_prometheus_asks_for_whole_names(addons: Any) -> None:
    config = json.loads(pick(addons["prometheus"], "ConfigMap", "prometheus")["data"]["prometheus.yml"])
    targets = [target for job in config["scrape_configs"] for group in job.get("static_configs", []) for target in group["targets"]]
    assert targets
    assert [target for target in targets if not target.startswith("localhost:") and not target.split(":")[0].endswith(".")] == []


def test_argo_cd_waits_to_be_told(addons: Any) -> None:
    assert pick(addons["argo-cd"], "ConfigMap", "argocd-cm")["data"]["timeout.reconciliation"] == "120s"
    controller = only_container(pick(addons["argo-cd"], "StatefulSet", "argocd-application-controller"))
    assert {"name": "ARGOCD_CLUSTER_CACHE_WATCH_RESYNC_DURATION", "value": "12h"} in controller["env"]


def test_autoscaler_finds_revisions_in_the_first_search_path(addons: Any, region: AddOnRegion) -> None:
    spec = pick(addons["knative"], "Deployment", "autoscaler")["spec"]["template"]["spec"]
    assert spec["dnsPolicy"] == "None"
    assert spec["dnsConfig"]["searches"][0] == "svc.cluster.local"
    assert spec["dnsConfig"]["nameservers"] == [str(region.facts.dns_address)]


def test_go_programs_use_one_thread_and_keep_their_other_variables(addons: Any) -> None:
    found = list(containers(addons))
    assert len(found) > 15
    assert [where for where, container in found if {"name": "GOMAXPROCS", "value": "1"} not in container["env"]] == []
    for where, container in found:
        names = [variable["name"] for variable in container["env"]]
        assert len(names) == len(set(names)), where


def test_go_programs_of_the_node_use_as_many_threads_as_those_of_add_ons() -> None:
    programs = read_fact(ROOT, Path(NODE_FOLDER) / "programs.yaml", SupervisedPrograms).programs
    in_go = {name: one for name, one in programs.items() if one.command[0].startswith(("/opt/bin/", "/usr/bin/containerd"))}
    assert len(in_go) == 8
    assert {name: one.environment.get("GOMAXPROCS") for name, one in in_go.items()} == dict.fromkeys(in_go, str(at_rest.GO_THREADS))


def kept(addons: Any) -> dict[str, re.Pattern[str]]:
    """What Prometheus keeps of each job, matched as Prometheus does: the whole name."""
    config = json.loads(pick(addons["prometheus"], "ConfigMap", "prometheus")["data"]["prometheus.yml"])
    rules = {job["job_name"]: job["metric_relabel_configs"] for job in config["scrape_configs"]}
    assert all(
        len(of_job) == 1 and of_job[0]["action"] == "keep" and of_job[0]["source_labels"] == ["__name__"] for of_job in rules.values()
    )
    return {job: re.compile(of_job["regex"]) for job, [of_job] in rules.items()}


@pytest.mark.parametrize(
    ("job", "wanted", "unread"),
    [
        ("api-server", "apiserver_request_total", "apiserver_request_duration_seconds_bucket"),
        ("models", "kn_serving_invocation_duration_seconds_bucket", "http_client_request_body_size_bytes_bucket"),
        ("models", "envoy_http_rbac", "envoy_cluster_http2_trailers"),
        ("platform", "kn_revision_pods_desired", "kn_webhook_handler_duration_seconds_bucket"),
        ("platform", "pilot_total_xds_rejects", "pilot_xds_push_time_bucket"),
        ("argo-cd", "argocd_app_info", "argocd_kubectl_request_duration_seconds_bucket"),
    ],
)
def test_prometheus_keeps_what_is_read(addons: Any, job: str, wanted: str, unread: str) -> None:
    patterns = kept(addons)
    assert patterns[job].fullmatch(wanted)
    assert not patterns[job].fullmatch(unread)


def test_prometheus_keeps_what_the_meter_counts(addons: Any) -> None:
    metrics = set(re.findall(r"\(?([a-z_]{8,})\{", REQUESTS_QUERY))
    assert len(metrics) == 2
    assert [metric for metric in metrics if not kept(addons)["models"].fullmatch(metric)] == []


def test_job_without_a_list_is_an_error_and_not_everything() -> None:
    with pytest.raises(KeyError):
        kept_metrics.rule("new-job")
