"""The local Git server's repository: what the embedded regions are to run, as commits that Argo CD follows.

It holds no copy of this checkout, only what was rendered from it for this machine: `gitops/` and `gitops/add-ons/`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate import tools
from tidegate.embedded.fleet.internet import GIT_HOST
from tidegate.embedded.machines.machines import Machine
from tidegate.facts import names
from tidegate.live.kubernetes import Kubernetes

REPOSITORY = "payments/tidegate.git"
"""The path that production's repository has on its server (`repository_url` in the inventory)."""

URL = f"git://{GIT_HOST}/{REPOSITORY}"
BRANCH = "main"

LOOK_AGAIN = (f"--namespace={names.NAMESPACE_ARGOCD}", "--overwrite", "argocd.argoproj.io/refresh=normal")
"""What follows the names in the `kubectl annotate applications.argoproj.io` that has Argo CD look at them at once."""

_PAUSES = "2 5 10 30"
"""Seconds before each further try to tell a region of a push."""

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Tidegate", "GIT_AUTHOR_EMAIL": "tidegate@example.com",
    "GIT_COMMITTER_NAME": "Tidegate", "GIT_COMMITTER_EMAIL": "tidegate@example.com",
    # The machine's own settings (hooks, signing, templates) have no business here.
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
}  # fmt: skip


def worktree(internet: Machine) -> Path:
    """Where the next commit is prepared."""
    return internet.folder / "worktree"


def open_worktree(internet: Machine) -> Path:
    """The worktree of the served repository, both made when missing."""
    served, folder = internet.folder / "git" / REPOSITORY, worktree(internet)
    if not (served / "HEAD").is_file():
        served.mkdir(parents=True, exist_ok=True)
        _git(served, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", ".")
    if not (folder / ".git").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _git(folder, "init", "--quiet", f"--initial-branch={BRANCH}", ".")
        _git(folder, "remote", "add", "origin", str(served))
        if _git(served, "for-each-ref"):
            _git(folder, "fetch", "--quiet", "origin", BRANCH)
            _git(folder, "reset", "--quiet", f"origin/{BRANCH}")
    return folder


@dataclass(frozen=True, slots=True)
class Follower:
    """An Argo CD that follows the repository: its region's API server, and the folder that each of its Applications reads."""

    cluster: Kubernetes
    folders: Mapping[str, str]


def tell_on_push(internet: Machine, followers: Sequence[Follower]) -> None:
    """Makes every push, whoever does it, tell Argo CD at once; otherwise it would look only every two minutes.

    Only Applications whose folder has changed are notified: each that looks compares all its objects with those of the API server.
    """
    hooks = internet.folder / "git" / REPOSITORY / "hooks"
    lines = [
        "#!/bin/sh", "# Written by Tidegate: tells each region's Argo CD to look at what a push has changed.",
        'changed=$(while read -r old new _; do case $old in *[!0]*) git diff --name-only "$old" "$new" ;; *) git ls-tree -r --name-only "$new" ;; esac; done)',
    ]  # fmt: skip
    for number, follower in enumerate(followers):
        kubectl = shlex.join([str(follower.cluster.kubectl), f"--kubeconfig={follower.cluster.kubeconfig}", "--request-timeout=5s"])
        listed = hooks / f"applications-{number}"
        listed.write_text("".join(f"{name} {folder}\n" for name, folder in sorted(follower.folders.items())), encoding="utf-8")
        tell = f"{kubectl} annotate applications.argoproj.io $names {shlex.join(LOOK_AGAIN)}"
        # Tried again beside whoever pushed when the API server did not hear it, so that nobody waits for a region that is down.
        again = f"(for pause in {_PAUSES}; do sleep $pause; {tell} && break; done) >/dev/null 2>&1 </dev/null &"
        lines += [
            f'names=$(while read -r name folder; do case "$changed" in *"$folder/"*) echo "$name" ;; esac; done <{shlex.quote(str(listed))})',
            f'[ -z "$names" ] || {tell} >/dev/null 2>&1 || {again}',
        ]
    hook = hooks / "post-receive"
    hook.write_text("\n".join([*lines, "exit 0", ""]), encoding="utf-8")
    hook.chmod(0o755)


def commit(internet: Machine, subject: str) -> str | None:
    """Commits everything in the worktree and pushes it; the commit's id, None when nothing had changed."""
    folder = open_worktree(internet)
    _git(folder, "add", "--all")
    if not _git(folder, "status", "--porcelain"):
        return None
    _git(folder, "commit", "--quiet", "--no-gpg-sign", f"--message={subject}")
    _git(folder, "push", "--quiet", "origin", BRANCH)
    return head(internet)


def head(internet: Machine) -> str:
    """The newest commit's id."""
    return _git(worktree(internet), "rev-parse", "HEAD").strip()


def _git(folder: Path, *arguments: str) -> str:
    # Variables of the user's, such as GIT_DIR in a hook, lead to another repository.
    return tools.run(["git", "-C", str(folder), *arguments], env=_IDENTITY, without=("GIT_",), timeout_seconds=120).stdout
