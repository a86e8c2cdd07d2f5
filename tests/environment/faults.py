"""What an environment lacks, as data: variables, and shell that runs before the command in a mount namespace of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

READ_ONLY = 'mount --bind "$PWD" "$PWD" && mount -o remount,bind,ro "$PWD" && cd "$PWD"'
FULL = (  # a disk that holds the checkout and so many free KiB
    'mount -t tmpfs -o size=48m tmpfs /mnt && cp -a . /mnt/ && cd /mnt && (dd if=/dev/zero of=filler bs=1k 2>/dev/null; true) '
    '&& truncate -s -{free}k filler && sync'
)  # fmt: skip
IN_GIT = "git init -q -b main . && git add -A && git -c user.name=x -c user.email=x@example.com commit -qm x"
SHALLOW = f'{IN_GIT} && git checkout -qb change && git -c user.name=x -c user.email=x@example.com commit -qm y --allow-empty && git clone -q --depth 1 --branch change "file://$PWD" ../shallow && cd ../shallow'

_NO_CONFIGURATION = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
_PROXIES = dict.fromkeys(
    ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "NO_PROXY"), "nonsense://[::1"
)
_ACCOUNTS = {
    "AWS_PROFILE": "absent", "AWS_CONFIG_FILE": "/dev/full", "AWS_CA_BUNDLE": "/nonexistent", "AWS_DEFAULTS_MODE": "x", "AWS_REGION": "\u00fc",
    "AWS_ENDPOINT_URL": "x:y", "AWS_MAX_ATTEMPTS": "x", "AWS_RETRY_MODE": "x", "TF_LOG": "nonsense", "TF_CLI_ARGS": "--nonsense",
    "TF_DATA_DIR": "/dev/null", "TF_WORKSPACE": "absent",
}  # fmt: skip

EXPLAIN, VALIDATE, STATUS, DIFF = "model explain fraud/scorer", "validate", "status", "diff HEAD"
RENDER = "render"
REMOVE = "tenant remove assistant --requested-by a@example.com --reason x"
READING, WRITING = (EXPLAIN, VALIDATE, STATUS), (RENDER, REMOVE)


@dataclass(frozen=True, slots=True)
class Case:
    """A command in an environment, the exit code and a part of the one line on stderr; nothing of the checkout changes.

    A variable that is None is not set. Where rendering is to fail, all that is rendered is stale.
    """

    name: str
    command: str
    code: int = 0
    says: str = ""
    environment: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    before: str = ":"
    redirect: str = ""
    in_every_run: bool = False


def _each(name: str, commands: tuple[str, ...], **rest: object) -> list[Case]:
    return [Case(f"{name}-{command.split(' ')[0]}", command, **rest) for command in commands]  # pyright: ignore[reportArgumentType] - the fields of a case


CASES: list[Case] = [
    *_each("no-home", (EXPLAIN, VALIDATE, RENDER), environment={"HOME": None}),
    *_each("relative-home", READING, environment={"HOME": "x"}),
    Case("read-only-home-validate", VALIDATE, 1, "the file system is read-only", {"HOME": "/mnt"}, "mount -t tmpfs -o ro tmpfs /mnt", in_every_run=True),
    Case("home-is-a-file-validate", VALIDATE, 1, "a part of the path is no folder", {"HOME": "/etc/passwd"}),
    Case("home-is-a-file-explain", EXPLAIN, 0, "", {"HOME": "/etc/passwd"}),
    Case("relative-cache-validate", VALIDATE, 1, "XDG_CACHE_HOME = x: not an absolute path", {"XDG_CACHE_HOME": "x"}),
    *_each("read-only-checkout", READING, before=READ_ONLY),
    Case("read-only-checkout-render", RENDER, 1, "the file system is read-only", before=READ_ONLY, in_every_run=True),
    Case("read-only-checkout-tenant", REMOVE, 1, "the file system is read-only", before=READ_ONLY),
    *[Case(f"full-disk-{free}-render", RENDER, 1, "the disk is full", before=FULL.format(free=free), in_every_run=free == 200) for free in (0, 8, 64, 200, 400)],
    *[Case(f"full-disk-{free}-tenant", REMOVE, 1, "the disk is full", before=FULL.format(free=free)) for free in (0, 4)],
    *_each("full-disk", READING, before=FULL.format(free=0)),
    *[Case(f"full-output-{command.split(' ')[0]}", command, 1, "standard output: the disk is full", redirect=">/dev/full", in_every_run=command == VALIDATE)
      for command in (*READING, "--help", "cost simulate")],
    *_each("closed-output", (EXPLAIN, VALIDATE), redirect=">&-"),
    *_each("full-errors", (EXPLAIN, VALIDATE), redirect="2>/dev/full"),
    *_each("proxies", READING, environment=_PROXIES),
    *_each("other-account", READING, environment=_ACCOUNTS),
    *_each("ascii", READING, environment={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}),
    *_each("odd-terminal", READING, environment={"TERM": "absent", "COLUMNS": "x", "LINES": "-1", "FORCE_COLOR": "x"}),
    Case("owned-by-somebody-else-diff", DIFF, 2, "git: detected dubious ownership in repository", _NO_CONFIGURATION, f"{IN_GIT} && chown -R 12345 .", in_every_run=True),
    Case("shallow-clone-diff", "diff main", 2, "main is not in this clone, which is shallow; `git fetch --unshallow origin main:main` brings it", before=SHALLOW, in_every_run=True),
    Case("no-repository-diff", DIFF, 2, "git: not a git repository"),
    Case("other-repository-diff", DIFF, 0, "", {"GIT_DIR": "/nonexistent", "GIT_WORK_TREE": "/nonexistent"}, IN_GIT),
    Case("no-git-diff", DIFF, 1, "git is not on PATH; `tidegate doctor` tells how to get it", {"PATH": "/nonexistent"}, in_every_run=True),
    Case("no-node-doctor", "doctor --without-regions", 1, "node: not found; install Node.js 20 or newer", {"PATH": "/nonexistent"}),
    Case("no-node-up", "up --without-regions", 1, "node: not found; install Node.js 20 or newer", {"PATH": "/nonexistent"}, in_every_run=True),
    Case("folder-is-gone", STATUS, 2, "the folder that you work in is gone", before='mkdir /mnt/x && cd /mnt/x && rmdir /mnt/x'),
    Case("somebody-at-work-render", RENDER, 75, "is at work in this checkout", before="mkdir -p out && exec 9>out/command.lock && flock 9", in_every_run=True),
    *[Case(f"no-{path.replace('/', '-')}-{command}", command, 1, "platform.yaml: is missing; add it", before=f"rm {path}") for path in ("clusters/inventory/platform.yaml",) for command in (VALIDATE, RENDER)],
    *_each("no-inventory", (VALIDATE, RENDER, EXPLAIN), code=1, says="clusters/inventory: no cluster file", before="rm -r clusters/inventory"),
    Case("out-is-a-file-render", RENDER, 1, "out", before="touch out"),
    Case("few-files-render", RENDER, 1, "too many open files", before="ulimit -n 8", in_every_run=True),
    Case("temporary-folder-is-odd-diff", DIFF, 0, "", {"TMPDIR": "/nonexistent"}, IN_GIT),
]  # fmt: skip
