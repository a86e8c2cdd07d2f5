"""`make checkov`: synthesises the production stacks, scans them and the rendered objects, and judges the findings.

Exit code 0 means no unexplained finding. checkov runs in an environment of its own (`locks/checkov.txt`) and is kept from
the network.
"""

from __future__ import annotations

import datetime
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.measure.checkov.suppressions import Failed, judge, read_suppressions
from tidegate import tools
from tidegate.checkout import Checkout, find_checkout
from tidegate.cloud.account import Account
from tidegate.cloud.synthesis import synthesise
from tidegate.errors import ToolError

SUPPRESSIONS = Path(__file__).parent / "suppressions.yaml"


def scan(checkout: Checkout, folder: Path, framework: str) -> tuple[int, list[Failed]]:
    """How many checks passed on the files in `folder`, and which failed. Raises `ToolError` when checkov itself fails."""
    command = [
        str(checkout.root / ".venv-checkov" / "bin" / "checkov"), "--directory", str(folder), "--framework", framework,
        "--output", "json", "--compact", "--quiet", "--skip-download", "--soft-fail",
    ]  # fmt: skip
    environment = {"LOG_LEVEL": "ERROR", "BC_SKIP_MAPPING": "TRUE", "CKV_IGNORE_HIDDEN_DIRECTORIES": "false"}
    printed = tools.run(command, cwd=checkout.root, env=environment, timeout_seconds=1200)
    report = json.loads(printed.stdout)
    summary = report.get("summary", report)
    if summary["parsing_errors"] or not summary["passed"]:
        raise ToolError(tools.quoted(command), 1, f"checkov read nothing, or not all: {json.dumps(summary)}")
    return int(summary["passed"]), list(_failed(report))


def keep_resources_only(folder: Path) -> None:
    """Drops from every stack all but resources and data: checkov 3.3.30 stumbles over plain values in the other blocks."""
    for path in folder.rglob("cdk.tf.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        kept = {block: document[block] for block in ("data", "resource") if block in document}
        path.write_text(json.dumps(kept), encoding="utf-8")


def _failed(report: dict[str, Any]) -> Iterator[Failed]:
    for one in report["results"]["failed_checks"]:
        yield Failed(one["check_id"], one["resource"], one["file_path"].lstrip("/"), one["check_name"])


def main() -> int:
    """Scans both and prints the verdict."""
    checkout = find_checkout(Path(__file__).parent)
    with tempfile.TemporaryDirectory(prefix="tidegate-checkov-") as name:
        stacks = Path(name)
        synthesise(checkout, Account(None), stacks)
        keep_resources_only(stacks)
        print("scanning the stacks with checkov (about a minute)", flush=True)
        passed, failed = scan(checkout, stacks, "terraform_json")
    print("scanning the rendered objects with checkov (about a minute)", flush=True)
    passed_objects, failed_objects = scan(checkout, checkout.rendered, "kubernetes")
    suppressions = read_suppressions(SUPPRESSIONS)
    problems = list(judge([*failed, *failed_objects], suppressions, datetime.datetime.now(datetime.UTC).date()))
    print(*problems, sep="\n", end="\n" if problems else "")
    print(
        f"checkov: {passed} checks passed on stacks, {passed_objects} on objects; {len(failed) + len(failed_objects)} findings, "
        f"{len(suppressions)} suppressions, {len(problems)} unexplained"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
