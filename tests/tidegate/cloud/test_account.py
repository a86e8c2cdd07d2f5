"""An account tells programs how to reach it; a real one tells them nothing that could override the user's own settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate import tools
from tidegate.cloud.account import Account

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
