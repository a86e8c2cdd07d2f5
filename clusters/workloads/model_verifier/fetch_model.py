"""The init container that brings a model into a pod: fetches what is approved, then becomes the verifier.

KServe calls it like its own storage initializer, with one URI and one folder. What may be fetched comes from a ConfigMap that the
platform writes into the tenant's namespace, never from the tenant's own objects. Upstream's script does the fetching; the
verifier then takes this process's place with nothing but what it checks: no credentials, no endpoint.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import sys
from pathlib import Path
from typing import NoReturn, cast

from clusters.workloads.model_verifier import vault_credentials

TRUST = "MODEL_TRUST"
"""Keys by name and models by URI, as JSON (tidegate/facts/signature.py, `trusted`)."""

SERVED_MODEL = "SERVED_MODEL"
"""The InferenceService of this pod, from the pod's own label."""

EXPECTED = "MODEL_EXPECTED"
"""What the verifier is handed: model, sha256, key_id and public_key, as JSON."""

REFUSED = 65
"""The exit code of a refusal (EX_DATAERR), so that it is not taken for a registry that does not answer."""

_KEPT = ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LANG")


def main(arguments: list[str]) -> NoReturn:
    """Fetches and verifies the model of this pod; ends with exit code 0, `REFUSED`, or what the fetching ended with."""
    if len(arguments) != 2:
        refuse("a pod loads one model; this one asks for " + str(len(arguments) // 2))
    uri, folder = arguments
    expected = expectation(uri, os.environ.get(TRUST, ""), os.environ.get(SERVED_MODEL, ""))
    _empty(Path(folder))
    # With a slash: the downloader takes everything that begins like it, and version 1 must not bring version 10.
    with vault_credentials.borrowed():
        fetch(uri if uri.endswith("/") else f"{uri}/", folder)
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | {EXPECTED: json.dumps(expected)}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "clusters.workloads.model_verifier.verify_model", folder], environment)  # noqa: S606 - itself


def expectation(uri: str, trust: str, served_model: str) -> dict[str, object]:
    """What `uri` must turn out to be; ends the program when it is not approved for this InferenceService."""
    if not trust or not served_model:
        refuse(f"{TRUST} or {SERVED_MODEL} is not set: this pod was not told what it may load")
    try:
        known = cast("dict[str, dict[str, dict[str, str]]]", json.loads(trust))
        keys, models = cast("dict[str, str]", known["keys"]), known["models"]
    except (ValueError, KeyError, TypeError):
        refuse(f"{TRUST} cannot be read")
    found = models.get(uri)
    if found is None:
        refuse(f"{uri} is not in the catalogue of approved models")
    if found["model"].split("/")[1] != served_model:
        refuse(f"{uri} is approved as {found['model']}, not for the served model {served_model}")
    if found["key_id"] not in keys:
        refuse(f"{uri} must be signed with {found['key_id']}, whose public key is not known here")
    return {**found, "public_key": keys[found["key_id"]]}


def fetch(uri: str, folder: str) -> None:
    """Runs upstream's storage initializer in this process; it ends the process itself when it fails."""
    script = os.environ.get("STORAGE_INITIALIZER", "/storage-initializer/scripts/initializer-entrypoint")
    sys.argv = [script, uri, folder]
    runpy.run_path(script, run_name="__main__")


def refuse(why: str) -> NoReturn:
    """Says in one line why the model is not loaded, and ends."""
    sys.stderr.write(f"Model refused: {why}\n")
    sys.exit(REFUSED)


def _empty(folder: Path) -> None:
    """An init container may run again in the same pod; what an earlier run left is not signed."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
