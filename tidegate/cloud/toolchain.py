"""What this machine offers: programs, their versions and Terraform providers, each with the way to get it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import DoctorError, Finding, HostError, ToolError
from tidegate.tools.environments import home_folder

AWS_PROVIDER_VERSION = "5.100.0"
"""The version `infra` pins; a test compares the two."""

PROVIDER_MIRROR_VARIABLE = "TIDEGATE_PROVIDER_MIRROR"
"""Names a Terraform filesystem mirror (a folder holding `registry.terraform.io/`)."""

_REGISTRY_FOLDER = "registry.terraform.io"


@dataclass(frozen=True, slots=True)
class RequiredTool:
    """A program, the least version that works, how to ask it and how to get it."""

    program: str
    minimum: tuple[int, ...]
    version_arguments: tuple[str, ...]
    remedy: str


REQUIREMENTS = (
    RequiredTool("git", (2, 30), ("--version",), "install Debian's package git"),
    RequiredTool("node", (20,), ("--version",), "install Node.js 20 or newer"),
    RequiredTool("npm", (9,), ("--version",), "install the npm that comes with Node.js"),
    RequiredTool("terraform", (1, 10), ("version",), "install Terraform 1.10 or newer (native S3 lock files)"),
    RequiredTool("go", (1, 26), ("version",), "install Go 1.26.6 or newer (the embedded region is built with it)"),
)


@dataclass(frozen=True, slots=True)
class Tool:
    """A requirement as found: `version` is empty when the program is missing."""

    program: str
    version: str
    is_new_enough: bool
    remedy: str


def inspect_tools() -> list[Tool]:
    """Every requirement as this machine meets it."""
    return [_inspect(requirement) for requirement in REQUIREMENTS]


def _inspect(requirement: RequiredTool) -> Tool:
    command = [requirement.program, *requirement.version_arguments]
    try:
        printed = tools.run(command, env={"CHECKPOINT_DISABLE": "1"}, timeout_seconds=30).stdout
    except ToolError:
        return Tool(requirement.program, "", False, requirement.remedy)
    match = re.search(r"\d+(\.\d+)+", printed)
    version = match.group() if match else ""
    numbers = tuple(int(part) for part in version.split(".")) if version else ()
    return Tool(requirement.program, version, numbers >= requirement.minimum, requirement.remedy)


def find_provider_mirror() -> Path | None:
    """A folder of Terraform providers: the variable's, else the first well-known one; None means the public registry.

    Well known are Terraform's own implied mirrors and any folder directly below /opt, /srv or /var/lib that has a
    `registry.terraform.io` inside. Raises `DoctorError` with `unusable_mirror`.
    """
    if findings := unusable_mirror():
        raise DoctorError(findings)
    if named := os.environ.get(PROVIDER_MIRROR_VARIABLE):
        return Path(named)
    for folder in _well_known_folders():
        if (folder / _REGISTRY_FOLDER / "hashicorp" / "aws" / AWS_PROVIDER_VERSION).is_dir():
            return folder
    return None


def unusable_mirror() -> list[Finding]:
    """A finding when the variable names something that is no mirror."""
    named = os.environ.get(PROVIDER_MIRROR_VARIABLE)
    if not named or (Path(named) / _REGISTRY_FOLDER).is_dir():
        return []
    return [Finding(PROVIDER_MIRROR_VARIABLE, "", "provider-mirror", f"no {_REGISTRY_FOLDER} in it", "point it at a mirror", named)]


def _well_known_folders() -> Iterator[Path]:
    with contextlib.suppress(HostError):
        yield home_folder() / ".terraform.d" / "plugins"
    yield Path("/usr/local/share/terraform/plugins")
    yield Path("/usr/share/terraform/plugins")
    for parent in ("/opt", "/srv", "/var/lib"):
        if Path(parent).is_dir():
            yield from sorted(found.parent for found in Path(parent).glob(f"*/{_REGISTRY_FOLDER}"))


def terraform_environment(checkout: Checkout) -> dict[str, str]:
    """The variables for terraform and cdktf: no phoning home, providers from the mirror if there is one."""
    checkout.embedded.mkdir(parents=True, exist_ok=True)
    config = checkout.embedded / "terraform.rc"
    mirror = find_provider_mirror()
    text = "disable_checkpoint = true\n"
    if mirror:
        text += f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'
    if not config.is_file() or config.read_text(encoding="utf-8") != text:
        config.write_text(text, encoding="utf-8")
    return {
        "TF_CLI_CONFIG_FILE": str(config),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        # The provider's schema is some 30 MB that terraform decodes in every process; fewer collections meanwhile took the
        # processor time of a plan from 8.5 s to 6.5 s (2026-11-21), for some hundred MB of memory.
        "GOGC": "400",
        "DISABLE_VERSION_CHECK": "1",
        "CDKTF_LOG_LEVEL": "warn",
        "CI": "true",
        "NO_COLOR": "1",
        "FORCE_COLOR": "0",
        # jsii prints a page of warning on Node 20, which distributions support longer than its authors; the value is the version.
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    }


def missing_tools(found: list[Tool]) -> list[Finding]:
    """One finding for each tool that is not there, or too old."""
    return [
        Finding(tool.program, "", "tool-too-old" if tool.version else "tool-missing",
                "too old" if tool.version else "not found", tool.remedy, tool.version)
        for tool in found if not tool.is_new_enough
    ]  # fmt: skip


def missing(checkout: Checkout) -> list[Finding]:
    """One finding per thing `make up` would fail without, each with its remedy."""
    return [*missing_tools(inspect_tools()), *unusable_mirror(), *missing_environments(checkout)]


def missing_environments(checkout: Checkout) -> list[Finding]:
    """One finding for each environment that `make setup` makes and that is not there."""
    findings: list[Finding] = []
    if not checkout.python.is_file():
        findings.append(Finding(".venv", "", "environment-missing", "no Python environment", "run `make setup`"))
    if not checkout.cdktf.is_file():
        findings.append(Finding("node_modules", "", "environment-missing", "no cdktf command", "run `make setup`"))
    return findings
