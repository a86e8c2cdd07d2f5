"""Mutants of the guards: each takes one away in the running regions, and tests that `make test` runs must turn red.

A mutant is a changed object of a region or a changed program of its machine, while Argo CD looks elsewhere where it would heal
it. Afterwards it is put back. The same tests must be green before the first mutant and after the last.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.acceptance.attached import bring_platform_up, take_platform_down
from tests.acceptance.running_platform import Running
from tests.measure.soak.record import MutantResult, Record
from tests.root import ROOT
from tidegate.facts import names

Guards = Literal["isolation", "rollout", "crash"]
Tell = Callable[[str], None]

SETTLE_SECONDS = 20
"""Until every proxy has a changed policy and has drained the connections of before."""

SKIP = "argocd.argoproj.io/skip-reconcile"
_STEADY, _DISTURBING = "tests/acceptance/steady", "tests/acceptance/disturbing"
_POLICY = "authorizationpolicies.security.istio.io"
_EVERYBODY: dict[str, Any] = {"action": "ALLOW", "rules": [{}]}


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is taken away in a region, and the test that must notice.

    `place` is kind, namespace and name of an object, `patch` how it is changed (a merge patch, a list of JSON patches, or None to
    delete it); `application` owns it and looks elsewhere meanwhile. Without a place that is the whole mutant. `program` is one of
    the region's machine that is not started anew when it ends.
    """

    guards: Guards
    region: str
    caught_by: str
    place: tuple[str, str, str] | None = None
    patch: dict[str, Any] | list[dict[str, Any]] | None = None
    application: str = ""
    program: str = ""


MUTANTS: dict[str, Mutant] = {
    "edge-lets-every-caller-in": Mutant(
        "isolation", "live-1", f"{_STEADY}/test_predictions.py::test_caller_without_the_right_token_is_refused[own tenant, strange subject-live-1]",
        (_POLICY, names.NAMESPACE_EDGE, "tenants"), {"spec": _EVERYBODY}, "platform-edge",
    ),
    "edge-reads-no-tokens": Mutant(
        "isolation", "live-1", f"{_STEADY}/test_bad_tokens.py::test_bad_token_is_refused[expired-live-1]",
        ("requestauthentications.security.istio.io", names.NAMESPACE_EDGE, "tokens"), None, "platform-edge",
    ),
    "edge-has-no-limits": Mutant(
        "isolation", "live-1", f"{_STEADY}/test_rate_limits.py::test_burst_above_a_tenants_limit_is_answered_with_429_and_passes[live-1]",
        ("envoyfilters.networking.istio.io", names.NAMESPACE_EDGE, "rate-limits"), None, "platform-edge",
    ),
    "tenant-lets-every-tenant-in": Mutant(
        "isolation", "live-1", f"{_STEADY}/test_attack.py::test_every_cell_is_as_expected[live-1]",
        (_POLICY, "tenant-fraud", "callers"), {"spec": _EVERYBODY}, "guard-rails-fraud",
    ),
    "deploy-account-reads-secrets": Mutant(
        "isolation", "live-1", f"{_STEADY}/test_access.py::test_no_cell_of_the_matrix_is_granted_but_what_is_written_down[live-1]",
        ("roles.rbac.authorization.k8s.io", "tenant-fraud", "fraud-deploy"),
        [{"op": "add", "path": "/rules/-", "value": {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}}], "guard-rails-fraud",
    ),
    "namespace-takes-every-pod": Mutant(
        "isolation", "live-2", f"{_STEADY}/test_hygiene.py::test_tenant_is_refused_a_pod_in_the_nodes_network[tenant-fraud]",
        ("namespaces", "", "tenant-fraud"), {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}, "guard-rails-fraud",
    ),
    "commits-are-not-delivered": Mutant(
        "rollout", "live-2", f"{_DISTURBING}/test_rollout.py::test_rolling_to_version_2_and_back_loses_no_request", application="tenant-fraud",
    ),
    "new-version-gets-no-requests": Mutant(
        "rollout", "live-2", f"{_DISTURBING}/test_rollout.py::test_rolling_to_version_2_and_back_loses_no_request",
        ("inferenceservices.serving.kserve.io", "tenant-fraud", "scorer"), {"spec": {"predictor": {"canaryTrafficPercent": 0}}},
    ),
    "drift-is-not-healed": Mutant(
        "crash", "live-2", f"{_DISTURBING}/test_drift.py::test_object_edited_by_hand_is_healed[quota]", application="guard-rails-fraud",
    ),
    "dead-program-stays-dead": Mutant(
        "crash", "live-1", f"{_DISTURBING}/test_crashes.py::test_killed_program_is_started_anew_and_no_caller_notices[kube-proxy]",
        program="kube-proxy",
    ),
}  # fmt: skip


