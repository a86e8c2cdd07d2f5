"""`make bench`: the comparisons in one run; prints them and writes `out/bench.json`.

`ratio` is theirs / ours, that is how many times faster we are, except for `render_vs_orjson` and `verification`, whose goals are
limits: there it is ours / theirs, `dense_pool`, which compares models per core, and `edge_path`, which compares with the model server
alone. Short work is measured three times in turn and the median taken; what takes a minute is measured once, between two of ours.
`cold_start_storm` and `release_replay` are simulated.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from tests.measure.bench import admission, dense_pool, edge_rules, many_tenants, storm, verification
from tests.measure.bench.edge_path import entry as edge_path
from tests.measure.bench.entries import in_memory, put
from tests.measure.bench.load_gate import entry as load_gate
from tests.measure.bench.many_objects import OBJECTS, large_platform, render_objects
from tests.measure.bench.release_replay import entry as release_replay
from tidegate import tools
from tidegate.checkout import Checkout, find_checkout
from tidegate.cloud.toolchain import terraform_environment
from tidegate.errors import ToolMissingError
from tidegate.manifests.tree import RenderedObject, emit_tree, file_path, write_trees

TENANTS = 540
"""Enough for `OBJECTS`: a tenant has some twenty objects in a cluster."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Seconds of both, and their ratio."""

    ours_s: float
    theirs_s: float
    ratio: float


