"""Commands about the embedded region's parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.bundle import bundle
from tidegate.cli.options import Json, Wait, at_work
from tidegate.cli.screen import Screen

if TYPE_CHECKING:
    from tidegate.embedded.fleet.machine_view import MachineState

local = typer.Typer(help="Inspect and prepare the embedded regions.", no_args_is_help=True, rich_markup_mode=None)
local.add_typer(bundle, name="bundle")


@local.command("build")
def build(
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="This program; may be given again. Default: all.")
    ] = None,
    json: Json = False,
) -> None:
    """Build the embedded region's programs that the cache lacks."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.builds.go_programs import build_programs

    screen = Screen(json)
    programs = build_programs(find_checkout(), screen.progress, only or ())
    rows = [(one.name, one.release, _taken(one.seconds), f"{one.size_bytes / 1e6:.1f} MB") for one in programs]
    screen.table("Programs", ["binary", "release", "seconds", "size"], rows)
    new = [one.seconds for one in programs if one.seconds is not None]
    total = sum(one.size_bytes for one in programs)
    count = f"{len(programs)} program{'s' if len(programs) > 1 else ''}"
    screen.text(f"{count}, {total / 1e6:.0f} MB: {len(new)} built in {sum(new):.0f} s, {len(programs) - len(new)} cached.")
    screen.answer({"programs": programs})


@local.command("contents")
def contents(
    out: Annotated[Path, typer.Option(file_okay=False, help="Where to write `<image>.cdx.json`, one for each.")],
    only: Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help="This image; may be given again. Default: all.")] = None,
    json: Json = False,
) -> None:
    """Write what is in each image as CycloneDX: Debian's packages, Python's, and Go modules."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.builds.go_programs import build
    from tidegate.embedded.images import build_images, read_images
    from tidegate.embedded.images.bill import bill_of
    from tidegate.embedded.images.contents import contents_of
    from tidegate.tools.files import write_whole

    screen, checkout = Screen(json), find_checkout()
    images = build_images(checkout, build(checkout, screen.progress), lambda line: screen.progress("images", line), only or ())
    facts = read_images(checkout).images
    found = {name: contents_of(checkout, image, facts[name]) for name, image in images.items()}
    for name, parts in found.items():
        write_whole(out / f"{name}.cdx.json", bill_of(images[name], parts).encode())
    screen.table("Images", ["image", "reference", "parts"], [(name, images[name].reference, len(parts)) for name, parts in found.items()])
    screen.answer({"images": {name: {"reference": images[name].reference, "parts": len(parts)} for name, parts in found.items()}})


@local.command("ps")
def ps(json: Json = False) -> None:
    """List the machines, what each costs, the programs it keeps, and where they are reached."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.fleet.bring_up import open_local
    from tidegate.embedded.fleet.machine_view import loopback_addresses, read_machines

    screen = Screen(json)
    opened = open_local(find_checkout())
    machines, addresses = read_machines(opened), loopback_addresses(opened)
    screen.table(
        "Machines", ["machine", "state", "memory", "cores in use", "CPU used", "problem"],
        [(one.name, "running" if one.running else "stopped", *_cost(one), one.problem) for one in machines],
    )  # fmt: skip
    rows = [
        (f"{machine.name}/{one.name}", one.state, one.pid or "-", _duration(one.uptime_seconds), one.problem)
        for machine in machines
        for one in machine.programs
    ]
    if rows:
        screen.table("Programs (pids as seen inside)", ["program", "state", "pid", "up", "problem"], rows)
    if addresses:
        screen.table("Reached on this machine", ["what", "address"], list(addresses.items()))
    screen.answer({"machines": machines, "addresses": addresses})


@local.command("logs")
def logs(
    program: Annotated[str, typer.Argument(metavar="MACHINE/PROGRAM", help="Such as live-1/kubelet; `tidegate local ps` lists them.")],
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing what is written from now on.")] = False,
) -> None:
    """Show what a program has said."""
    from tidegate import tools
    from tidegate.checkout import find_checkout
    from tidegate.embedded.fleet.bring_up import open_local
    from tidegate.embedded.fleet.machine_view import find_log, tail

    path = find_log(open_local(find_checkout()), program)
    if follow:
        tools.become(["tail", f"--lines={lines}", "--follow=name", "--retry", str(path)])  # supervisor starts a new file at 20 MB
    for line in tail(path, lines):
        print(line)


