"""The tests that are too long for `make test`: those marked `soak`, and seeded ones that run all their rounds here."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from tests.acceptance.attached import bring_platform_up, take_platform_down
from tests.measure.soak.acceptance_run import red_tests
from tests.measure.soak.record import LongTest, Record
from tests.root import ROOT
from tests.suite import times

_ON_REGIONS = "tests/acceptance/"
_ENDING = f"{_ON_REGIONS}ending/"
_ORDER = (f"{_ON_REGIONS}steady/test_rest.py", f"{_ON_REGIONS}steady/", f"{_ON_REGIONS}disturbing/", _ENDING)
"""What a platform at rest takes is measured while it is fresh; what ends a region comes last."""


def files() -> dict[str, bool]:
    """The files with long tests in the order they run, and whether all of a file's tests are longer than in `make test`."""
    found: dict[str, bool] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if (is_whole := _reads_whole(text)) or re.search(r"\bpytest\.mark\.soak\b", text):
            found[path.relative_to(ROOT).as_posix()] = is_whole
    return dict(sorted(found.items(), key=lambda one: (_rank(one[0]), one[0])))


def run_long_tests(record: Record, tell: Callable[[str], None]) -> None:
    """Runs what is not done: what needs no region, then what leaves regions as they are, on one platform, then each that ends them on its own.

    The platform is taken down if this run brought it up.
    """
    done = {one.file for one in record.long_tests}
    left = {file: is_whole for file, is_whole in files().items() if file not in done}
    for file in (file for file in left if not file.startswith(_ON_REGIONS)):
        _run(record, file, left[file], tell)
    _run_attached(record, [file for file in left if file.startswith(_ON_REGIONS) and not file.startswith(_ENDING)], tell, left)
    for file in (file for file in left if file.startswith(_ENDING)):
        _run(record, file, left[file], tell)


def _run_attached(record: Record, chosen: Sequence[str], tell: Callable[[str], None], whole: Mapping[str, bool]) -> None:
    if not chosen:
        return
    attached = bring_platform_up()
    try:
        for file in chosen:
            _run(record, file, whole[file], tell)
    finally:
        if attached.is_ours:
            take_platform_down()


def _rank(file: str) -> int:
    return next((rank for rank, start in enumerate(_ORDER, 1) if file.startswith(start)), 0)


def _reads_whole(text: str) -> bool:
    """Whether the file takes `WHOLE` from `tests/root.py`."""
    imported = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom) and node.module == "tests.root"]
    return any(name.name == "WHOLE" for node in imported for name in node.names)


def _run(record: Record, file: str, is_whole: bool, tell: Callable[[str], None]) -> None:
    began, started = time.time(), time.monotonic()
    command = [sys.executable, "-m", "pytest", file, "-p", "no:hypothesispytest", "-m", "soak or not soak" if is_whole else "soak"]
    code = subprocess.run(command, cwd=ROOT, env={**os.environ, "TIDEGATE_WHOLE": "1"}, check=False).returncode
    is_fresh = times.TIMES.exists() and times.TIMES.stat().st_mtime > began
    seconds = round(time.monotonic() - started, 1)
    record.long_tests.append(LongTest(file=file, seconds=seconds, exit_code=code, red=red_tests(file) if is_fresh else ()))
    record.write()
    tell(f"long tests of {file}: {'green' if not code else f'RED, pytest ended with {code}'} ({seconds:.0f} s)")
