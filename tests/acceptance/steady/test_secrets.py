"""No secret lies where people look: Git and its whole history, rendered files, pods' descriptions, logs, the audit log.

Secrets are looked for by their shape, and those of the running regions by their value too. What needs no region is in
`tests/test_secrets.py`.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.running_platform import REGIONS, Running
from tests.judges.git_texts import history, tracked
from tests.judges.leaks import Known, Leak, by_shape, is_secret, told
from tests.judges.planted_secrets import PLANTED
from tests.root import ROOT

pytestmark = [pytest.mark.timeout(600), pytest.mark.touches(asks=[])]

RecordProperty = Callable[[str, object], None]

MACHINES = [*REGIONS, "host", "internet"]


def known_secrets(running: Running) -> Known:
    """All of the regions' Secrets, and what the machines' folders of keys hold."""
    values: dict[str, bytes] = {}
    for region in REGIONS:
        for one in running.read(region, "secrets", "--all-namespaces")["items"]:
            where = f"{region}/{one['metadata']['namespace']}/{one['metadata']['name']}"
            data: dict[str, str] = one.get("data") or {}
            values |= {f"{where} {key}": base64.b64decode(value) for key, value in data.items()}
    for machine in MACHINES:
        for path in sorted((running.local.machine(machine).folder / "pki").glob("*")):
            if path.suffix != ".crt":
                values[f"{machine}/pki/{path.name}"] = path.read_bytes()
    clients: dict[str, str] = json.loads((running.local.machine("internet").folder / "pki" / "token-clients.json").read_bytes())
    values |= {f"internet/client {subject}": secret.encode() for subject, secret in clients.items()}
    return Known({name: value for name, value in values.items() if is_secret(value)})


@pytest.fixture(scope="module")
def known(platform: Running) -> Known:
    found = known_secrets(platform)
    # In each region the CAs of cluster and etcd, the key of tokens, of Secrets and of Redis, and the keys of four servers.
    assert len(found) >= 9 * len(REGIONS)
    return found


def leaks_of(known: Known, place: str, text: str) -> Iterator[Leak]:
    yield from by_shape(place, text)
    yield from known.leaks(place, text)


def files_of_logs(running: Running, machine: str) -> list[Path]:
    """Of programs and pods, also of containers that have ended and of rotated files; not the audit log, which has its own test."""
    folder = running.local.machine(machine).folder
    return sorted(
        path for top in ("log", "kept/var-log-pods") for path in (folder / top).rglob("*") if path.is_file() and not path.is_symlink()
    )


def text_of(path: Path) -> str:
    """Nothing of a file that is gone: pods come and go while their logs are read."""
    if not path.exists():
        return ""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return raw.decode(errors="replace")


@pytest.mark.parametrize("machine", MACHINES)
def test_no_log_holds_a_secret(platform: Running, known: Known, machine: str, record_property: RecordProperty) -> None:
    paths = files_of_logs(platform, machine)
    found: list[Leak] = []
    size = 0
    for path in paths:
        text = text_of(path)
        size += len(text)
        found += leaks_of(known, str(path.relative_to(platform.checkout.embedded)), text)
    record_property("files", len(paths))
    record_property("bytes", size)
    assert paths
    assert not found, told(found)


def descriptions(pod: Any) -> Iterator[tuple[str, str]]:
    """What `kubectl describe` and `ps` would show: environment, command, annotations."""
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    for one in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"], *pod["spec"].get("ephemeralContainers", [])]:
        for variable in one.get("env", []):
            yield f"{name} {one['name']} {variable['name']}", f"{variable['name']}={variable.get('value', '')}"
        yield f"{name} {one['name']} command", "\n".join([*one.get("command", []), *one.get("args", [])])
    yield f"{name} annotations", json.dumps(pod["metadata"].get("annotations", {}))


@pytest.mark.parametrize("region", REGIONS)
def test_no_pod_shows_a_secret(platform: Running, known: Known, region: str, record_property: RecordProperty) -> None:
    shown = [each for pod in platform.read(region, "pods", "--all-namespaces")["items"] for each in descriptions(pod)]
    record_property("texts", len(shown))
    assert len(shown) > 100
    found = [leak for place, text in shown for leak in leaks_of(known, place, text)]
    assert not found, told(found)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("kind", ["configmaps", "applications.argoproj.io", "inferenceservices.serving.kserve.io", "deployments.apps"])
def test_no_object_that_is_no_secret_holds_one(platform: Running, known: Known, region: str, kind: str) -> None:
    listed = platform.read(region, kind, "--all-namespaces")["items"]
    assert listed
    found = [
        leak for one in listed
        for leak in leaks_of(known, f"{kind} {one['metadata'].get('namespace')}/{one['metadata']['name']}", json.dumps(one, indent=1))
    ]  # fmt: skip
    assert not found, told(found)


def test_no_secret_of_the_regions_is_in_git(platform: Running, known: Known) -> None:
    """Neither in this checkout nor in the repository that Argo CD reads, nor in their histories."""
    (served,) = (platform.local.machine("internet").folder / "git").rglob("HEAD")
    texts = [("git log", history(ROOT)), ("git log of the served repository", history(served.parent)), *tracked()]
    found = [leak for place, text in texts for leak in known.leaks(place, text)]
    found += by_shape(texts[1][0], texts[1][1])
    assert not found, told(found)


def audit_log(running: Running, region: str) -> list[Path]:
    return sorted((running.local.machine(region).folder / "kept" / "var-log-kubernetes").glob("audit*.log*"))


@pytest.mark.parametrize("region", REGIONS)
def test_audit_log_holds_no_secret(platform: Running, known: Known, region: str, record_property: RecordProperty) -> None:
    """Bodies of Secrets, and the tokens that the server makes, are not written; who asked for them is."""
    count = of_secrets = of_tokens = 0
    found: list[Leak] = []
    for path in audit_log(platform, region):
        text = text_of(path)
        found += leaks_of(known, path.name, text)
        lines = text.splitlines()
        count += len(lines)
        for line in lines:
            if not any(word in line for word in ('"resource":"secrets"', '"subresource":"token"', '"resource":"tokenreviews"')):
                continue
            if not line.endswith("}"):  # being written
                continue
            event = json.loads(line)
            named = event.get("objectRef", {})
            of_secrets += named.get("resource") == "secrets"
            of_tokens += named.get("subresource") == "token"
            assert "requestObject" not in event, line[:400]
            assert "responseObject" not in event, line[:400]
    record_property("events", count)
    record_property("of_secrets", of_secrets)
    record_property("of_tokens", of_tokens)
    assert of_secrets
    assert of_tokens
    assert not found, told(found)


def test_secret_written_into_a_pods_description_would_be_found(known: Known) -> None:
    """The scan of the regions, with something to find: a key planted in a pod that is never made."""
    planted = {
        "metadata": {"name": "one", "namespace": "tenant-fraud", "annotations": {"note": PLANTED["pem"][0]}},
        "spec": {
            "containers": [{"name": "one", "env": [{"name": "PASSWORD_URL", "value": PLANTED["password-in-url"][0]}], "args": ["run"]}]
        },
    }
    found = {leak.what for place, text in descriptions(planted) for leak in leaks_of(known, place, text)}
    assert found == {"private-key", "password-in-url"}