def run_mutants(record: Record, tell: Tell) -> None:
    """Runs the mutants that are not done, on the platform that is up, else on one that is brought up and taken down.

    Raises `RuntimeError` when a test is red without any mutant: then nothing is shown.
    """
    done = {one.name for one in record.mutants}
    left = {name: mutant for name, mutant in MUTANTS.items() if name not in done}
    if not left:
        return
    attached = bring_platform_up()
    running = attached.running()
    try:
        _require_green(left.values(), "before any mutant", tell)
        for name, mutant in left.items():
            with _mutated(running, mutant):
                code = _run_tests([mutant.caught_by], name)
            record.mutants.append(MutantResult(name=name, caught=code == _RED, red=(mutant.caught_by,) if code == _RED else ()))
            record.write()
            tell(f"mutant {name} ({mutant.guards}): {'caught' if code == _RED else f'NOT CAUGHT, pytest ended with {code}'}")
            running.wait_until_live(mutant.region)
        _require_green(left.values(), "after the mutants", tell)
    finally:
        running.close()
        if attached.is_ours:
            take_platform_down()


_RED = 1
"""Pytest's exit code when tests failed; any other means that they were not run as asked."""


def _run_tests(tests: Sequence[str], name: str) -> int:
    """Pytest's exit code; what it says goes to `out/mutants/<name>.log`."""
    log = ROOT / "out" / "mutants" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:times", "-p", "no:hypothesispytest", *dict.fromkeys(tests)]
    with log.open("w", encoding="utf-8") as output:
        return subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False).returncode


def _require_green(mutants: Iterable[Mutant], when: str, tell: Tell) -> None:
    tell(f"mutants: the tests {when}")
    if code := _run_tests([one.caught_by for one in mutants], when.replace(" ", "-")):
        raise RuntimeError(
            f"the tests that are to catch mutants are red {when} (exit code {code}): read out/mutants/{when.replace(' ', '-')}.log"
        )


@contextlib.contextmanager
def _mutated(running: Running, mutant: Mutant) -> Generator[None]:
    """The mutant in force, and everything as it was afterwards."""
    with contextlib.ExitStack() as undone:
        for application in (names.ROOT_APPLICATION, mutant.application) if mutant.application else ():
            _annotate(running, mutant.region, application, f"{SKIP}=true")
            undone.callback(_annotate, running, mutant.region, application, f"{SKIP}-")
        if mutant.place:
            undone.callback(_change(running, mutant, mutant.place))
        if mutant.program:
            _set_autorestart(running, mutant, "true", "false")
            undone.callback(_set_autorestart, running, mutant, "false", "true")
        time.sleep(SETTLE_SECONDS)
        yield
    time.sleep(SETTLE_SECONDS)


def _annotate(running: Running, region: str, application: str, annotation: str) -> None:
    where = ["applications.argoproj.io", application, f"--namespace={names.NAMESPACE_ARGOCD}", "--overwrite"]
    running.cluster(region).run("annotate", *where, annotation)


def _change(running: Running, mutant: Mutant, place: tuple[str, str, str]) -> Callable[[], None]:
    """Changes or deletes the object; what is returned puts it back."""
    cluster, (kind, namespace, name) = running.cluster(mutant.region), place
    where = [kind, name, *([f"--namespace={namespace}"] if namespace else [])]
    before: dict[str, Any] = json.loads(cluster.run("get", *where, "--output=json"))
    for volatile in ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields"):
        before["metadata"].pop(volatile, None)
    before.pop("status", None)

    def put_back() -> None:
        verb = "replace" if mutant.patch is not None else "create"
        cluster.run(verb, "--filename=-", stdin=json.dumps(before))

    if mutant.patch is None:
        cluster.run("delete", *where)
    else:
        kind_of_patch = "json" if isinstance(mutant.patch, list) else "merge"
        cluster.run("patch", *where, f"--type={kind_of_patch}", f"--patch={json.dumps(mutant.patch)}")
    return put_back


def _set_autorestart(running: Running, mutant: Mutant, before: str, after: str) -> None:
    """Changes one program in supervisor's file, and lets supervisor read it: the program starts anew with it."""
    file = "/etc/machine/supervisord.conf"
    section = f"/^\\[program:{mutant.program}\\]/,/^\\[program:/"
    running.inside(mutant.region, "sed", "-i", f"{section} s/^autorestart = {before}$/autorestart = {after}/", file)
    running.inside(mutant.region, "python3", "-m", "supervisor.supervisorctl", "-c", file, "update", mutant.program)
