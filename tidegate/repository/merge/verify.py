"""Reads an evidence bundle back: digests, signature, and every verdict made again from its samples alone."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tidegate.checkout import Checkout
from tidegate.errors import BundleError, ToolError
from tidegate.gates.evidence.manifest import FORMAT, MANIFEST, SIGNATURE, GateEntry, KeptFile, Manifest, kept
from tidegate.gates.merge import State
from tidegate.gates.verdict import Outcome, Reason, Verdict, combined
from tidegate.repository.merge.judges import JUDGES, Judge
from tidegate.signing.bundles import SigningError
from tidegate.signing.evidence import check_evidence

_MANIFEST_MAX, _SAMPLES_MAX = 16 << 20, 512 << 20
"""Bytes, unpacked: what is read may be anybody's."""


@dataclass(frozen=True, slots=True)
class JudgedAgain:
    """One gate, and its verdict made of the samples; None where there are none, or none that can be judged."""

    entry: GateEntry
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Verified:
    """What a bundle is worth."""

    manifest: Manifest
    gates: tuple[JudgedAgain, ...]
    problems: tuple[str, ...]
    """Each with what to do; with one of them the bundle proves nothing."""

    @property
    def outcome(self) -> Outcome:
        """Of the verdicts as made again; invalid with a problem."""
        if self.problems:
            return Outcome.INVALID
        return combined(_verdict(one) for one in self.gates) if self.gates else Outcome.PASS

    def outcome_of(self, gate: str) -> Outcome:
        """Of one gate, on whatever it was run; a pass where it was not picked."""
        if self.problems:
            return Outcome.INVALID
        found = [_verdict(one) for one in self.gates if one.entry.gate == gate]
        return combined(found) if found else Outcome.PASS


