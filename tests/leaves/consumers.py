"""Consumers of facts that show in no rendered object and in no stack, each with a test whose verdict changes with the fact."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who uses a field, and the test (its node id) that would fail if nobody did."""

    field: str
    who: str
    test: str


_FINDINGS = "tests/tidegate/facts/inventory/test_invalid.py::test_one_fault_gives_exactly_one_finding"
_COLD_STARTS = "tests/tidegate/manifests/test_cold_starts.py"
_LOAD_PLAN = "tests/loadtests/test_plan.py::test_rate_duration_and_limits_are_the_tenants"
_LOAD_GATE = "tests/loadtests/test_gates.py"
_GOLDEN_FACTS = "tests/tidegate/gates/golden_set/test_facts_decide.py::test_another_value_is_another_verdict"
_EXEMPTIONS = "tests/policies/test_exemptions.py"

CONSUMERS = (
    *(
        Consumer(
            f"tenant: models.*.{artefact}.version", "whoever validates: it ends the artefact's URI",
            f"{_FINDINGS}[artefact-version-differs]",
        )
        for artefact in ("artefact", "artefact_by_stage.*")
    ),
    Consumer(
        "tenant: models.*.artefact_by_stage.*.size_gib", "the cold-start budget",
        f"{_COLD_STARTS}::test_over_budget_is_refused_phase_by_phase",
    ),
    *(
        Consumer(
            f"tenant: models.*.{artefact}.signature.uri", "whoever validates: pods read it there", f"{_FINDINGS}[signature-of-other-files]"
        )
        for artefact in ("artefact", "artefact_by_stage.*", "also_on_cpu.artefact")
    ),
    Consumer(
        "tenant: models.*.cold_start[].measured_on", "tidegate model explain",
        "tests/tidegate/cli/test_commands.py::test_explained_model_shows_its_cold_start_and_what_was_measured",
    ),
    Consumer(
        "tenant: budget_usd_per_month", "whoever validates: a budget pays for the floors' machines",
        "tests/tidegate/manifests/fit/test_packing.py::test_budget_that_does_not_pay_for_whole_nodes_is_a_finding",
    ),
    Consumer(
        "cluster: cpu_pools.*.arm64_images", "whoever validates: machines of such a pool may be arm64",
        "tests/clusters/test_placement.py::test_arm64_machines_are_asked_for_where_all_images_are_built_for_them",
    ),
    Consumer(
        "image list: images[].tag", "rendering: the image of a release is named by its digest",
        "tests/clusters/test_image_catalogue.py::test_production_names_the_last_listed_digest_of_a_release",
    ),
    Consumer(
        "image list: images[].sbom_sha256", "tidegate image verify, which asks the registry for it",
        "tests/tidegate/embedded/publishing/test_verify.py::test_what_the_registry_lacks_or_holds_otherwise_is_told",
    ),
    Consumer(
        "image list: images[].revision", "tidegate image list", "tests/tidegate/cli/test_image_commands.py::test_list_says_what_was_built_from_what",
    ),
    Consumer(
        "platform file: github_team", "GitHub, by CODEOWNERS",
        "tests/tidegate/repository/test_code_owners.py::test_committed_file_is_what_the_facts_render_to",
    ),
    *(
        Consumer(
            f"exemptions: exemptions[].{field}", "the API server, by the policy's expressions",
            f"{_EXEMPTIONS}::test_exemption_lets_in_what_it_names_until_its_end_and_is_logged",
        )
        for field in ("policy", "cluster", "namespace", "name", "until", "who", "reason")
    ),
    *(
        Consumer(f"tenant: models.*.load_profile.{field}", "tidegate gate load", _LOAD_PLAN)
        for field in ("requests_per_second", "duration_seconds")
    ),
    Consumer("tenant: models.*.slo.availability", "tidegate gate load", f"{_LOAD_GATE}::test_more_failures_than_may_be_are_inconclusive_before_they_are_proved"),
    Consumer("tenant: models.*.slo.time_to_first_token_ms", "tidegate gate load", f"{_LOAD_GATE}::test_tokens_are_judged_by_their_own_limit"),
    Consumer(
        "tenant: models.*.golden_set.uri", "tidegate gate golden, which fetches the set there",
        "tests/tidegate/embedded/judging/test_golden_set.py::test_set_is_read_where_the_facts_say",
    ),
    *(
        Consumer(f"tenant: models.*.golden_set.{field}", "tidegate gate golden", f"{_GOLDEN_FACTS}[{field.removesuffix('[]')}]")
        for field in (
            "sha256", "metric", "threshold", "slices[]", "regress_at_most", "undecided_slices", "decision_at", "holds_training_rows",
        )
    ),
    Consumer("exemptions: exemptions[].granted", "whoever renders: three days at most", f"{_EXEMPTIONS}::test_exemption_is_refused[for-ever]"),
)  # fmt: skip

BUILT = {
    "Addresses": "tests/tidegate/embedded/machines/test_network.py::test_region_is_reached_from_the_internet_after_it_was_made_anew",
    "BuildList": "tests/tidegate/embedded/builds/test_go_programs.py::test_change_is_another_program_and_the_first_stays",
    "EmbeddedProfiles": "tests/tidegate/facts/test_embedded_profiles.py::test_profile_is_what_counts_on_the_embedded_region_and_nothing_else_changes",
    "ImageList": "tests/tidegate/embedded/images/test_images.py::test_only_what_changed_is_built_anew",
    "PriceTable": "tests/tidegate/repository/test_price_tables.py::test_table_that_is_written_is_read_back_and_used_for_its_region_only",
    "Releases": "tests/clusters/test_releases.py::test_builds_pin_the_modules_that_are_chosen_here",
    "ServicePrices": "tests/tidegate/metering/months/test_region_month.py::test_one_nat_gateway_and_more_calls_change_what_they_cost",
    "SupervisedPrograms": "tests/tidegate/embedded/machines/test_supervision.py::test_every_program_is_restarted_and_logged_by_its_name",
}  # fmt: skip
"""Facts that programs and images are built of, whole: another text is another program, image or machine. A test of each."""