def faster(ours: float, theirs: float) -> Compared:
    """The ratio says how many times faster we are."""
    return Compared(round(ours, 4), round(theirs, 4), round(theirs / ours, 2))


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call, with an empty garbage collector."""
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def synth_vs_prebuilt(checkout: Checkout, scratch: Path) -> Compared:
    """All our stacks of both regions, against one network stack of one region with the prebuilt AWS bindings."""
    environment = terraform_environment(checkout)
    theirs_python = str(checkout.root / ".venv-bench" / "bin" / "python")

    def ours() -> None:
        out = scratch / "ours"
        tools.run([str(checkout.python), "-m", "infra.main"], cwd=checkout.root, env={**environment, "CDKTF_OUTDIR": str(out)})

    def theirs() -> None:
        command = [theirs_python, "tests/measure/bench/with_prebuilt_bindings.py", str(scratch / "theirs")]
        tools.run(command, cwd=checkout.root, env=environment, timeout_seconds=900)

    before = timed(ours)
    opponent = timed(theirs)
    return faster(statistics.median([before, timed(ours), timed(ours)]), opponent)


def render_many(checkout: Checkout, out: Path) -> None:
    """Facts to files: builds, emits and writes `OBJECTS` objects."""
    gc.disable()  # as the program does
    try:
        write_trees({out: emit_tree(render_objects(large_platform(checkout.root, TENANTS)))})
    finally:
        gc.enable()


def write_with_orjson(objects: list[RenderedObject], out: Path) -> None:
    """The same objects, built already, each dumped as JSON into a file of its own."""
    made: set[str] = set()
    for each in objects:
        path = file_path(each)
        folder = path.rpartition("/")[0]
        if folder not in made:
            (out / folder).mkdir(parents=True)
            made.add(folder)
        with open(f"{out}/{path}", "wb", buffering=0) as file:  # noqa: PTH123 - as fast as ours
            file.write(orjson.dumps(each.manifest))


def render_comparisons(checkout: Checkout, scratch: Path) -> dict[str, Compared]:
    """Ten thousand objects against cdk8s, kustomize and orjson.

    Against the first two we start from the facts. orjson gets objects that are built already, so ours there is emitting and
    writing the very same ones.
    """
    ours: list[float] = []
    emitted: list[float] = []
    dumped: list[float] = []
    objects = render_objects(large_platform(checkout.root, TENANTS))

    def once(number: int) -> None:
        ours.append(timed(lambda: render_many(checkout, scratch / f"ours-{number}")))
        emitted.append(timed(lambda: write_trees({scratch / f"emitted-{number}": emit_tree(objects)})))
        dumped.append(timed(lambda: write_with_orjson(objects, scratch / f"orjson-{number}")))

    once(0)
    once(1)
    listed = scratch / "objects.json"
    listed.write_bytes(orjson.dumps([each.manifest for each in objects]))
    command = [
        str(checkout.root / ".venv-bench" / "bin" / "python"),
        "tests/measure/bench/with_cdk8s.py",
        str(listed),
        str(scratch / "cdk8s"),
    ]
    cdk8s = float(tools.run(command, cwd=checkout.root, env=terraform_environment(checkout), timeout_seconds=1800).stdout)
    once(2)
    kustomization = {"resources": sorted(file_path(each) for each in objects)}
    (scratch / "ours-0" / "kustomization.yaml").write_text(json.dumps(kustomization), encoding="utf-8")
    kubectl = ["kubectl", "kustomize", str(scratch / "ours-0"), "--output", str(scratch / "kustomized.yaml")]
    kustomize = timed(lambda: tools.run(kubectl, cwd=checkout.root, timeout_seconds=1800))
    once(3)
    (scratch / "ours-0" / "kustomization.yaml").unlink()
    middle, same, opponent = statistics.median(ours), statistics.median(emitted), statistics.median(dumped)
    print(f"from facts to files, building included: {middle / opponent:.2f} times orjson", flush=True)
    return {
        "render_vs_cdk8s": faster(middle, cdk8s),
        "render_vs_kustomize": faster(middle, kustomize),
        "render_vs_orjson": Compared(round(same, 4), round(opponent, 4), round(same / opponent, 2)),
    }


def validate_vs_checkov(checkout: Checkout, scratch: Path) -> Compared:
    """Schemas and rules over the ten thousand objects that `render_comparisons` left, command against command."""
    folder = scratch / "ours-0"
    ours = [str(checkout.python), "-m", "tests.measure.bench.validate_tree", str(folder)]
    theirs = [
        str(checkout.root / ".venv-checkov" / "bin" / "checkov"), "--directory", str(folder), "--framework", "kubernetes",
        "--compact", "--quiet", "--skip-download", "--soft-fail",
    ]  # fmt: skip

    def run_ours() -> None:
        tools.run(ours, cwd=checkout.root)

    def run_theirs() -> None:
        tools.run(theirs, cwd=checkout.root, env={"LOG_LEVEL": "ERROR"}, timeout_seconds=1800)

    run_ours()  # the schemas may have to be fetched first
    before = timed(run_ours)
    opponent = timed(run_theirs)
    return faster(statistics.median([before, timed(run_ours), timed(run_ours)]), opponent)


def verification_vs_hashing(scratch: Path) -> Compared:
    """Verifying a signed model of 259 MiB, against hashing its bytes."""
    ours, theirs = verification.seconds(scratch)
    return Compared(round(ours, 4), round(theirs, 4), round(ours / theirs, 2))


GOALS = {
    "synth_vs_prebuilt": "at least 10 times faster",
    "render_vs_cdk8s": "at least 10 times faster",
    "render_vs_kustomize": "at least 100 times faster",
    "render_vs_orjson": "at most 2.5 times the time",
    "admission": "at most 5 ms more, of a p99",
    "validate_vs_checkov": "at least 50 times faster",
    "verification": "at most 1.5 times the time",
}


def main() -> int:
    """Runs them all."""
    if tools.find("kubectl") is None:
        raise ToolMissingError("kubectl kustomize", "kubectl")
    checkout = find_checkout(Path(__file__).parent)
    with in_memory() as scratch:
        print(f"rendering {OBJECTS} objects, ours against cdk8s, kustomize and orjson (some minutes)", flush=True)
        compared = render_comparisons(checkout, scratch)
        print("verifying a signed model, ours against hashing alone", flush=True)
        compared["verification"] = verification_vs_hashing(scratch)
        print("creating objects with and without policies (some minutes)", flush=True)
        found = admission.admission(scratch)
        compared["admission"] = Compared(round(found.ours, 5), round(found.theirs, 5), round(found.ours / found.theirs, 2))
        print("synthesising, ours against the prebuilt bindings (about two minutes)", flush=True)
        compared["synth_vs_prebuilt"] = synth_vs_prebuilt(checkout, scratch)
        print("validating, ours against checkov (some minutes)", flush=True)
        compared["validate_vs_checkov"] = validate_vs_checkov(checkout, scratch)
        print("asking 420 models in two pods, and servers with one model each (some minutes)", flush=True)
        pool = dense_pool.measured()
    waves = storm.measured()
    print("rendering and validating regions of up to 2,000 tenants and 10,000 models (some minutes)", flush=True)
    regions = many_tenants.measured(checkout.root)
    print("asking one Envoy with the rules of 2,000 tenants", flush=True)
    edge = edge_rules.measured(checkout.root)
    print("asking fraud/scorer hop by hop, from its server to the edge (four minutes at most)", flush=True)
    path = edge_path.measured()
    print("asking servers of known latencies with the load gate (five minutes)", flush=True)
    gate = load_gate.measured()
    print("replaying releases to our analysis, Flagger's and Argo Rollouts' (some minutes)", flush=True)
    replay = release_replay.measured()
    others = {
        "release_replay": replay,
        "load_gate": gate,
        "edge_path": path,
        "dense_pool": pool,
        "cold_start_storm": waves,
        "many_tenants": many_tenants.entry(regions),
        "edge_rules": edge,
    }
    for name, entry in {**others, **{name: asdict(one) for name, one in compared.items()}}.items():
        put(name, entry)
    for name, one in sorted(compared.items()):
        print(f"{name:<22} ours {one.ours_s:9.3f} s   theirs {one.theirs_s:9.3f} s   ratio {one.ratio:8.2f}   goal: {GOALS[name]}")
    print(dense_pool.summary(pool))
    print(storm.summary(waves))
    print(many_tenants.summary(regions))
    print(edge_rules.summary(edge))
    print(edge_path.summary(path))
    print(load_gate.summary(gate))
    print(release_replay.summary(replay))
    return 0


if __name__ == "__main__":
    sys.exit(main())
