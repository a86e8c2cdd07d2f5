"""What the identities of tenants may do: every verb, resource and subresource, in every place; nothing across tenants.

The server tells each identity its rules in each place (SelfSubjectRulesReview), which decides every cell of the matrix. The
authorizer itself is asked too (SubjectAccessReview): about everything that leads to more rights, every subresource, and a
seeded sample of the rest. Asking it about all cells would take half an hour per region.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.acceptance.access_review import NOWHERE, Account, Question, Resource, Rule, cells, sampled
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running, tell
from tests.acceptance.wanted_access import DEPLOYS, is_wanted
from tests.root import WHOLE
from tidegate.facts import names

pytestmark = [pytest.mark.timeout(600), pytest.mark.touches(asks=[])]

RecordProperty = Callable[[str, object], None]

FOREIGN = (
    "argocd", "default", "istio-ingress", "istio-system", "karpenter", "knative-serving", "kserve", "kube-node-lease", "kube-public",
    "kube-system", "monitoring", "platform",
)  # fmt: skip

PATHS_OF_EVERYBODY = {
    ("get", path) for path in (
        "/.well-known/openid-configuration", "/.well-known/openid-configuration/", "/api", "/api/*", "/apis", "/apis/*", "/healthz",
        "/livez", "/openapi", "/openapi/*", "/openid/v1/jwks", "/openid/v1/jwks/", "/readyz", "/version", "/version/",
    )
}  # fmt: skip
"""Discovery, health and the public keys of tokens (`system:discovery`, `system:service-account-issuer-discovery`)."""

LEADS_TO_MORE = [
    *itertools.product(("bind", "escalate"), ["rbac.authorization.k8s.io"], ("roles", "clusterroles")),
    *itertools.product(["create", "update", "patch"], ["rbac.authorization.k8s.io"], ("rolebindings", "clusterrolebindings")),
    *itertools.product(["impersonate"], [""], ("users", "groups", "serviceaccounts")),
    *itertools.product(["impersonate"], ["authentication.k8s.io"], ("uids", "userextras/scopes")),
    *itertools.product(("approve", "sign", "attest"), ["certificates.k8s.io"], ("signers", "clustertrustbundles")),
    *itertools.product(("update", "patch"), ["certificates.k8s.io"], ("certificatesigningrequests/approval",)),
    ("create", "certificates.k8s.io", "certificatesigningrequests"),
    *itertools.product(("update", "patch"), [""], ("namespaces/finalize", "namespaces/status", "namespaces", "nodes/status")),
    *itertools.product(("get", "create"), [""], ("pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "nodes/proxy", "services/proxy")),
    *itertools.product(("update", "patch"), [""], ("pods/ephemeralcontainers", "pods/resize", "pods/status")),
    *itertools.product(["create"], [""], ("pods/binding", "bindings", "pods/eviction", "serviceaccounts/token", "pods", "secrets")),
    *itertools.product(("get", "list", "watch"), [""], ("secrets", "configmaps", "pods/log")),
    *itertools.product(("update", "patch"), ["apps"], ("deployments/scale", "replicasets/scale", "statefulsets/scale")),
    *itertools.product(("create", "patch", "delete"), ["argoproj.io"], ("applications", "appprojects", "applicationsets")),
    *itertools.product(("create", "patch", "delete"), ["admissionregistration.k8s.io"], (
        "validatingadmissionpolicies", "validatingadmissionpolicybindings", "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations", "mutatingadmissionpolicies",
    )),
    *itertools.product(("create", "patch"), ["karpenter.sh"], ("nodepools", "nodeclaims")),
    *itertools.product(("create", "patch"), ["apiextensions.k8s.io"], ("customresourcedefinitions",)),
    *itertools.product(("create", "patch"), ["serving.kserve.io"], ("clusterservingruntimes", "servingruntimes", "trainedmodels")),
    *itertools.product(("use",), ["policy", "scheduling.k8s.io", "node.k8s.io"], ("podsecuritypolicies", "priorityclasses", "runtimeclasses")),
    *itertools.product(("*",), ["*"], ("*", "*/*")),
]  # fmt: skip
"""(verb, group, resource) that make more of little; some verbs have no request of their own, some resources no version."""

SAMPLE, OTHERS, SEED = 0.006, 0.15, 20261121


@dataclass(frozen=True)
class Told:
    """The rules of every identity, by account and namespace."""

    resources: list[Resource]
    tenants: list[str]
    accounts: list[Account]
    rules: dict[tuple[Account, str], list[Rule]]
    paths: dict[Account, set[tuple[str, str]]]

    @property
    def places(self) -> list[str]:
        return [*self.tenants, *FOREIGN]


_told: dict[str, Told] = {}


def told(running: Running, region: str) -> Told:
    """Read once for each region."""
    if region not in _told:
        tenants = sorted(tenant.namespace_name for tenant in INVENTORY.tenants_of(region))
        rules: dict[tuple[Account, str], list[Rule]] = {}
        paths: dict[Account, set[tuple[str, str]]] = {}
        with running.api(region) as api:
            found = [one["metadata"] for one in api.read("/api/v1/serviceaccounts")["items"]]
            accounts = [Account(one["namespace"], one["name"]) for one in found if one["namespace"] in tenants]
            accounts.sort(key=lambda account: account.user)
            asked = list(itertools.product(accounts, [*tenants, *FOREIGN, NOWHERE]))
            for (account, place), (found_rules, urls) in zip(asked, api.all_rules(asked), strict=True):
                rules[account, place] = found_rules
                paths.setdefault(account, set()).update(urls)
            _told[region] = Told(api.discover(), tenants, accounts, rules, paths)
    return _told[region]


def granted(seen: Told, account: Account, question: Question) -> bool:
    """Whether the rules that the server told grant it."""
    return any(rule.grants(question) for rule in seen.rules[account, question.namespace or NOWHERE])


@pytest.mark.parametrize("region", REGIONS)
def test_every_tenant_has_just_the_three_accounts(platform: Running, region: str) -> None:
    wanted = {
        (tenant.namespace_name, name)
        for tenant in INVENTORY.tenants_of(region)
        for name in ("default", names.serving_service_account(tenant.name), names.deploy_service_account(tenant.name))
    }
    assert {(account.namespace, account.name) for account in told(platform, region).accounts} == wanted


@pytest.mark.parametrize("region", REGIONS)
def test_no_cell_of_the_matrix_is_granted_but_what_is_written_down(platform: Running, region: str, record_property: RecordProperty) -> None:
    started = time.monotonic()
    seen = told(platform, region)
    count = granted_count = 0
    surplus: list[Question] = []
    lacking: list[Question] = []
    for account in seen.accounts:
        for question in cells(account, seen.resources, seen.places):
            count += 1
            is_granted, wanted = granted(seen, account, question), is_wanted(account, question)
            granted_count += is_granted
            if is_granted != wanted:
                (surplus if is_granted else lacking).append(question)
    for name, value in (
        ("resources", len(seen.resources)), ("subresources", sum("/" in one.name for one in seen.resources)),
        ("identities", len(seen.accounts)), ("places", len(seen.places) + 1), ("cells", count), ("granted", granted_count),
        ("seconds", round(time.monotonic() - started, 1)),
    ):  # fmt: skip
        record_property(name, value)
    tell(f"{region}: {count} cells, {granted_count} granted, {len(seen.resources)} resources, {len(seen.accounts)} identities")
    assert not surplus, surplus[:20]
    assert not lacking, lacking[:20]
    # 3 self-reviews of each identity, and the verbs of each deploy account.
    assert granted_count == 3 * len(seen.accounts) + len(DEPLOYS) * len(seen.tenants)


@pytest.mark.parametrize("region", REGIONS)
def test_rule_told_to_a_tenant_names_neither_everything_nor_what_discovery_does_not_know(platform: Running, region: str) -> None:
    """A cell exists for what discovery lists; a rule for anything else would pass unseen there."""
    seen = told(platform, region)
    known = {(one.group, one.name) for one in seen.resources}
    for (account, place), rules in seen.rules.items():
        for rule in rules:
            assert not {"*"} & (rule.verbs | rule.groups | rule.resources), f"{account.user} in {place}: {rule}"
            assert not rule.names, f"{account.user} in {place}: {rule}"
            for group, resource in itertools.product(rule.groups, rule.resources):
                assert (group, resource) in known, f"{account.user} in {place}: {rule}"


@pytest.mark.parametrize("region", REGIONS)
def test_no_path_is_open_to_tenants_but_those_of_everybody(platform: Running, region: str) -> None:
    for account, paths in told(platform, region).paths.items():
        assert paths == PATHS_OF_EVERYBODY, account.user


def questions_to_the_authorizer(seen: Told, account: Account, region: str) -> list[Question]:
    """What leads to more where it would matter most; writes to every subresource, at home, next door and everywhere; and a sample.

    Tenants differ in name only, so one of each region is asked about in full and a seeded part is about the others; `make soak`
    asks about all in full.
    """
    neighbour = seen.tenants[(seen.tenants.index(account.namespace) + 1) % len(seen.tenants)]
    places = (account.namespace, neighbour, "argocd", "")
    asked = {Question(account.user, verb, group, resource, place) for verb, group, resource in LEADS_TO_MORE for place in places}
    subresources = [one for one in seen.resources if "/" in one.name]
    writes = cells(account, subresources, [account.namespace, neighbour])
    asked |= {question for question in writes if question.verb in {"create", "update"}}
    everything = cells(account, seen.resources, seen.places)
    asked |= set(sampled(everything, SAMPLE, SEED + seen.accounts.index(account)))
    own = Resource("serving.kserve.io", "inferenceservices", namespaced=True)
    always = set(cells(account, [own], [account.namespace, neighbour]))
    in_full = WHOLE or account.namespace == random.Random(f"{SEED} {region}").choice(seen.tenants)
    return sorted(always | (asked if in_full else set(sampled(sorted(asked), OTHERS, SEED + seen.accounts.index(account)))))


@pytest.mark.parametrize("region", REGIONS)
def test_authorizer_answers_as_the_rules_say(platform: Running, region: str, record_property: RecordProperty) -> None:
    seen = told(platform, region)
    started = time.monotonic()
    count = 0
    allowed: list[Question] = []
    with platform.api(region) as api:
        for account in seen.accounts:
            questions = questions_to_the_authorizer(seen, account, region)
            count += len(questions)
            found = api.allowed_of(account, questions)
            allowed += found
            # Virtual resources are no cells, and nobody is granted one.
            assert set(found) == {question for question in questions if is_wanted(account, question)}, account.user
    record_property("asked", count)
    record_property("allowed", len(allowed))
    record_property("seconds", round(time.monotonic() - started, 1))
    tell(f"{region}: {count} questions, {len(allowed)} allowed, {time.monotonic() - started:.0f} s")
    assert len(allowed) >= len(DEPLOYS) * len(seen.tenants)


@pytest.mark.parametrize("region", REGIONS)
def test_authorizer_does_say_yes(platform: Running, region: str) -> None:
    """The same questions about Argo CD's account, so that a client that always reads "no" would be seen."""
    controller = Account("argocd", "argocd-application-controller")
    asked = [Question(controller.user, verb, group, resource, "tenant-fraud") for verb, group, resource in LEADS_TO_MORE]
    with platform.api(region) as api:
        assert len(api.allowed_of(controller, asked)) > len(asked) // 2
