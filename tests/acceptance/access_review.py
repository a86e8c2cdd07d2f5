"""Asks an API server who may do what: discovery, the rules it tells each identity, and single questions to its authorizer."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.api_client import ApiClient

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
NOWHERE = "no-such-namespace"
"""Rules told for it are those that hold everywhere: no RoleBinding is there."""

CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Account:
    """A ServiceAccount."""

    namespace: str
    name: str

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    @property
    def groups(self) -> list[str]:
        return ["system:serviceaccounts", f"system:serviceaccounts:{self.namespace}", "system:authenticated"]


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource or, with a slash, a subresource. `verbs` are those that the server offers."""

    group: str
    name: str
    namespaced: bool
    verbs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """May `user` do this? An empty namespace means all of them, or an object of no namespace."""

    user: str
    verb: str
    group: str
    resource: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What the server says an identity may do."""

    verbs: frozenset[str]
    groups: frozenset[str]
    resources: frozenset[str]
    names: frozenset[str]

    def grants(self, question: Question) -> bool:
        """As RBAC reads it (`pkg/registry/rbac/validation`); a rule for named objects counts as one for all."""
        return (
            bool(self.verbs & {question.verb, "*"})
            and bool(self.groups & {question.group, "*"})
            and bool(self.resources & {question.resource, "*", f"*/{question.resource.partition('/')[2]}"})
        )


class Api(ApiClient):
    """An API server that is asked who may do what."""

    def __init__(self, kubeconfig: Path) -> None:
        super().__init__(kubeconfig)
        self._pool = ThreadPoolExecutor(CONNECTIONS)

    def close(self) -> None:
        """Ends threads and connections."""
        self._pool.shutdown()
        super().close()

    def discover(self) -> list[Resource]:
        """Every resource and subresource of every version, each once."""
        roots = ["/api/v1"]
        for group in self.read("/apis")["groups"]:
            roots += [f"/apis/{version['groupVersion']}" for version in group["versions"]]
        found: dict[tuple[str, str], Resource] = {}
        for root in roots:
            served = self.read(root)
            group = served["groupVersion"].rpartition("/")[0]
            for one in served["resources"]:
                key = (group, one["name"])
                verbs = tuple(sorted({*one["verbs"], *(found[key].verbs if key in found else ())}))
                found[key] = Resource(group, one["name"], one["namespaced"], verbs)
        return [found[key] for key in sorted(found)]

    def rules(self, account: Account, namespace: str) -> tuple[list[Rule], frozenset[tuple[str, str]]]:
        """What the server tells an identity that it may do: to resources of a namespace, and (verb, path) of everything else."""
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
        status, answer = self.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body, user=account.user)
        assert status == 201, answer
        told = answer["status"]
        assert not told["incomplete"], f"{account.user} in {namespace}: {told}"
        rules = [
            Rule(*(frozenset(one.get(field) or ()) for field in ("verbs", "apiGroups", "resources", "resourceNames")))
            for one in told["resourceRules"]
        ]
        return rules, frozenset((verb, url) for one in told["nonResourceRules"] for verb in one["verbs"] for url in one["nonResourceURLs"])

    def all_rules(self, asked: Sequence[tuple[Account, str]]) -> list[tuple[list[Rule], frozenset[tuple[str, str]]]]:
        """What `rules` tells for each, in order."""
        accounts, places = [one[0] for one in asked], [one[1] for one in asked]
        return list(self._pool.map(self.rules, accounts, places))

    def is_allowed(self, account: Account, question: Question) -> bool:
        """The authorizer's own answer."""
        resource, _, subresource = question.resource.partition("/")
        attributes = {"verb": question.verb, "group": question.group, "resource": resource, "namespace": question.namespace}
        if subresource:
            attributes["subresource"] = subresource
        body = {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": account.user, "groups": account.groups, "resourceAttributes": attributes},
        }  # fmt: skip
        status, answer = self.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
        assert status == 201, answer
        return bool(answer["status"]["allowed"])

    def allowed_of(self, account: Account, questions: Sequence[Question]) -> list[Question]:
        """Those of the questions that are answered with yes."""
        return [question for question, yes in zip(questions, self.asked(account, questions), strict=True) if yes]

    def asked(self, account: Account, questions: Sequence[Question]) -> list[bool]:
        """The answers, in order."""

        def ask(question: Question) -> bool:
            return self.is_allowed(account, question)

        return list(self._pool.map(ask, questions))


def cells(account: Account, resources: Iterable[Resource], namespaces: Sequence[str]) -> Iterator[Question]:
    """Every question about an identity: each resource by each verb, in each namespace and in all at once."""
    for resource in resources:
        for verb in dict.fromkeys((*VERBS, *resource.verbs)):
            for namespace in (*namespaces, "") if resource.namespaced else ("",):
                yield Question(account.user, verb, resource.group, resource.name, namespace)


def sampled(questions: Iterable[Question], share: float, seed: int) -> list[Question]:
    """A share of the questions, the same for the same seed."""
    chosen = random.Random(seed)
    return [question for question in questions if chosen.random() < share]
