"""Generated bad environments and bad fact files: whatever they are, a command ends with a code of its own and never with a fault.

Every example comes from a seed that its failure names. `make test` runs a part of them, `make soak` all (`TIDEGATE_WHOLE`).
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from clusters import cluster_tree
from tests.root import ROOT, WHOLE
from tests.tidegate.signing.signed_models import MemoryKey, write_files
from tidegate import tools
from tidegate.cli import main
from tidegate.errors import InventoryError, TidegateError
from tidegate.facts import inventory
from tidegate.facts.inventory.load import load_folder_findings
from tidegate.facts.inventory.prices import load_prices
from tidegate.facts.inventory.read import read_fact
from tidegate.facts.platform import Platform, check
from tidegate.facts.tenant import Tenant
from tidegate.manifests.tree import emit_tree
from tidegate.metering.costs import simulate
from tidegate.signing.bundles import sign_version

ENVIRONMENTS, FACTS = (300, 2000) if WHOLE else (20, 200)
ODD = (
    "",
    "x",
    "/nonexistent",
    "/dev/full",
    "/proc",
    "http://[::1",
    "\u00fc\u202e",
    "0",
    "-1",
    "a" * 5000,
    "true,false",
    "{}",
    "127.0.0.1:9",
)
VARIABLES = (
    "HOME", "XDG_CACHE_HOME", "PATH", "TMPDIR", "HTTP_PROXY", "https_proxy", "NO_PROXY", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_REGION",
    "TF_LOG", "TF_DATA_DIR", "GIT_DIR", "GIT_WORK_TREE", "GOFLAGS", "GOPATH", "NODE_OPTIONS", "TERM", "COLUMNS", "NO_COLOR", "LANG",
    "TIDEGATE_PROVIDER_MIRROR", "TIDEGATE_STATE", "CDKTF_OUTDIR", "KUBECONFIG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
)  # fmt: skip
REFUSED = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EMFILE, errno.EDQUOT, errno.ENOMEM, errno.ELOOP, errno.ENXIO)
COMMANDS = (
    ["model", "explain", "fraud/scorer"], ["diff", "HEAD"], ["tenant", "remove", "scoring", "--requested-by=a@example.com", "--reason=x"],
    ["tenant", "new", "late", "--tier=batch", "--owner=a@example.com", "--github-team=@a/b", "--artefact=given/artefact", "--golden-set=given/golden",
     "--public-key=given/key.pem", "--caller=x"],
    ["cost", "prices", "refresh", "--offer-file=given/offer.json"], ["local", "ps"], ["cost", "show", "--month=2026-11", "--ledger=given/ledger"],
)  # fmt: skip
"""Each works to its end where nothing is wrong, which a test holds."""
_QUIET = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], print_blob=True
)


class _Refusing:
    """Has the system refuse the n-th thing that is asked of it below `root`: an audit hook, which cannot be taken away again."""

    def __init__(self) -> None:
        self.root, self.left, self.number = "", -1, 0
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.root or event not in _EVENTS or not arguments or not str(arguments[0]).startswith(self.root):
            return
        self.left -= 1
        if self.left == 0:
            raise OSError(self.number, os.strerror(self.number), arguments[0])

    @contextmanager
    def armed(self, root: Path, nth: int, number: int) -> Generator[None]:
        self.root, self.left, self.number = str(root), nth, number
        try:
            yield
        finally:
            self.root = ""


_EVENTS = frozenset({"open", "os.mkdir", "os.rename", "os.remove", "os.listdir", "os.scandir", "os.rmdir", "os.truncate", "os.chmod"})
_refusing: list[_Refusing] = []


def refusing() -> _Refusing:
    """The one of this process."""
    if not _refusing:
        _refusing.append(_Refusing())
    return _refusing[0]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A committed checkout with what `COMMANDS` are given in its folder `given`."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("clusters/inventory", "clusters/embedded/network", "clusters/prices", "gitops/tenants"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("cdktf.json", "pyproject.toml", "clusters/releases.yaml"):
        shutil.copy(ROOT / name, folder / name)
    given, key = folder / "given", MemoryKey.made("late-release")
    sign_version(write_files(given / "artefact", {"model.txt": b"trees"}), "late/model/1", key)
    write_files(given / "golden", {"inputs.json": b"[]"})
    (given / "key.pem").write_text(key.public_pem())
    shutil.copy(ROOT / "tests/tidegate/repository/offers/index.json", given / "offer.json")
    simulate(inventory.load(ROOT), "live-1", 1, given / "ledger", load_prices(ROOT))
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for arguments in (["init", "--quiet"], ["add", "clusters", "gitops"], ["commit", "--quiet", "--message=x"]):
        tools.run([*git, *arguments], cwd=folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not {"out", ".git"} & set(path.relative_to(folder).parts)
    }


def restore(folder: Path, before: dict[str, bytes]) -> None:
    """Puts every file back, and takes away what is new."""
    after = contents(folder)
    for name in after.keys() - before.keys():
        (folder / name).unlink()
    for name, content in before.items():
        if after.get(name) != content:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command[:2]))
def test_command_works_where_nothing_is_wrong(checkout: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    before = contents(checkout)
    monkeypatch.chdir(checkout)
    try:
        assert main.run(command) == 0
    finally:
        restore(checkout, before)


@seed(17)
@settings(_QUIET, max_examples=ENVIRONMENTS)
@given(
    changed=st.dictionaries(st.sampled_from(VARIABLES), st.sampled_from((None, *ODD)), max_size=6),
    refused=st.sampled_from(REFUSED),
    nth=st.integers(0, 60),
    command=st.sampled_from(COMMANDS),
)
def test_bad_environment_is_no_fault(checkout: Path, changed: dict[str, str | None], refused: int, nth: int, command: list[str]) -> None:
    before, kept = contents(checkout), dict(os.environ)
    where = Path.cwd()
    try:
        for name, value in changed.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        os.chdir(checkout)
        with refusing().armed(checkout, nth, refused):
            code = main.run(command)
    finally:
        os.chdir(where)
        os.environ.clear()
        os.environ.update(kept)
    assert code in {0, 1, 2}, f"{command} ended with {code}"
    if code:
        assert contents(checkout) == before, f"{command} failed and left something"
    restore(checkout, before)


@pytest.fixture(scope="module")
def platform() -> Platform:
    return inventory.load(ROOT)


VALUES = (
    "", "null", "~", "x", "-1", "0", "1e400", ".inf", "99999999999999999999", "[]", "{}", "[null]", "{x: 1}", "true", '""', '"\\u0000"', "'", "&a x",
    "*a", "!!python/object:x {}", "2026-11-29", "0x10", "1_000", "s3://", "oci://x", "https://", "s3://b/../../x", "a" * 300, "\u202e", "@x", "%TAG", "|",
    "7200", "3.5", "- x", "? x", "x: y: z", "#", "s3://tidegate-models/fraud/scorer/version=3", "f" * 64, "../../etc/passwd", "fraud", "live-9",
)  # fmt: skip


def damaged(text: str, chance: random.Random) -> bytes:
    """`text` with one to three things done to it that hands, merges and editors do."""
    for _ in range(chance.randint(1, 3)):
        lines = text.split("\n")
        at = chance.randrange(len(lines))
        match chance.randrange(8):
            case 0:
                lines[at] = f"{lines[at].partition(':')[0]}: {chance.choice(VALUES)}"
            case 1:
                del lines[at]
            case 2:
                lines.insert(at, lines[at])
            case 3:
                lines[at] = f"{' ' * chance.randrange(5)}{lines[at]}"
            case 4:
                other = chance.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 5:
                lines.insert(at, chance.choice(VALUES))
            case 6:
                lines = lines[: at + 1]
            case _:
                lines[at] = lines[at].replace(chance.choice("abcdefghijklmnopqrstuvwxyz:-_ "), chance.choice(VALUES), 1)
        text = "\n".join(lines)
    content = text.encode("utf-8", "surrogatepass")
    if chance.random() < 0.1:
        place = chance.randrange(len(content) + 1)
        content = content[:place] + bytes([chance.randrange(256)]) + content[place:]
    return content


@seed(17)
@settings(_QUIET, max_examples=FACTS)
@given(number=st.integers(0, 2**32))
def test_bad_facts_are_no_fault(tmp_path_factory: pytest.TempPathFactory, platform: Platform, number: int) -> None:
    chance = random.Random(number)
    sources = sorted((ROOT / "gitops/tenants").glob("*.yaml"))
    source = chance.choice(sources)
    root = tmp_path_factory.getbasetemp() / "facts"
    path = root / "gitops/tenants" / source.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(damaged(source.read_text(encoding="utf-8"), chance))
    refused = render_with(platform, root, Path("gitops/tenants") / source.name)
    if refused is None:
        return
    assert str(refused)
    if isinstance(refused, InventoryError):
        assert all(finding.remedy and finding.source.startswith("gitops/tenants/") for finding in refused.findings)
        assert all("\n" not in str(finding) and str(finding).isprintable() for finding in refused.findings)


def render_with(platform: Platform, root: Path, path: Path) -> TidegateError | None:
    """Reads one tenant's file in place of the platform's, and renders everything; returns what refused it."""
    try:
        tenant = read_fact(root, path, Tenant)
        changed = Platform(platform.clusters, {**platform.tenants, path.stem: tenant}, platform.tombstones, platform.catalogue)
        if tenant.name == path.stem and not check(changed):
            emit_tree(cluster_tree.objects(changed))
    except TidegateError as refused:
        return refused
    return None


@seed(18)
@settings(_QUIET, max_examples=FACTS // 20)
@given(number=st.integers(0, 2**32))
def test_bad_files_of_clusters_and_tombstones_are_no_fault(tmp_path_factory: pytest.TempPathFactory, number: int) -> None:
    chance = random.Random(number)
    root = tmp_path_factory.getbasetemp() / f"clusters-{number}"
    shutil.copytree(ROOT / "clusters/inventory", root / "clusters/inventory")
    path = chance.choice(sorted(root.rglob("cluster.yaml")))
    path.write_bytes(damaged(path.read_text(encoding="utf-8"), chance))
    (root / "gitops/tombstones").mkdir(parents=True)
    tombstone = 'name: gone\nrequested_by: "a@example.com"\nreason: "x"\nremoved_on: "2026-11-29"\n'
    (root / "gitops/tombstones/gone.yaml").write_bytes(damaged(tombstone, chance))
    platform, findings = load_folder_findings(root)
    assert platform is not None or findings
    if platform is not None and not findings:
        emit_tree(cluster_tree.objects(platform))
    shutil.rmtree(root)
