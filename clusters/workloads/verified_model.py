"""Which model a pod serves, as its verifier found it, and the headers by which every answer of a model server says so.

The verifier writes the file after it has read every byte, into a folder that nobody else may write; an artefact cannot bring one.
Standard library only, because every image of ours has it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

FILE = "model.verified"
MODEL, SHA256, REVISION = "tidegate-model", "tidegate-model-sha256", "tidegate-revision"
"""`<tenant>/<model>/<version>`, the digest of the bytes that were verified, and the revision of Knative that answers."""


def write(folder: Path, model: str, sha256: str) -> None:
    """Notes what was verified in `folder`."""
    (folder / FILE).write_text(json.dumps({"model": model, "sha256": sha256}), encoding="utf-8")


def answer_headers(folder: Path) -> dict[str, str]:
    """The headers of every answer; none where no verifier ran, as in tests of a server alone."""
    try:
        found = json.loads((folder / FILE).read_bytes())
    except FileNotFoundError:
        return {}
    headers = {MODEL: str(found["model"]), SHA256: str(found["sha256"])}
    if revision := os.environ.get("K_REVISION"):
        headers[REVISION] = revision
    return headers
