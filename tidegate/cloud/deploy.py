"""Applies every stack that needs it, each with one `cdktf deploy`, after proving that its state can be trusted."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from threading import Lock as ThreadLock

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud import adoption, guard, listing
from tidegate.cloud.account import Account
from tidegate.cloud.progress import OnProgress, StackProgress
from tidegate.cloud.schedule import by_urgency, run_in_order
from tidegate.cloud.state import ApplyRecord, Marker, State, StateStore, stores
from tidegate.cloud.synthesis import input_sha256, stack_folder, synthesise
from tidegate.cloud.toolchain import terraform_environment
from tidegate.contracts.stacks import LeftOut, StackEntry, Synthesis
from tidegate.errors import Finding, StateError, ToolError
from tidegate.facts import cloud_names
from tidegate.facts.platform import Platform

_LOCKED = "Error acquiring the state lock"


@dataclass(frozen=True, slots=True)
class StackResult:
    """What became of one stack: the action taken, the seconds it took and the resources it has now."""

    name: str
    action: guard.Action
    seconds: float
    resources: int
    changed: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deploy did. `outputs` maps a stack's name to its outputs."""

    stacks: tuple[StackResult, ...]
    outputs: Mapping[str, Mapping[str, object]]
    not_applied_locally: tuple[LeftOut, ...]
    seconds: float

    @property
    def resources(self) -> int:
        """Resources in all states."""
        return sum(stack.resources for stack in self.stacks)


def deploy(
    checkout: Checkout,
    platform: Platform,
    account: Account,
    on_progress: OnProgress,
    *,
    awaited: Collection[str] = (),
    only: Collection[str] | None = None,
    on_awaited: Callable[[], None] = lambda: None,
) -> Deployment:
    """Brings every stack to what the inventory says; stacks whose input did not change start no process.

    Of stacks that could begin, those whose short name is in `awaited` do first, and `on_awaited` is called when all of them are applied;
    with `only`, no others are applied.

    Raises `StateError` with all findings, before anything is planned or changed, when some state cannot be trusted.
    """
    started = time.monotonic()
    on_progress("all stacks", "synthesising")
    synthesis = synthesise(checkout, account, on_progress=on_progress)
    chosen = [stack for stack in synthesis.stacks if only is None or stack.stack in only]
    applied = [stack for stack in chosen if stack.applied_locally or account.endpoint is None]
    needs = {stack.name: stack.depends_on for stack in applied}
    sizes = {stack.name: stack.resources for stack in applied}
    first = {stack.name for stack in applied if stack.stack in awaited}
    run = _DeployRun(checkout, account, synthesis, stores(platform, account), on_progress, awaited=first, on_awaited=on_awaited)
    run.prepare()
    if not first:
        on_awaited()
    run_in_order(by_urgency(needs, sizes, first), run.bring_up)
    return Deployment(
        tuple(run.results[stack.name] for stack in applied),
        {name: state.outputs for name, state in sorted(run.states.items())},
        synthesis.not_applied_locally,
        time.monotonic() - started,
    )