@local.command("shell")
def shell(
    machine: Annotated[str, typer.Argument(help="Such as live-1; `tidegate local ps` lists them.")],
    command: Annotated[list[str] | None, typer.Argument(help="After `--`; default a shell.")] = None,
) -> None:
    """Run a shell, or the command after `--`, inside a machine."""
    from tidegate import tools
    from tidegate.checkout import find_checkout
    from tidegate.embedded.fleet.bring_up import open_local
    from tidegate.embedded.fleet.machine_view import find_machine

    tools.become(find_machine(open_local(find_checkout()), machine).inside(*(command or ["/bin/bash"])))


@local.command("kubeconfig")
def kubeconfig(
    region: Annotated[str | None, typer.Argument(help="Default: the nearest region that has been up.")] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Print one file with a context for every region.")] = False,
) -> None:
    """Print where a region's kubeconfig is, for `export KUBECONFIG=$(tidegate local kubeconfig)`."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.fleet.bring_up import open_local
    from tidegate.embedded.fleet.machine_view import find_kubeconfig, merged_kubeconfig
    from tidegate.errors import UsageError

    machines = open_local(find_checkout())
    if merge and region:
        raise UsageError("--merge takes every region; leave the name out")
    print(merged_kubeconfig(machines).rstrip() if merge else find_kubeconfig(machines, region))


@local.command("stop")
def stop(json: Json = False, wait: Wait = False) -> None:
    """Stop the machines; what they keep (etcd, images, models) stays for `tidegate local start`."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.fleet.bring_up import open_local, pause
    from tidegate.embedded.fleet.machine_view import machine_names

    screen = Screen(json)
    checkout = find_checkout()
    with at_work(screen, checkout, "local stop", wait):
        machines = open_local(checkout)
        pause(machines, screen.progress)
    screen.text("Stopped; `tidegate local start` resumes.")
    screen.answer({"stopped": machine_names(machines)})


@local.command("start")
def start(json: Json = False, wait: Wait = False) -> None:
    """Start the machines again with everything they kept."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.fleet.bring_up import open_local, resume
    from tidegate.embedded.fleet.machine_view import running_regions

    screen = Screen(json)
    checkout = find_checkout()
    with at_work(screen, checkout, "local start", wait):
        resume(checkout, screen.progress)
        regions = running_regions(open_local(checkout))
    screen.text(f"Started: {', '.join(regions)}.")
    screen.answer({"started": regions})


@local.command("rotate-credentials")
def rotate_credentials(
    region: Annotated[str, typer.Argument(help="Such as live-1.")],
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Give a region's Vault another access key for AWS, and take back every token that it lent."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.builds.go_programs import build
    from tidegate.embedded.fleet.bring_up import cluster_of, open_local
    from tidegate.embedded.fleet.machine_view import find_kubeconfig
    from tidegate.embedded.vault.vault_region import rotate

    screen = Screen(json)
    checkout = find_checkout()
    with at_work(screen, checkout, "local rotate-credentials", wait):
        opened = open_local(checkout)
        find_kubeconfig(opened, region)
        cluster = cluster_of(opened, region, build(checkout, screen.progress, ["kubectl"]))
        key = rotate(opened, region, cluster)
    screen.text(f"Vault of {region} has the access key {key}; pods that serve keep running; pods that start get new credentials.")
    screen.answer({"region": region, "access_key": key})


def _cost(machine: MachineState) -> tuple[str, str, str]:
    if not machine.running:
        return "-", "-", "-"
    return f"{machine.memory_mib} MiB", f"{machine.cpu_cores:.2f}", _duration(round(machine.cpu_seconds))


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def _taken(seconds: float | None) -> str:
    return "cached" if seconds is None else f"{seconds:.0f}"
