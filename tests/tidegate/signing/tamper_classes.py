"""Everything that is done to a signed model, by name, each with the reason it must be refused for."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.tidegate.signing.signed_models import MODEL, OTHER, edit_json, resign, signed, write_files

SIG, STATEMENT = "model.sig", "model.statement"

Tamper = Callable[[Path], object]


def flip(path: Path, at: int = 100) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def keep_times(path: Path, change: Callable[[], object]) -> None:
    before = path.stat()
    change()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))  # the absolute path may be too long


def punch_hole(path: Path) -> None:
    """The same size, with blocks that were never written."""
    size = path.stat().st_size
    path.unlink()
    with path.open("wb") as file:
        file.truncate(size)


def resource(name: str, **other: Any) -> dict[str, Any]:
    return {"name": name, "algorithm": "sha256", "digest": "0" * 64, **other}


def add_resource(entry: dict[str, Any]) -> Tamper:
    return lambda folder: resign(folder / SIG, lambda it: it["predicate"]["resources"].append(entry))


def in_bundle(change: Callable[[Any], object]) -> Tamper:
    return lambda folder: edit_json(folder / SIG, change)


def in_signed(name: str, change: Callable[[Any], object]) -> Tamper:
    return lambda folder: resign(folder / name, change)


def in_statement(change: Callable[[Any], object]) -> Tamper:
    return lambda folder: edit_json(folder / STATEMENT, change)


def signed_as(model: str, **options: Any) -> Tamper:
    """The very files, honestly signed, but as something else."""
    return lambda folder: (
        [(folder / name).unlink() for name in (SIG, STATEMENT)],
        signed(folder, model, **options),
    )


def replaced_by(content: dict[str, bytes]) -> Tamper:
    def replace_all(folder: Path) -> None:
        shutil.rmtree(folder)
        signed(folder, MODEL, files=content)

    return replace_all


def twice(text: str, key: str) -> str:
    return text.replace(f'"{key}"', f'"{key}": 1, "{key}"', 1)


CASES: dict[str, tuple[Tamper, str]] = {
    # bytes
    "flipped-bit": (lambda folder: flip(folder / "model.txt"), "'model.txt' is not what was signed"),
    "flipped-bit-with-old-date": (lambda folder: keep_times(folder / "model.txt", lambda: flip(folder / "model.txt")), "'model.txt' is not what was signed"),
    "flipped-first-byte": (lambda folder: flip(folder / "parts/weights.bin", 0), "'parts/weights.bin' is not what was signed"),
    "truncated-file": (lambda folder: os.truncate(folder / "model.txt", 10), "the model has 4 files of .* bytes; signed are 4 files"),
    "longer-file": (lambda folder: append(folder / "model.txt"), "signed are 4 files of 4524 bytes"),
    "emptied-file": (lambda folder: os.truncate(folder / "model.txt", 0), "signed are 4 files of 4524 bytes"),
    "sparse-file-of-the-same-size": (lambda folder: punch_hole(folder / "model.txt"), "'model.txt' is not what was signed"),
    "huge-sparse-file": (lambda folder: os.truncate(folder / "model.txt", 1 << 40), "the model has 4 files of 1099511629900 bytes"),
    "two-files-swapped": (lambda folder: [(folder / "a").hardlink_to(folder / "model.txt"), (folder / "model.txt").unlink(), (folder / "MLmodel").rename(folder / "model.txt"), (folder / "a").rename(folder / "MLmodel")], "'MLmodel' is not what was signed"),
    # names
    "added-file": (lambda folder: (folder / "more.py").write_text("x"), "'more.py' is not among the signed files"),
    "added-git-file": (lambda folder: write_files(folder, {".git/evil.py": b"x"}), r"'\.git/evil\.py' is not among the signed files"),
    "added-hidden-file": (lambda folder: (folder / ".gitignore").write_text("x"), r"'\.gitignore' is not among the signed files"),
    "removed-file": (lambda folder: (folder / "MLmodel").unlink(), "'MLmodel' is signed, but missing"),
    "renamed-file": (lambda folder: (folder / "model.txt").rename(folder / "model.bin"), "'model.bin' is not among the signed files"),
    "file-moved-into-folder": (lambda folder: (folder / "model.txt").rename(folder / "parts/model.txt"), "'parts/model.txt' is not among the signed files"),
    "renamed-by-case": (lambda folder: (folder / "MLmodel").rename(folder / "mlmodel"), "'mlmodel' is not among the signed files"),
    "clash-by-case": (lambda folder: (folder / "MODEL.txt").write_text("x"), "'MODEL.txt' and 'model.txt' differ in case only"),
    "clash-of-folders-by-case": (lambda folder: write_files(folder, {"Parts/more": b"x"}), "'Parts' and 'parts' differ in case only"),
    "clash-by-width": (lambda folder: (folder / "\uff4dodel.txt").write_text("x"), "differ in case only"),
    "name-decomposed": (lambda folder: (folder / "cafe\u0301").write_text("x"), "not in Unicode's composed form"),
    "name-with-direction-mark": (lambda folder: (folder / "model\u202etxt.exe").write_text("x"), "has an invisible character"),
    "name-with-line-break": (lambda folder: (folder / "a\nModel verified").write_text("x"), r"'a\\nModel verified' has an invisible character"),
    "name-with-backslash": (lambda folder: (folder / "..\\up").write_text("x"), "is no plain relative path"),
    "name-not-utf-8": (lambda folder: Path(os.fsdecode(bytes(folder) + b"/\xff\xfe")).write_text("x"), "has an invisible character"),
    # what is no plain file
    "symlink-added": (lambda folder: (folder / "more").symlink_to("model.txt"), "'more' is a symbolic link"),
    "symlink-instead-of-file": (lambda folder: [(folder / "model.txt").rename(folder.parent / "outside"), (folder / "model.txt").symlink_to(folder.parent / "outside")], "'model.txt' is a symbolic link"),
    "symlink-instead-of-folder": (lambda folder: [(folder / "parts").rename(folder.parent / "outside"), (folder / "parts").symlink_to(folder.parent / "outside")], "'parts' is a symbolic link"),
    "symlink-dangling": (lambda folder: (folder / "more").symlink_to("/nowhere"), "'more' is a symbolic link"),
    "symlink-as-signature": (lambda folder: [(folder / SIG).rename(folder.parent / "s"), (folder / SIG).symlink_to(folder.parent / "s")], "'model.sig' is a symbolic link"),
    "hard-link-to-outside": (lambda folder: (folder.parent / "outside").hardlink_to(folder / "model.txt"), "'model.txt' is a hard link: it has 2 names"),
    "hard-link-added": (lambda folder: (folder / "more").hardlink_to(folder / "model.txt"), "is a hard link"),
    "pipe": (lambda folder: os.mkfifo(folder / "more"), "'more' is a pipe"),
    "pipe-instead-of-file": (lambda folder: [(folder / "model.txt").unlink(), os.mkfifo(folder / "model.txt")], "'model.txt' is a pipe"),
    "socket": (lambda folder: make_socket(folder / "more"), "'more' is a socket"),
    "empty-folder": (lambda folder: (folder / "more").mkdir(), "the folder 'more' is empty"),
    "folder-instead-of-file": (lambda folder: [(folder / "model.txt").rename(folder / "x"), (folder / "model.txt").mkdir(), (folder / "x").rename(folder / "model.txt/x")], "'model.txt/x' is not among the signed files"),
    "folders-too-deep": (lambda folder: write_files(folder, {"/".join(["d"] * 40) + "/x": b"x"}), "nested more than 32 deep"),
    "no-files-left": (lambda folder: [shutil.rmtree(folder), folder.mkdir()], "the folder '.' is empty"),
    "model-is-no-folder": (lambda folder: [shutil.rmtree(folder), folder.write_text("x")], "the model is no folder"),
    "set-user-id": (lambda folder: (folder / "model.txt").chmod(0o4755), r"'model.txt' is set-user-ID \(4755\)"),
    "set-group-id": (lambda folder: (folder / "model.txt").chmod(0o2755), "'model.txt' is set-group-ID"),
    "sticky": (lambda folder: (folder / "model.txt").chmod(0o1644), "'model.txt' is sticky"),
    "writable-by-everybody": (lambda folder: (folder / "model.txt").chmod(0o666), "'model.txt' is writable by everybody"),
    "folder-writable-by-everybody": (lambda folder: (folder / "parts").chmod(0o777), "the folder 'parts' is writable by everybody"),
    # signatures
    "unsigned": (lambda folder: [(folder / SIG).unlink(), (folder / STATEMENT).unlink()], "model.statement is missing: the model is not signed"),
    "bundle-missing": (lambda folder: (folder / SIG).unlink(), "model.sig is missing: the model is not signed"),
    "bundle-empty": (lambda folder: os.truncate(folder / SIG, 0), "model.sig has 0 bytes"),
    "bundle-truncated": (lambda folder: os.truncate(folder / SIG, 200), "model.sig is not JSON"),
    "bundle-huge": (lambda folder: os.truncate(folder / SIG, 1 << 40), "model.sig has 1099511627776 bytes instead of 1 to"),
    "bundle-not-json": (lambda folder: (folder / SIG).write_text("signed, honestly"), "model.sig is not JSON"),
    "bundle-a-list": (lambda folder: (folder / SIG).write_text("[]"), "model.sig is not an object"),
    "bundle-nested-without-end": (lambda folder: (folder / SIG).write_text("[" * 100_000), "model.sig is not JSON"),
    "bundle-not-utf-8": (lambda folder: (folder / SIG).write_bytes(b"\xff\xfe{}"), "model.sig is not JSON"),
    "bundle-with-byte-order-mark": (lambda folder: (folder / SIG).write_bytes(b"\xef\xbb\xbf" + (folder / SIG).read_bytes()), "model.sig is not JSON"),
    "bundle-with-key-twice": (lambda folder: (folder / SIG).write_text(twice((folder / SIG).read_text(), "mediaType")), "model.sig has a key twice"),
    "bundle-with-nan": (lambda folder: (folder / SIG).write_text('{"mediaType": NaN}'), "model.sig has NaN for a number"),
    "bundle-of-unknown-type": (in_bundle(lambda it: it.update(mediaType="application/zip")), "model.sig is of the unknown type 'application/zip'"),
    "bundle-with-unknown-key": (in_bundle(lambda it: it.update(extra=1)), "model.sig has the unknown key 'extra'"),
    "bundle-with-log-entries": (in_bundle(lambda it: it["verificationMaterial"].update(tlogEntries=[{}])), "has entries of a transparency log"),
    "bundle-with-certificate": (in_bundle(lambda it: it["verificationMaterial"].update(certificate={})), "has the unknown key 'certificate'"),
    "bundle-without-envelope": (in_bundle(lambda it: it.pop("dsseEnvelope")), "model.sig lacks dsseEnvelope"),
    "bundle-with-two-signatures": (in_bundle(lambda it: it["dsseEnvelope"]["signatures"].append(it["dsseEnvelope"]["signatures"][0])), "model.sig has 2 signatures instead of one"),
    "bundle-without-signatures": (in_bundle(lambda it: it["dsseEnvelope"].update(signatures=[])), "model.sig has 0 signatures instead of one"),
    "bundle-of-unknown-payload-type": (in_bundle(lambda it: it["dsseEnvelope"].update(payloadType="text/plain")), "has the unknown payload type 'text/plain'"),
    "bundle-with-bad-base64": (in_bundle(lambda it: it["dsseEnvelope"].update(payload="%%%")), "payload of model.sig is not base64"),
    "bundle-with-loose-base64": (in_bundle(lambda it: it["dsseEnvelope"].update(payload=it["dsseEnvelope"]["payload"] + "\n")), "payload of model.sig is not base64"),
    "bundle-signature-truncated": (in_bundle(lambda it: it["dsseEnvelope"]["signatures"][0].update(sig=base64.b64encode(b"0").decode())), "the signature of model.sig does not hold"),
    "bundle-signature-of-zeros": (in_bundle(lambda it: it["dsseEnvelope"]["signatures"][0].update(sig=base64.b64encode(bytes.fromhex("3006020100020100")).decode())), "the signature of model.sig does not hold"),
    "bundle-payload-edited": (in_bundle(lambda it: it["dsseEnvelope"].update(payload=base64.b64encode(b"{}").decode())), "the signature of model.sig does not hold"),
    "bundle-by-another-key": (lambda folder: resign(folder / SIG, lambda _: None, OTHER), "model.sig was made with another key"),
    "bundle-by-another-key-with-our-hint": (lambda folder: [(hint := json.loads((folder / SIG).read_bytes())["verificationMaterial"]), resign(folder / SIG, lambda _: None, OTHER), edit_json(folder / SIG, lambda it: it.update(verificationMaterial=hint))], "the signature of model.sig does not hold"),
    "statement-missing": (lambda folder: (folder / STATEMENT).unlink(), "model.statement is missing"),
    "statement-empty": (lambda folder: os.truncate(folder / STATEMENT, 0), "model.statement has 0 bytes"),
    "statement-huge": (lambda folder: os.truncate(folder / STATEMENT, 1 << 30), "model.statement has 1073741824 bytes"),
    "statement-by-another-key": (lambda folder: resign(folder / STATEMENT, lambda _: None, OTHER), "the signature of model.statement does not hold"),
    "statement-names-another-key": (in_statement(lambda it: it["signatures"][0].update(keyid="credit-release")), "model.statement names the key 'credit-release' instead of 'fraud-release'"),
    "statement-with-two-signatures": (in_statement(lambda it: it["signatures"].append(it["signatures"][0])), "model.statement has 2 signatures"),
    "statement-is-the-bundle": (lambda folder: shutil.copy(folder / SIG, folder / STATEMENT), "model.statement lacks payload"),
    # signed by the right key, but not what it must be
    "ignored-paths": (in_signed(SIG, lambda it: it["predicate"]["serialization"].update(ignore_paths=[".git"])), r"model.sig leaves out \['.git'\]; sign without ignored paths"),
    "links-allowed": (in_signed(SIG, lambda it: it["predicate"]["serialization"].update(allow_symlinks=True)), "without links"),
    "shards-instead-of-files": (in_signed(SIG, lambda it: it["predicate"]["serialization"].update(method="shards")), "was not made over whole files"),
    "weaker-hash": (in_signed(SIG, lambda it: it["predicate"]["serialization"].update(hash_type="md5")), "by SHA-256"),
    "resource-by-another-hash": (in_signed(SIG, lambda it: it["predicate"]["resources"][0].update(algorithm="blake2")), "has a digest by 'blake2'"),
    "resource-with-short-digest": (in_signed(SIG, lambda it: it["predicate"]["resources"][0].update(digest="00")), "has '00' for a SHA-256"),
    "resource-twice": (lambda folder: resign(folder / SIG, lambda it: it["predicate"]["resources"].append(it["predicate"]["resources"][0])), "lists 'MLmodel' twice"),
    "resource-is-the-bundle": (add_resource(resource("model.sig")), "lists 'model.sig' among the files it signs"),
    "resource-missing": (in_signed(SIG, lambda it: it["predicate"]["resources"].pop()), "model.sig contradicts itself"),
    "resource-up-and-out": (add_resource(resource("../../etc/passwd")), "the name '../../etc/passwd' is no plain relative path"),
    "resource-absolute": (add_resource(resource("/etc/passwd")), "the name '/etc/passwd' is no plain relative path"),
    "resource-with-empty-part": (add_resource(resource("a//b")), "is no plain relative path"),
    "resource-with-nul": (add_resource(resource("a\0b")), "has an invisible character"),
    "resource-clash-by-case": (add_resource(resource("mlmodel")), "differ in case only"),
    "subjects-two": (in_signed(SIG, lambda it: it["subject"].append(it["subject"][0])), "model.sig has 2 subjects instead of one"),
    "subject-with-second-digest": (in_signed(SIG, lambda it: it["subject"][0]["digest"].update(md5="0")), "has the unknown key 'md5'"),
    "predicate-of-old-version": (in_signed(SIG, lambda it: it.update(predicateType="https://model_signing/Digests/v0.1")), "model.sig is of the unknown kind"),
    "statement-type-unknown": (in_signed(SIG, lambda it: it.update(_type="https://in-toto.io/Statement/v0.1")), "unknown statement type"),
    "bundle-of-another-model": (lambda folder: [signed(folder.parent / "b", files={"x": b"y"}), shutil.copy(folder.parent / "b" / SIG, folder / SIG)], "'MLmodel' is not among the signed files"),
    "statement-of-another-kind": (in_signed(STATEMENT, lambda it: it.update(predicateType="https://slsa.dev/provenance/v1")), "model.statement is of the unknown kind"),
    "statement-with-other-count": (in_signed(STATEMENT, lambda it: it["predicate"].update(files=3)), "signed are 3 files"),
    "statement-with-unknown-claim": (in_signed(STATEMENT, lambda it: it["predicate"].update(note="trust me")), "has the unknown key 'note'"),
    "statement-with-another-digest": (in_signed(STATEMENT, lambda it: it["subject"][0]["digest"].update(sha256="0" * 64)), "model.statement signs the digest '0000"),
    "statement-with-second-subject": (in_signed(STATEMENT, lambda it: it["subject"].append({"name": "x", "digest": {"sha256": "0"}})), "model.statement has 2 subjects"),
    "statement-claims-another-key": (in_signed(STATEMENT, lambda it: it["predicate"].update(keyId="root")), "model.statement names the key 'root'"),
    "replayed-older-version": (signed_as("fraud/scorer/1"), "model.statement is about 'fraud/scorer/1'; expected is 'fraud/scorer/2'"),
    "bad-version-with-same-number": (signed_as("fraud/scorer/2-slow"), "model.statement is about 'fraud/scorer/2-slow'"),
    "another-model-of-the-tenant": (signed_as("fraud/shadow/2"), "model.statement is about 'fraud/shadow/2'"),
    "another-tenants-model": (signed_as("credit/decision/2", key=OTHER), "names the key 'credit-release'"),
    "another-tenants-key": (signed_as(MODEL, key=replace(OTHER, key_id="fraud-release")), "the signature of model.statement does not hold"),
    "other-weights-honestly-signed": (replaced_by({"model.txt": b"other trees"}), "model.statement signs the digest .*; the tenant's file names"),
}  # fmt: skip
