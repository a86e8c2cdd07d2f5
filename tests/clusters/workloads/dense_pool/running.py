"""Pods, placer, Envoy and an S3 of moto as processes on loopback, started as their containers would be."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from clusters.workloads.dense_pool import router as image
from tests.clusters.workloads.dense_pool.programs import MONITORING, START_SECONDS, Answer, Client, Program, free_ports, resident, site
from tests.clusters.workloads.dense_pool.published import CHECKOUT, VERSION, Published
from tidegate.facts.models.dense_pool import PoolAccess

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "pool"
EVERYTHING = (PoolAccess(subject=MONITORING, models=("*",)),)


def wrong(published: Published, model: str, answer: Answer) -> str:
    """What is wrong with an answer of 200: it names another model, or its values are not those computed in process."""
    document = answer.document
    values, expected = document["outputs"][0]["data"], published.answers[model]
    if document["model_name"] != model:
        return f"{model} was asked, {document['model_name']} answered"
    off = max((abs(one - other) for one, other in zip(values, expected, strict=True)), default=0)
    return "" if off < 1e-9 else f"{model} answered {values} instead of {expected}"


def s3(folder: Path, published: Published) -> tuple[Program, str]:
    """A started S3 with the objects, and the URL they have there; keys need no credentials."""
    (port,) = free_ports(1)
    command = [str(CHECKOUT.root / ".venv" / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    program = Program(command, folder / "s3.log", port, "/moto-api/")
    program.start()
    client = _s3_client(port)
    client.create_bucket(Bucket=BUCKET)
    for path in sorted(published.objects.iterdir()):
        client.put_object(Bucket=BUCKET, Key=f"objects/{path.name}", Body=path.read_bytes(), ACL="public-read")
    client.close()
    return program, f"http://127.0.0.1:{port}/{BUCKET}/objects"


def put_object(port: int, key: str, content: bytes) -> None:
    """Puts other bytes into the S3 on `port`, under the name of an object."""
    client = _s3_client(port)
    client.put_object(Bucket=BUCKET, Key=f"objects/{key}", Body=content, ACL="public-read")
    client.close()


def _s3_client(port: int) -> S3Client:
    return boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip


def pod(
    folder: Path, published: Published, objects_url: str, *, port: int, budget_bytes: int, cache_bytes: int = 1 << 30,
    inside: Callable[[list[str]], list[str]] = lambda command: command,
) -> Program:  # fmt: skip
    """A pod of the pool, not started yet. `inside` may put something in front of its command."""
    (metrics,) = free_ports(1)
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        "PYTHONPATH": f"{site('locks/serving-mlserver.txt')}:{CHECKOUT.root}", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
        "MLSERVER_HOST": "127.0.0.1", "MLSERVER_HTTP_PORT": str(port), "MLSERVER_METRICS_PORT": str(metrics),
        "POOL_BUDGET_BYTES": str(budget_bytes), "POOL_CACHE": str(folder / "cache"), "POOL_CACHE_BYTES": str(cache_bytes),
        "POOL_OBJECTS_URL": objects_url,
    }  # fmt: skip
    command = inside([str(CHECKOUT.python), "-S", "-m", "clusters.workloads.dense_pool.model_server", str(published.folder)])
    return Program(command, folder / "pod.log", port, "/v2/health/ready", environment)


def single(folder: Path, published: Published, model: str, *, port: int) -> Program:
    """MLServer with `model` alone, as a served model of its own would run; not started yet."""
    (metrics,) = free_ports(1)
    files = folder / model
    files.mkdir(parents=True)
    (files / "model.joblib").write_bytes(published.path(model).read_bytes())
    parameters = {"uri": "./model.joblib", "version": VERSION}
    settings = {"name": model, "implementation": "mlserver_sklearn.SKLearnModel", "parameters": parameters}
    (files / "model-settings.json").write_text(json.dumps(settings), encoding="utf-8")
    environment = {
        "PYTHONPATH": f"{site('locks/serving-mlserver.txt')}:{CHECKOUT.root}", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
        "MLSERVER_HOST": "127.0.0.1", "MLSERVER_HTTP_PORT": str(port), "MLSERVER_METRICS_PORT": str(metrics),
        "MLSERVER_GRPC_PORT": str(free_ports(1)[0]), "MLSERVER_PARALLEL_WORKERS": "0",
    }  # fmt: skip
    command = [str(CHECKOUT.python), "-S", "-m", "clusters.workloads.mlserver.server", "start", str(files)]
    return Program(command, folder / f"{model}.log", port, "/v2/health/ready", environment)


def placer(folder: Path, published: Published, pods: Sequence[int], *, port: int, arguments: Sequence[str] = ()) -> Program:
    """The placer of pods on these ports, not started yet."""
    addresses = ",".join(f"127.0.0.1:{one}" for one in pods)
    command = [
        str(CHECKOUT.python),
        "-S",
        "-m",
        "clusters.workloads.dense_pool.placer",
        str(published.folder),
        f"--listen=127.0.0.1:{port}",
    ]
    environment = {"PYTHONPATH": f"{site('locks/serving-mlserver.txt')}:{CHECKOUT.root}", "PYTHONDONTWRITEBYTECODE": "1"}
    return Program([*command, f"--pods={addresses}", *arguments], folder / "placer.log", port, "/placer/alive", environment)


def router(
    folder: Path, published: Published, pods: Sequence[int], *, port: int, placer_port: int, access: Sequence[PoolAccess] = EVERYTHING
) -> Program:
    """Envoy with the rendered configuration, not started yet."""
    (statistics,) = free_ports(1)
    here = "127.0.0.1"
    addresses = image.RouterAddresses((here, port), (here, placer_port), [(here, one) for one in pods], (here, pods[0]), (here, statistics))
    config = folder / "envoy.json"
    reached = {one.subject: one.models for one in access}
    config.write_text(json.dumps(image.bootstrap(addresses, reached, published.sha256), indent=1), encoding="utf-8")
    envoy = str(site("locks/node.txt") / "envoy" / "_bin" / "envoy")
    command = [envoy, "--config-path", str(config), "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
    return Program(command, folder / "envoy.log", port, image.READY_PATH)


@dataclass
class Pool:
    """All of it, running."""

    published: Published
    pods: list[Program]
    placer: Program
    router: Program
    s3: Program
    objects_url: str
    clients: list[Client] = field(default_factory=list[Client])

    def client(self, subject: str | None = MONITORING) -> Client:
        """A new one, closed when the pool ends."""
        self.clients.append(Client(self.router.port, subject))
        return self.clients[-1]

    def resident(self) -> list[list[str]]:
        """What each pod has in memory."""
        return [resident(program.port) for program in self.pods]


def await_pods(placer_port: int, pods: int) -> None:
    """Waits until the placer knows all pods: until then it finds homes on those it knows, and the copies made there stay."""
    deadline = time.monotonic() + START_SECONDS
    with contextlib.closing(Client(placer_port)) as client:
        while len(client.ask("GET", "/v2/models/merchant-000").headers.get(image.HEADER_POD, "").split(",")) < pods:
            assert time.monotonic() < deadline, "the placer does not see every pod"
            time.sleep(0.5)


@contextlib.contextmanager
def running_pool(
    folder: Path, published: Published, *, pods: int, budget_bytes: int, access: Sequence[PoolAccess] = EVERYTHING,
    placer_arguments: Sequence[str] = (),
) -> Generator[Pool]:  # fmt: skip
    """A pool that answers."""
    with contextlib.ExitStack() as stack:
        store, url = s3(folder, published)
        stack.callback(store.stop)
        placer_port, router_port, *ports = free_ports(pods + 2)
        made = [pod(folder / f"pod-{number}", published, url, port=port, budget_bytes=budget_bytes) for number, port in enumerate(ports)]
        deciding = placer(folder, published, ports, port=placer_port, arguments=placer_arguments)
        routing = router(folder, published, ports, port=router_port, placer_port=placer_port, access=access)
        for program in (*made, deciding, routing):
            stack.callback(program.stop)
            program.start(wait=False)
        for program in (*made, deciding, routing):
            program.wait()
        await_pods(placer_port, pods)
        pool = Pool(published, made, deciding, routing, store, url)
        yield pool
        for client in pool.clients:
            client.close()
