"""The series that the embedded regions' Prometheus keeps, by job; all others are dropped as soon as they are scraped.

Everything that programs offer is 60,000 series a region, most of it histograms that nobody reads, and each costs memory at rest. A feature
that reads a metric adds it here. Production's Prometheus keeps everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_PROCESS = "process_(cpu_seconds_total|resident_memory_bytes|start_time_seconds|open_fds)"
_WORK = "workqueue_(depth|adds_total|retries_total|unfinished_work_seconds)"
_PROXY = "envoy_http_(rbac|downstream_rq_xx)|envoy_listener_manager_lds_update_rejected|envoy_cluster_manager_cds_update_rejected"
"""What Envoy refused, answered and could not read of its configuration."""

KEPT: Mapping[str, Sequence[str]] = {
    "prometheus": (_PROCESS, "prometheus_(tsdb_head_series|tsdb_head_chunks|build_info|config_last_reload_successful|target_.*_total)"),
    "api-server": (
        _PROCESS,
        "apiserver_(request_total|request_terminations_total|current_inflight_requests|longrunning_requests|resource_objects)",
        "apiserver_request_duration_seconds_(sum|count)",
        "apiserver_admission_(webhook|controller)_admission_duration_seconds_(sum|count)",
        "apiserver_admission_webhook_rejection_count",
        "apiserver_validating_admission_policy_check_total",
    ),
    "kubelet": (_PROCESS, "kubelet_(node_name|running_pods|running_containers|pleg_relist_duration_seconds_(sum|count))"),
    "cadvisor": (
        "container_(cpu_usage_seconds_total|cpu_cfs_(throttled_)?periods_total|start_time_seconds|oom_events_total)",
        "container_(memory_working_set_bytes|memory_rss|spec_memory_limit_bytes|network_(receive|transmit)_bytes_total)",
        "machine_(cpu_cores|memory_bytes)",
    ),
    "models": (
        _PROCESS,
        _PROXY,
        # Counted by the meter, and the histograms that releases and objectives are judged by: Knative's own, or the mesh's.
        "kn_serving_invocation_duration_seconds_(bucket|sum|count)",
        "istio_(requests_total|request_duration_milliseconds_(bucket|sum|count))",
        "envoy_cluster_(upstream_rq|upstream_rq_(timeout|retry|pending_overflow)|upstream_cx_(active|connect_fail))",
        "envoy_server_(live|days_until_first_cert_expiring)",
        "model_infer_request_(success|failure)_total|rest_server_requests_total|vllm:.+",
    ),
    "platform": (
        _PROCESS,
        _PROXY,
        _WORK,
        "kn_(revision|activator)_[a-z_]+|kn_workqueue_(depth|adds_total|retries_total)",
        "kn_(webhook_handler|autoscaler_scrape)_duration_seconds_(sum|count)",
        "controller_runtime_reconcile_(total|errors_total|panics_total)",
        "pilot_(info|xds|xds_pushes|total_xds_rejects|services|k8s_cfg_events|proxy_convergence_time_(sum|count))",
        "karpenter_(nodepools_(cost_total|limit|usage)|nodeclaims_[a-z]+_total|nodes_(allocatable|total_[a-z_]+)|pods_state)",
        "coredns_(dns_requests_total|dns_responses_total|panics_total)",
        "vault_core_(unsealed|active)",
    ),
    "kube-state-metrics": ("kube_.*",),
    "argo-cd": (_PROCESS, _WORK, "argocd_(app_info|app_sync_total|app_reconcile_(sum|count)|git_request_total|cluster_events_total|info)"),
}


def rule(job: str) -> dict[str, object]:
    """The relabelling that keeps the series of `job`; raises `KeyError` for a job without a list, so that none keeps all by mistake."""
    return {"source_labels": ["__name__"], "regex": "|".join(KEPT[job]), "action": "keep"}
