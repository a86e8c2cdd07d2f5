"""Verifies the model in a folder, and unpacks it when it is one archive: `python3 -m clusters.workloads.model_verifier.verify_model FOLDER`.

It reads what to expect from one variable, and needs no network, no credentials and no right but to read the folder (and to
write it, for an archive). Exit code 0, or `REFUSED` with one line on stderr; then nothing is left in the folder to be loaded.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

from clusters.workloads import verified_model
from tidegate.signing.checks import archives, verification
from tidegate.signing.checks.files import look
from tidegate.signing.checks.refusal import Refusal

EXPECTED = "MODEL_EXPECTED"
REFUSED = 65


def main(folder: Path) -> int:
    """Verifies `folder`; returns the exit code."""
    started = time.monotonic()
    try:
        told = json.loads(os.environ[EXPECTED])
        expected = verification.Expected(**told)
    except (KeyError, ValueError, TypeError):
        return _refuse(folder, f"{EXPECTED} is not set or cannot be read")
    try:
        _refuse_own_words(folder)
        found = verification.verify(folder, expected)
        reserved = {verification.BUNDLE, verification.STATEMENT}
        archive = archives.packed(look(folder).keys() - reserved)
        unpacked = archives.unpack(folder, archive, {*reserved, verified_model.FILE}) if archive else 0
        verified_model.write(folder, expected.model, expected.sha256)
    except Refusal as refused:
        return _refuse(folder, f"{expected.model}: {refused}")
    except Exception as error:  # noqa: BLE001 - whatever else goes wrong, the model was not verified
        return _refuse(folder, f"{expected.model}: the verifier failed: {type(error).__name__}: {error}")
    more = f", {unpacked} files unpacked" if archive else ""
    sys.stdout.write(
        f"Model verified: {expected.model} {expected.sha256} signed with {expected.key_id}, "
        f"{found.files} files of {found.size_bytes} bytes in {time.monotonic() - started:.3f} s{more}; {found.comparison}\n"
    )
    return 0


def _refuse_own_words(folder: Path) -> None:
    if (folder / verified_model.FILE).exists():
        raise Refusal(f"it holds a file {verified_model.FILE}, which only the verifier writes")


def _refuse(folder: Path, why: str) -> int:
    """Empties the folder too: what is not there cannot be loaded, whoever starts next."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    sys.stderr.write(f"Model refused: {' '.join(why.split())}\n")
    return REFUSED


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