def only_bundle(folder: Path) -> Path:
    """`folder`, or the one bundle in it. Raises `BundleError` where there are several."""
    if (folder / MANIFEST).exists():
        return folder
    found = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    if len(found) > 1:
        raise BundleError(f"{folder}: holds {len(found)} bundles; name one of them: {', '.join(one.name[:12] for one in found)}")
    return found[0] if found else folder


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the bundle at `folder`. Raises `BundleError` for what is none."""
    path = folder / MANIFEST
    try:
        content = _read(path, _MANIFEST_MAX)
        manifest = Manifest.model_validate_json(content)
    except FileNotFoundError as error:
        raise BundleError(f"{path}: is not there; name the folder of a bundle, as `tidegate gate pr` prints it") from error
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}; name the folder of a bundle") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "whole"
        raise BundleError(f"{path}: {where}: {first['msg']}; it is damaged, or of another version than {FORMAT}; judge again") from error
    if manifest.content() != content:
        raise BundleError(f"{path}: is not in the form in which it is written, so its digest means nothing; judge again")
    return manifest


def read_verdict(folder: Path, entry: GateEntry) -> Verdict | None:
    """The verdict as it was recorded, for people to read; None where it is not there or is none."""
    try:
        return TypeAdapter(Verdict).validate_json(_read(folder / entry.verdict, _MANIFEST_MAX))
    except (OSError, ValueError, BundleError):
        return None


def verify_bundle(
    checkout: Checkout, folder: Path, trusted: Mapping[str, str], *, unsigned_too: bool = False, judges: Mapping[str, Judge] = JUDGES,
    say: Callable[[str, str], None] = lambda _what, _happened: None,
) -> Verified:  # fmt: skip
    """Verifies the bundle at `folder`; `trusted` are public keys (PEM) by name. Raises `BundleError` where there is no manifest to begin with."""
    manifest = read_manifest(folder)
    problems = list(_file_problems(folder, manifest))
    problems += _signature_problems(folder, manifest, trusted, unsigned_too)
    again: list[JudgedAgain] = []
    for entry in manifest.gates:
        if entry.samples:
            say(f"{entry.gate} {entry.subject}".strip(), "judging its samples again")
        try:
            verdict = _judge_again(checkout, folder, entry, judges)
            problems += _differences(folder, entry, verdict)
        except _UnprovedError as unproved:
            verdict = None
            problems.append(str(unproved))
        again.append(JudgedAgain(entry, verdict))
    whole = combined(_verdict(one) for one in again) if again else Outcome.PASS
    if whole is not manifest.outcome and not problems:
        problems.append(f"{MANIFEST}: outcome = {manifest.outcome}: its gates together are {whole}; judge again")
    return Verified(manifest, tuple(again), tuple(problems))


def _verdict(one: JudgedAgain) -> Verdict:
    """What was not judged never passes; an empty verdict is inconclusive."""
    if one.verdict is None and one.entry.outcome is Outcome.INVALID:
        return Verdict(one.entry.gate, (Reason(Outcome.INVALID, one.entry.gate, "there are no samples"),))
    return one.verdict or Verdict(one.entry.gate, ())


def _file_problems(folder: Path, manifest: Manifest) -> Iterator[str]:
    if folder.resolve().name != manifest.digest:
        yield f"{folder}: the folder's name is not the manifest's digest, {manifest.digest}: one of them was changed; judge again"
    for name, wanted in sorted(manifest.files.items()):
        if problem := _file_problem(folder / name, wanted):
            yield f"{name}: {problem}; fetch the bundle again, or judge again"
    for path in sorted(path for path in folder.rglob("*") if not path.is_dir()):
        if (name := path.relative_to(folder).as_posix()) not in {*manifest.files, MANIFEST, SIGNATURE}:
            yield f"{name}: is not in the manifest; remove it"


def _file_problem(path: Path, wanted: KeptFile) -> str:
    try:
        if path.is_symlink():
            return "is a link"
        if (size := path.stat().st_size) != wanted.size_bytes:
            return f"has {size} bytes instead of {wanted.size_bytes}"
        return "" if kept(path.read_bytes()) == wanted else "has other content than the manifest says"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _signature_problems(folder: Path, manifest: Manifest, trusted: Mapping[str, str], unsigned_too: bool) -> Iterator[str]:
    path = folder / SIGNATURE
    if not manifest.signed_by:
        if path.exists():
            yield f"{SIGNATURE}: the manifest says that nobody signed it; remove it, or judge again"
        elif not unsigned_too:
            yield "not signed: anybody may have written it; judge again where a key is, or give --unsigned to take it for what it is"
        return
    try:
        check_evidence(_read(path, _MANIFEST_MAX), manifest.digest, manifest.signed_by, trusted)
    except FileNotFoundError:
        yield f"{SIGNATURE}: is missing, and the manifest says that {manifest.signed_by} signed it; fetch the bundle again"
    except OSError as error:
        yield f"{SIGNATURE}: cannot be read: {error.strerror}; fetch the bundle again"
    except (SigningError, BundleError) as error:
        yield f"{SIGNATURE}: {error}"


class _UnprovedError(Exception):
    """What keeps a verdict from being made again."""


def _judge_again(checkout: Checkout, folder: Path, entry: GateEntry, judges: Mapping[str, Judge]) -> Verdict | None:
    """The verdict that the samples give, None for a gate without any. Raises `_UnprovedError`."""
    title = f"{entry.gate} {entry.subject}".strip()
    if entry.samples is None:
        if entry.outcome in {Outcome.PASS, Outcome.FAIL}:
            raise _UnprovedError(f"{title}: {entry.outcome} without samples, so it is not proved; judge again")
        return None
    if entry.state is not State.JUDGED:
        raise _UnprovedError(f"{title}: {entry.state}, and yet it has samples; judge again")
    if (judge := judges.get(entry.gate)) is None:
        known = ", ".join(sorted(judges))
        raise _UnprovedError(f"{title}: no gate of this name is known here ({known}); verify it with the version that wrote it")
    try:
        return judge(checkout, _unpacked(folder / entry.samples))
    except ToolError as error:
        said = " ".join(str(error).split())[:300]
        raise _UnprovedError(f"{title}: its judge failed: {said}; run `make setup` and verify it again") from error
    except (OSError, EOFError, zlib.error, BundleError) as error:
        why = getattr(error, "strerror", None) or error
        raise _UnprovedError(f"{entry.samples}: cannot be unpacked: {why}; fetch the bundle again") from error
    except ValueError as error:
        raise _UnprovedError(f"{entry.samples}: are no samples of {title}: {str(error).splitlines()[0]}; judge again") from error


def _differences(folder: Path, entry: GateEntry, verdict: Verdict | None) -> list[str]:
    """Where the recorded verdict is another than the one made again. Notes decide nothing, and some are of the run."""
    if verdict is None:
        return []
    title = f"{entry.gate} {entry.subject}".strip()
    if verdict.gate != entry.gate:
        return [f"{title}: its samples are of the gate {verdict.gate}; judge again"]
    if verdict.outcome is not entry.outcome:
        return [f"{title}: the samples give {verdict.outcome}, and {entry.outcome} is recorded; judge again"]
    recorded = read_verdict(folder, entry)
    if recorded is not None and recorded.reasons != verdict.reasons:
        return [f"{entry.verdict}: has other reasons than the samples give; judge again"]
    return []


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise BundleError(f"{path}: has more than {most} bytes; no bundle of ours has")
    return content


def _unpacked(path: Path) -> bytes:
    with gzip.open(path) as file:
        content = file.read(_SAMPLES_MAX + 1)
    if len(content) > _SAMPLES_MAX:
        raise BundleError(f"more than {_SAMPLES_MAX} bytes come out of it")
    return content
