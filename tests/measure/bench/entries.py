"""Where measurements are made and where they are kept."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

from tidegate.checkout import find_checkout


@contextlib.contextmanager
def in_memory() -> Generator[Path]:
    """A scratch folder in memory, where there is such a place: what a disk takes would be the same for both sides."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def put(name: str, entry: Mapping[str, Any]) -> None:
    """Puts one entry into `out/bench.json`, beside those that are there."""
    path = find_checkout(Path(__file__).parent).out / "bench.json"
    path.parent.mkdir(exist_ok=True)
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    document[name] = dict(entry)
    path.write_text(json.dumps(dict(sorted(document.items())), indent=2) + "\n", encoding="utf-8")


def measure_alone(name: str, measured: Callable[[], dict[str, Any]], summary: Callable[[dict[str, Any]], str]) -> int:
    """Measures one entry, prints it, and puts it among the others; whether goals are met is in the entry, not in the exit code."""
    entry = measured()
    put(name, entry)
    print(json.dumps(entry, indent=2))
    print(summary(entry))
    return 0
