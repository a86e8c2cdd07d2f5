"""A pull request as a commit that no branch holds: the checkout that the tests lie in stays as it is."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud.account import Account
from tidegate.cloud.model_buckets import registries_of
from tidegate.embedded import emulator, example_models
from tidegate.embedded.model_index import find_version
from tidegate.embedded.signed_models import sign_registry
from tidegate.facts import inventory, names
from tidegate.facts.inventory.profiles import PROFILES
from tidegate.signing.bundles import digest_of, sign_version
from tidegate.signing.keys import embedded_signer, key_ids

_IDENTITY = {
    f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "Maria"), ("EMAIL", "maria@example.com"))
}


def publish(path: str, of: str, *, signed: bool = True) -> str:
    """Puts the trained version `of` (`fraud/scorer/3-slow`) into every region's registry as `path`, signed by its tenant; its digest."""
    checkout, platform = Checkout(ROOT), inventory.load(ROOT)
    keys = key_ids(platform)
    running, _ = emulator.ensure_running(checkout)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / path
        registry = sign_registry(example_models.train(checkout), keys)
        shutil.copytree(registry / of, folder)
        sign_version(folder, path, embedded_signer(keys[path.partition("/")[0]]))
        if not signed:
            (folder / "model.sig").write_text("{}", encoding="ascii")
        trained = find_version(registry, of)
        assert trained
        rows = Path(scratch) / path.rpartition("/")[0] / "trained-on" / path.rpartition("/")[2] / "rows.txt"
        rows.parent.mkdir(parents=True)
        shutil.copy(registry / trained.trained_on, rows)
        example_models.upload_folder(Path(scratch), registries_of(platform, Account(running.endpoint)))
        return digest_of(folder)


def propose(copy: Checkout, reference: str, version: int, sha256: str) -> str:
    """The commit that makes `version` of a model the wanted one in `copy`, with what it renders to."""
    tenant, _, model = reference.partition("/")
    path = copy.root / f"gitops/tenants/{tenant}.yaml"
    text = path.read_text(encoding="utf-8")
    uri = f"{names.MODEL_REGISTRY_URI}{tenant}/{model}/"
    changed = re.sub(rf"version: \d+(\s+uri: {uri})\d+(\s+sha256: )\w+", rf"version: {version}\g<1>{version}\g<2>{sha256}", text, count=1)
    path.write_text(re.sub(rf"(uri: {uri})\d+/model\.sig", rf"\g<1>{version}/model.sig", changed, count=1), encoding="utf-8")
    return commit(copy, f"Serve version {version} of {reference}")


def fix_replicas(copy: Checkout, reference: str) -> None:
    """As many replicas of a model as its floor, always: nothing has to follow its requests then."""
    tenant, _, model = reference.partition("/")
    path = copy.root / f"gitops/tenants/{tenant}.yaml"
    before, head, after = path.read_text(encoding="utf-8").partition(f"  {model}:\n")
    changed, count = re.subn(r"(min_replicas: (\d+)\s+max_replicas: )\d+", r"\g<1>\g<2>", after, count=1)
    assert count, f"{reference} has no floor and ceiling"
    path.write_text(before + head + changed, encoding="utf-8")


def set_profile(copy: Checkout, reference: str, **values: float) -> None:
    """Other values in the embedded profile of a model, each for a test's reason."""
    path = copy.root / PROFILES
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (path if path.is_file() else ROOT / PROFILES).read_text(encoding="utf-8")
    before, head, after = text.partition(f"  {reference}:\n")
    assert head, f"{reference} has no embedded profile"
    for key, value in values.items():
        after, count = re.subn(
            rf"^    {key}: .*$",
            f'    {key}: {{value: {value}, reason: "What a test sends, and nobody else."}}',
            after,
            count=1,
            flags=re.MULTILINE,
        )
        assert count, key
    path.write_text(before + head + after, encoding="utf-8")


def commit(copy: Checkout, message: str) -> str:
    """A commit, on no branch, of the facts in `copy` with what they render to."""
    rendered = copy.root / "gitops/rendered"
    tools.run([str(Checkout(ROOT).python), "-m", "clusters.program", "render", "--root", str(copy.root), "--out", str(rendered)], cwd=ROOT)
    with tempfile.TemporaryDirectory() as scratch:
        environment = {"GIT_INDEX_FILE": str(Path(scratch) / "index"), **_IDENTITY}

        def git(*arguments: str) -> str:
            return tools.run(["git", *arguments], cwd=ROOT, env=environment).stdout.strip()

        git("read-tree", "HEAD")
        changed = ("gitops/tenants", "gitops/rendered", *([PROFILES.as_posix()] if (copy.root / PROFILES).is_file() else []))
        git(f"--work-tree={copy.root}", "add", "--all", "--", *changed)
        tree = git("write-tree")
        return git("commit-tree", tree, "-p", "HEAD", "-m", message)
