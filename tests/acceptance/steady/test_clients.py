"""Clients that people use: each asks a model as its documentation says, from the machine that plays the internet."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.acceptance.clients import apache
from tests.acceptance.clients.programs import CLIENTS, Client
from tests.acceptance.running_platform import INVENTORY, Running, model_of
from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded import prediction
from tidegate.embedded.fleet import internet
from tidegate.embedded.images import python_site
from tidegate.embedded.machines import network

REGION, LOCK = "live-2", "locks/clients.txt"

pytestmark = [pytest.mark.timeout(600), pytest.mark.touches(regions=[REGION], asks=["fraud", "assistant"])]


@pytest.fixture
def site(platform: Running, client: Client) -> Path:
    """The client's packages."""
    return apache.site() if client.language == "java" else python_site.site_folder(platform.checkout, LOCK, print)


def run(platform: Running, client: Client, site: Path, folder: Path) -> str:
    """What the client prints. It finds the edge by a hosts file of its own, as others do by DNS."""
    tenant, _ = model_of(client.model)
    cluster = INVENTORY.clusters[REGION]
    host, address = tenant.host_in(cluster.domain), platform.local.addresses.regions[REGION].node
    sample = platform.sample(client.model)
    files = {
        "ca.pem": internet.own_authority(platform.local.machine(network.INTERNET)).certificate_pem.decode(),
        "body.json": json.dumps(sample.request), "hosts": f"127.0.0.1 localhost\n{address} {host} {cluster.domain}\n",
        "program": client.program,
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    environment = {
        "URL": f"https://{host}/{client.model.split('/')[1]}", "HEALTH": f"https://{cluster.domain}{cluster.edge.health_path}",
        "TOKEN": prediction.token_for(platform.local, tenant, REGION), "CA": str(folder / "ca.pem"), "BODY": str(folder / "body.json"),
        "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(folder),
    }  # fmt: skip
    told = [f"{name}={value}" for name, value in environment.items()]
    started = {
        "sh": ["sh", str(folder / "program")],
        "python": [str(Checkout(ROOT).python), "-S", str(folder / "program")],
        "java": apache.command(site, client.program),
    }[client.language]
    own_hosts = ["unshare", "--mount", "sh", "-c", f'mount --bind "{folder}/hosts" /etc/hosts && exec "$@"', "sh"]
    there = platform.local.machine(network.INTERNET).first_process()
    assert there is not None
    return tools.run(["nsenter", f"--target={there.pid}", "--net", "--", *own_hosts, "env", *told, *started], timeout_seconds=180).stdout


@pytest.mark.parametrize("client", CLIENTS, ids=[client.name for client in CLIENTS])
def test_client_gets_the_models_answer(platform: Running, client: Client, site: Path, tmp_path: Path) -> None:
    printed = run(platform, client, site, tmp_path).strip()
    assert printed.startswith(client.shows) or printed.rpartition("\n")[2].startswith(client.shows), printed[:500]
    assert not re.search("Traceback|svc.cluster.local", printed)