class _DeployRun:
    """One deploy under way."""

    def __init__(
        self, checkout: Checkout, account: Account, synthesis: Synthesis, by_cluster: Mapping[str, StateStore], on_progress: OnProgress, *,
        awaited: Collection[str] = (), on_awaited: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.results: dict[str, StackResult] = {}
        self.states: dict[str, State] = {}
        self._awaited = frozenset(awaited)
        self._on_awaited = on_awaited
        self._checkout = checkout
        self._account = account
        self._stacks = {stack.name: stack for stack in synthesis.stacks}
        self._stores = by_cluster
        self._evidence: dict[str, guard.Evidence] = {}
        self._environment = {
            **terraform_environment(checkout),
            **account.environment(),
            "TF_STATE_PERSIST_INTERVAL": str(adoption.PERSIST_SECONDS),
        }
        self._thread_lock = ThreadLock()
        self._progress = StackProgress(on_progress)

    def prepare(self) -> None:
        """Makes the state buckets and refuses to continue while any state is locked, missing, foreign or old."""
        new_buckets: set[str] = set()
        for store in self._stores.values():
            if store.ensure_bucket():
                new_buckets.add(store.bucket)
                self._progress.say(cloud_names.stack(store.cluster, "state"), f"bucket {store.bucket} created")
        findings = [finding for stack in self._stacks.values() if (finding := self._free_lock(stack))]
        living: dict[str, tuple[str, ...]] = {}
        read = {name: self._read(stack) for name, stack in self._stacks.items()}
        if any(state is None and record is None for state, record, _ in read.values()):
            for found in listing.list_account([store.clients for store in self._stores.values()]):
                if found.id in new_buckets:
                    continue  # made a moment ago, and not evidence of an earlier apply
                living[found.stack] = (*living.get(found.stack, ()), found.id)
        for name, (state, record, was_cut_off) in read.items():
            self._evidence[name] = guard.Evidence(state, record, was_cut_off, living.get(name, ()))
            if state:
                self.states[name] = state
            verdict = guard.judge(name, "", self._evidence[name])
            findings += [verdict] if isinstance(verdict, Finding) else []
        if findings:
            raise StateError("\n".join(str(finding) for finding in sorted(findings)))

    def bring_up(self, name: str) -> None:
        """Applies one stack if its input changed, and remembers what it left."""
        stack, evidence = self._stacks[name], self._evidence[name]
        outputs = {need: self.states[need].outputs_sha256 for need in stack.depends_on if need in self.states}
        digest = input_sha256(self._checkout, stack, outputs)
        action = guard.judge(name, digest, evidence)
        if isinstance(action, Finding):
            raise StateError(str(action))
        if action is guard.Action.SKIP and evidence.state:
            self._finish(StackResult(name, action, 0, len(evidence.state.instances), 0), evidence.state)
            return
        store = self._stores[stack.cluster]
        ourselves = tools.itself()
        store.write_marker(stack.stack, Marker(host=socket.gethostname(), pid=ourselves.pid, start_ticks=ourselves.start_ticks))
        if action is guard.Action.RESUME:
            self._adopt(stack, evidence.state, "resuming after a killed run")
        try:
            changed, seconds = self._cdktf_deploy(name)
        except ToolError as error:
            if self._account.endpoint is None or error.exit_code == tools.INTERRUPTED:
                raise
            # Now and then the emulator does what it was asked and drops the answer; the provider asks again and is refused.
            self._progress.say(name, f"failed: {error.stderr.splitlines()[0].strip()}")
            self._adopt(stack, store.read_state(stack.stack), "trying once more")
            changed, seconds = self._cdktf_deploy(name)
        adoption.remove_imports(stack_folder(self._checkout, name))
        state = store.read_state(stack.stack)
        if state is None:
            raise StateError(f"{name}: cdktf deploy succeeded but left no state in s3://{store.bucket}/{store.state_key(stack.stack)}")
        record = ApplyRecord(input_sha256=digest, lineage=state.lineage, serial=state.serial, resources=len(state.instances))
        store.write_record(stack.stack, record)
        store.remove_marker(stack.stack)
        self._finish(StackResult(name, action, seconds, len(state.instances), changed), state)

    def _adopt(self, stack: StackEntry, state: State | None, why: str) -> None:
        """Hands terraform what the account holds of `stack` and `state` lacks."""
        listed = listing.list_account([self._stores[stack.cluster].clients])
        adopted = adoption.write_imports(stack_folder(self._checkout, stack.name), stack.name, state, listed)
        self._progress.say(stack.name, f"{why}, {adopted} resources to adopt")

    def _cdktf_deploy(self, name: str) -> tuple[int, float]:
        watch = self._progress.watch(name)
        command = [
            str(self._checkout.cdktf), "deploy", name, "--skip-synth", "--skip-provider-lock", "--auto-approve",
            "--ignore-missing-stack-dependencies", "--output", str(self._checkout.synthesised),
        ]  # fmt: skip
        self._progress.say(name, "applying")
        try:
            seconds = tools.stream(command, watch.on_line, cwd=self._checkout.root, env=self._environment, without=self._account.without)
        except ToolError as error:
            if _LOCKED in error.stderr:
                raise StateError(f"{name}: another writer took the state's lock first; wait for it, then run this again") from error
            raise ToolError(error.command, error.exit_code, _from_first_error(error.stderr)) from error
        return watch.changed, seconds

    def _read(self, stack: StackEntry) -> tuple[State | None, ApplyRecord | None, bool]:
        store = self._stores[stack.cluster]
        return store.read_state(stack.stack), store.read_record(stack.stack), store.read_marker(stack.stack) is not None

    def _free_lock(self, stack: StackEntry) -> Finding | None:
        """Frees a lock whose holder was a run of this machine that is dead; a finding for every other one."""
        store = self._stores[stack.cluster]
        lock = store.read_lock(stack.stack)
        if lock is None:
            return None
        marker = store.read_marker(stack.stack)
        wait = f"wait until it ends and run this again; should it be dead, `tidegate cloud unlock {stack.name} --id {lock.id}`"
        held = Finding(stack.name, "state", "state-locked", f"{lock.who} holds the lock ({lock.operation})", wait, f"since {lock.created}")
        if marker is None or marker.host != socket.gethostname() or not lock.who.endswith(f"@{marker.host}"):
            return held
        if tools.is_running(tools.ServerProcess(marker.pid, marker.start_ticks)) or tools.working_in(
            stack_folder(self._checkout, stack.name)
        ):
            return held
        store.remove_lock(stack.stack, lock)
        self._progress.say(stack.name, f"freed the lock of a run that was killed (pid {marker.pid})")
        return None

    def _finish(self, result: StackResult, state: State) -> None:
        with self._thread_lock:
            self.results[result.name] = result
            self.states[result.name] = state
            is_last_awaited = result.name in self._awaited <= self.results.keys()
        if is_last_awaited:
            self._on_awaited()
        what = result.action.value if result.action is guard.Action.SKIP else f"done in {result.seconds:.0f} s"
        self._progress.say(result.name, f"{what}, {result.resources} resources")


def _from_first_error(printed: str) -> str:
    """What terraform printed from its first error on; all of it when there is none."""
    lines = printed.splitlines()
    first = next((number for number, line in enumerate(lines) if "Error: " in line), 0)
    return "\n".join(lines[first:])
