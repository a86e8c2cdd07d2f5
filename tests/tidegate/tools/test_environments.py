"""What programs are started with: the user's variables, but for those that would lead them astray."""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

import pytest

from tidegate import tools
from tidegate.checkout import cache_folder
from tidegate.cloud.account import FOREIGN, Account, own_errors
from tidegate.embedded import emulator
from tidegate.errors import CloudError, HostError, ToolError
from tidegate.tools import environments
from tidegate.tools.environments import child_environment, home_folder

NONSENSE = {
    "AWS_PROFILE": "absent", "AWS_CONFIG_FILE": "/proc/self/mem", "AWS_SHARED_CREDENTIALS_FILE": "/proc", "AWS_CA_BUNDLE": "/nonexistent",
    "AWS_DEFAULTS_MODE": "x", "AWS_REGION": "x y", "AWS_ENDPOINT_URL": "x:y", "AWS_ENDPOINT_URL_S3": "x", "AWS_MAX_ATTEMPTS": "x",
    "AWS_RETRY_MODE": "x", "AWS_STS_REGIONAL_ENDPOINTS": "x", "AWS_USE_FIPS_ENDPOINT": "true", "TF_LOG": "x", "TF_CLI_ARGS": "--x",
    "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "x://", "ALL_PROXY": "x", "NO_PROXY": "",
}  # fmt: skip


@pytest.fixture
def nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NONSENSE.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("nonsense")
def test_emulated_account_knows_nothing_of_the_users(endpoint: str) -> None:
    clients = Account(endpoint).in_region("eu-west-1")
    for name in ("ec2", "eks", "events", "iam", "kms", "logs", "route53", "sqs", "sts", "s3"):
        assert getattr(clients, name).meta.endpoint_url == endpoint
    with pytest.raises(Exception, match="404"):  # answered, and by nobody else
        clients.s3.head_bucket(Bucket="models")


@pytest.mark.usefixtures("nonsense")
def test_programs_for_the_emulated_account_see_nothing_of_the_users() -> None:
    account = Account("http://127.0.0.1:5000")
    seen = child_environment(account.environment(), account.without)
    assert {name for name in seen if name.startswith(FOREIGN)} == set(account.environment())
    assert Account(None).without == ()
    assert child_environment(None, Account(None).without)["AWS_PROFILE"] == "absent"


@pytest.mark.usefixtures("nonsense")
def test_emulator_is_asked_without_a_proxy(endpoint: str) -> None:
    with pytest.raises(urllib.request.HTTPError, match="404"):
        emulator.DIRECTLY.open(endpoint, timeout=5)


@pytest.mark.parametrize(
    ("upper", "lower", "seen"),
    [
        (None, None, "127.0.0.1,localhost,::1"),
        ("example.com,localhost", None, "example.com,localhost,127.0.0.1,::1"),
        (None, "example.com, localhost", "example.com,localhost,127.0.0.1,::1"),
        ("one.example", "two.example,one.example", "one.example,two.example,127.0.0.1,localhost,::1"),
        ("*", None, "*"),
        ("one.example", " * ", "*"),
        (",", "", "127.0.0.1,localhost,::1"),
    ],
    ids=["neither", "upper", "lower", "both", "everything", "everything-beside-a-list", "empty"],
)
def test_loopback_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch, upper: str | None, lower: str | None, seen: str) -> None:
    for name, value in (("NO_PROXY", upper), ("no_proxy", lower)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    child = child_environment()
    assert (child["NO_PROXY"], child["no_proxy"]) == (seen, seen)
    for host, name in (("127.0.0.1", "NO_PROXY"), ("localhost", "no_proxy")):
        assert urllib.request.proxy_bypass_environment(host, {"no": child[name]})  # type: ignore[attr-defined]


_ASK = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)"


@pytest.mark.parametrize("direct", ["*", "example.com", "", None])
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_program_reaches_loopback_whatever_proxy_is_set(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, name: str, direct: str | None
) -> None:
    for proxy in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    for each in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(each, raising=False)
    if direct is not None:
        monkeypatch.setenv(name, direct)
    with pytest.raises(ToolError, match="HTTP Error 404"):
        tools.run([sys.executable, "-c", _ASK, endpoint])
    with pytest.raises(ToolError) as refused:
        tools.run(["curl", "--silent", "--show-error", "--fail", endpoint])
    assert refused.value.exit_code == 22, "curl's own code for an answer of 400 and more"


@pytest.mark.parametrize("home", [None, "", "x"], ids=["unset", "empty", "relative"])
def test_odd_home_is_the_one_that_the_system_knows(monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if home is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", home)
    assert home_folder().is_absolute()
    assert child_environment()["HOME"] == str(home_folder())
    assert cache_folder() == home_folder() / ".cache/tidegate"


def test_user_without_any_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(environments.pwd, "getpwuid", fail)
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.raises(HostError, match=r"HOME = \(not set\): no absolute path, and user \d+ has no home folder; set HOME"):
        cache_folder()
    assert "HOME" not in child_environment()


@pytest.mark.parametrize(
    ("name", "said"),
    [("folder", "is a folder"), ("text", "permission denied"), ("odd", "exec format error")],
    ids=["folder", "not-executable", "no-program"],
)
def test_program_that_cannot_be_executed_is_named(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("x")
    (tmp_path / "odd").write_bytes(b"\x7fELF")
    (tmp_path / "odd").chmod(0o755)
    with pytest.raises(ToolError, match=f"{tmp_path / name}: {said}; name a program that may be executed"):
        tools.run([str(tmp_path / name)])


def test_missing_working_folder_is_not_taken_for_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=f"{tmp_path}/absent: no such file or folder"):
        tools.run(["true"], cwd=tmp_path / "absent")


def test_output_that_is_no_text_is_read() -> None:
    assert tools.run(["printf", r"a\377b"]).stdout == "a\ufffdb"


def test_own_errors_of_a_real_account_are_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "absent")
    with pytest.raises(CloudError, match="absent"), own_errors():
        assert Account(None).in_region("eu-west-1").s3
