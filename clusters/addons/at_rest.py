"""What the embedded region sets otherwise than production so that it costs little while nobody asks it anything.

One entry per difference, with its reason. Production's values are in the add-ons themselves.
"""

from __future__ import annotations

from typing import cast

from clusters.addons import documents
from clusters.addons.documents import Document
from clusters.addons.region import AddOnRegion

PLATFORM_SCRAPE_SECONDS = 60
"""Between two scrapes of what no release is judged by. Models and gateways keep production's interval
(`clusters.components.tenancy.monitors.SCRAPE_SECONDS`), because releases are judged by them."""

ARGO_CD_POLL_SECONDS = 120
"""Argo CD's look at Git and at all live objects when nothing was pushed and nothing changed. The Git server tells of every push, and
tells again when it was not heard; each look tries hundreds of objects out on the API server. Not longer: an Application whose health
could not be judged, as the script for it has one second on a machine that is busy, is judged again at the next look only."""

ARGO_CD_WATCH_RESYNC = "12h"
"""After which Argo CD lists every kind again beside its watches. Upstream's ten minutes are for watches through load balancers."""

PROXY_THREADS = 1
"""Workers of each Envoy. Istio takes as many as the limit has cores; each wakes many times a second, and holds connections and
statistics of its own, in eleven Envoys a region at rest."""

GO_THREADS = 1
"""Go's `GOMAXPROCS` in every add-on. Controllers are woken by timers, some hundred times a second; with a second processor each such
moment also wakes a thread that looks for work and finds none. Programs of the node have the same in `clusters/embedded/node/programs.yaml`."""

OFTEN_SECONDS = 5
"""Probes more frequent than this are for the start only."""

_START_SECONDS = 300
"""How long a container may take until its first probe passes, on two busy cores."""


def probe_seldom(document: Document) -> None:
    """Makes a readiness probe that runs often the container's startup probe, and lets it run every ten seconds afterwards.

    A start is noticed as soon as before, and the kubelet does not ask each pod every second for ever.
    """
    for container in documents.containers(document):
        probe = cast("Document", container.get("readinessProbe") or {})
        period = int(str(probe.get("periodSeconds", OFTEN_SECONDS)))
        if period < OFTEN_SECONDS and "startupProbe" not in container:
            container["startupProbe"] = {**probe, "failureThreshold": _START_SECONDS // period}
            container["readinessProbe"] = {key: value for key, value in probe.items() if key != "periodSeconds"}


def use_one_thread(document: Document) -> None:
    """Tells the Go programs of what makes pods to use `GO_THREADS`; other programs do not read it."""
    for container in documents.containers(document):
        documents.set_environment(container, {"GOMAXPROCS": str(GO_THREADS)})


def search_once(deployment: Document, region: AddOnRegion) -> None:
    """For pods that ask cluster DNS for `<service>.<namespace>` every second: the search path in which that is found comes first.

    Knative's autoscaler looks at every revision so. The other paths, its own namespace's before all, only cost a refusal each time.
    """
    spec = documents.section(deployment, "spec", "template", "spec")
    spec["dnsPolicy"] = "None"
    options = [{"name": "ndots", "value": "5"}]
    searches = ["svc.cluster.local", "cluster.local"]
    spec["dnsConfig"] = {"nameservers": [str(region.facts.dns_address)], "searches": searches, "options": options}


def elects_a_leader(region: AddOnRegion) -> bool:
    """Whether controllers need an election: each renews a lease again and again, for nobody to compete with."""
    return region.facts.replicas > 1


def without_election(deployment: Document, flag: str, region: AddOnRegion) -> None:
    """Adds `flag`, which turns a controller's election off, to the arguments of its first container where it is the only one."""
    if not elects_a_leader(region):
        container = documents.containers(deployment)[0]
        container["args"] = [*cast("list[str]", container.get("args") or []), flag]


def sole_controller(region: AddOnRegion) -> dict[str, str]:
    """What tells Knative's controller that it is the only one: the first pod of a set, which shares its work by number, not by lease.

    It takes no flag against its nine elections. Each renews a lease every ten seconds, and waits a minute for the old one to end when the
    controller was killed. Empty where there are several.
    """
    return {} if elects_a_leader(region) else {"STATEFUL_CONTROLLER_ORDINAL": "controller-0", "STATEFUL_SERVICE_NAME": "controller"}
