"""An account tells programs how to reach it; a real one tells them nothing that could override the user's own settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate import tools
from tidegate.cloud.account import FOREIGN, Account
from tidegate.errors import ToolError

STATE = """
terraform {{
  backend "local" {{
    path = "{path}"
  }}
}}
"""


def test_real_account_sets_nothing() -> None:
    assert Account(None).environment() == {}


@pytest.mark.terraform
def test_terraform_takes_an_emulator_that_came_back_elsewhere_for_the_same(tmp_path: Path) -> None:
    environment = Account("http://127.0.0.1:1").environment()
    (tmp_path / "main.tf").write_text(STATE.format(path="first.tfstate"))
    tools.run(["terraform", "init", "-input=false"], cwd=tmp_path, env=environment)
    (tmp_path / "main.tf").write_text(STATE.format(path="second.tfstate"))
    tools.run(["terraform", "init", "-input=false"], cwd=tmp_path, env=environment)


BACKEND = """
terraform {{
  backend "s3" {{
    bucket                      = "models"
    key                         = "state"
    region                      = "eu-west-1"
    endpoints                   = {{ s3 = "{endpoint}" }}
    use_path_style              = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
    skip_region_validation      = true
    max_retries                 = 1
  }}
}}
"""


@pytest.mark.terraform
def test_terraform_for_the_emulated_account_reads_no_files_of_the_users(tmp_path: Path, endpoint: str) -> None:
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    for name in ("config", "credentials"):
        (home / ".aws" / name).write_text("[default]\nmax_attempts = x\n")
    (tmp_path / "main.tf").write_text(BACKEND.format(endpoint=endpoint))
    environment = {**Account(endpoint).environment(), "HOME": str(home), "CHECKPOINT_DISABLE": "1"}
    with pytest.raises(ToolError) as refused:
        tools.run(["terraform", "init", "-input=false", "-no-color"], cwd=tmp_path, env=environment, without=Account(endpoint).without)
    assert "StatusCode: 404" in refused.value.stderr, "it was to ask the account, which knows no bucket"
    assert ".aws" not in refused.value.stderr


def test_page_names_what_of_the_users_account_is_left_out() -> None:
    told = (
        (ROOT / "docs/first-start.md")
        .read_text()
        .partition("For the emulated account nothing of your own account is read")[2]
        .partition("\n\n")[0]
    )
    named = re.findall(r"`((?:AWS|TF)_[A-Z_]*)", told)
    assert {"AWS_", "TF_"} < set(named)
    assert all(name.startswith(FOREIGN) for name in named)
    assert "`~/.aws`" in told
