"""A bundle is judged again from its samples alone, and whatever was done to it is said."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.root import ROOT
from tests.tidegate.repository.merge.bundles import load_result, static_result, unjudged, write
from tidegate.checkout import Checkout
from tidegate.errors import BundleError
from tidegate.gates.evidence.manifest import Manifest, kept
from tidegate.gates.merge import State
from tidegate.gates.verdict import Outcome, Reason, Verdict
from tidegate.repository.merge.verify import Verified, read_manifest, verify_bundle
from tidegate.signing.evidence import EVIDENCE_KEY, sign_evidence
from tidegate.signing.keys import embedded_signer

HERE = Checkout(ROOT)
POLICY = "policy/samples.json.gz"


@pytest.fixture
def signer(tmp_path: Path) -> Any:
    return embedded_signer(EVIDENCE_KEY, tmp_path / "keys")


@pytest.fixture
def bundle(tmp_path: Path, signer: Any) -> Path:
    return write(tmp_path / "out", static_result(), static_result("fit"), unjudged("load"), signer=signer)[0]


def verify(folder: Path, signer: Any, **options: Any) -> Verified:
    return verify_bundle(HERE, folder, {EVIDENCE_KEY: signer.public_pem()}, **options)


def rewritten(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The bundle with another manifest, in canonical form and under its right name, as a careful liar would leave it."""
    document = json.loads((folder / "manifest.json").read_bytes())
    change(document)
    manifest = Manifest.model_validate_json(json.dumps(document))
    (folder / "manifest.json").write_bytes(manifest.content())
    return folder.rename(folder.with_name(manifest.digest))


def replaced(folder: Path, name: str, content: bytes) -> Path:
    """A file replaced, and the manifest's digest of it."""
    (folder / name).write_bytes(content)
    return rewritten(folder, lambda document: document["files"].update({name: kept(content).model_dump()}))


def altered(content: bytes) -> bytes:
    """One sample is another."""
    document = json.loads(gzip.decompress(content))
    document["looked"][0]["things"] = 0
    return gzip.compress(json.dumps(document).encode(), mtime=0)


def test_whole_bundle_is_judged_again(bundle: Path, signer: Any) -> None:
    found = verify(bundle, signer)
    assert found.problems == ()
    assert [one.verdict and one.verdict.outcome for one in found.gates] == [Outcome.PASS, Outcome.PASS, None]
    assert found.outcome is Outcome.INCONCLUSIVE


def test_verdict_is_made_of_the_samples_alone(bundle: Path, signer: Any) -> None:
    (bundle / "policy/verdict.json").unlink()
    found = verify(bundle, signer)
    assert found.gates[0].verdict == static_result().verdict
    assert found.problems == ("policy/verdict.json: is missing; fetch the bundle again, or judge again",)
    (bundle / POLICY).write_bytes(altered((bundle / POLICY).read_bytes()))
    found = verify(bundle, signer)
    assert found.gates[0].verdict
    assert found.gates[0].verdict.outcome is Outcome.INCONCLUSIVE
    assert "policy: the samples give inconclusive, and pass is recorded; judge again" in found.problems
    assert found.outcome is Outcome.INVALID


def test_load_is_judged_again_by_its_own_program(tmp_path: Path, signer: Any) -> None:
    for milliseconds, outcome in (((20.0,) * 1000, Outcome.PASS), ((200.0,) * 1000, Outcome.FAIL)):
        folder, manifest = write(tmp_path / "out", load_result(milliseconds), signer=signer)
        found = verify(folder, signer)
        assert (found.problems, found.outcome, manifest.outcome) == ((), outcome, outcome)
    folder, _ = write(tmp_path / "broken", load_result((200.0,) * 1000), signer=signer)
    broken = replaced(folder, "load-fraud-scorer/samples.json.gz", gzip.compress(b"{}", mtime=0))
    assert "load fraud/scorer: the samples give invalid, and fail is recorded; judge again" in verify(broken, signer).problems


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (POLICY, None, "policy/samples.json.gz: is missing; fetch the bundle again, or judge again"),
        (POLICY, b"", r"policy/samples.json.gz: has 0 bytes instead of \d+"),
        (POLICY, b"half", "policy/samples.json.gz: cannot be unpacked: Not a gzipped file"),
        ("summary.md", b"fine!", "summary.md: has 5 bytes instead of "),
        ("signature.json", None, "signature.json: is missing, and the manifest says that gate-evidence signed it; fetch the bundle again"),
        ("signature.json", b"{", "signature.json: signature.json is not JSON"),
        ("more.txt", b"x", "more.txt: is not in the manifest; remove it"),
    ],
)
def test_damage_is_named(bundle: Path, signer: Any, name: str, content: bytes | None, problem: str) -> None:
    if content is None:
        (bundle / name).unlink()
    else:
        (bundle / name).write_bytes(content)
    found = verify(bundle, signer)
    assert found.outcome is Outcome.INVALID
    assert any(re.match(problem, one) for one in found.problems), found.problems


def test_truncated_samples_are_named(bundle: Path, signer: Any) -> None:
    whole = (bundle / POLICY).read_bytes()
    (bundle / POLICY).write_bytes(whole[:-12])
    problems = verify(bundle, signer).problems
    assert f"{POLICY}: has {len(whole) - 12} bytes instead of {len(whole)}; fetch the bundle again, or judge again" in problems
    assert any(one.startswith(f"{POLICY}: cannot be unpacked: ") for one in problems)


def test_same_size_and_other_content_is_named(bundle: Path, signer: Any) -> None:
    text = (bundle / "summary.md").read_bytes()
    (bundle / "summary.md").write_bytes(text.replace(b"inconclusive", b"pass, surely", 1))
    assert verify(bundle, signer).problems == (
        "summary.md: has other content than the manifest says; fetch the bundle again, or judge again",
    )


def test_link_is_no_file(bundle: Path, signer: Any, tmp_path: Path) -> None:
    (bundle / "summary.md").rename(tmp_path / "elsewhere")
    (bundle / "summary.md").symlink_to(tmp_path / "elsewhere")
    assert verify(bundle, signer).problems == ("summary.md: is a link; fetch the bundle again, or judge again",)


def test_renamed_bundle_is_named(bundle: Path, signer: Any) -> None:
    found = verify(bundle.rename(bundle.with_name("0" * 64)), signer)
    assert len(found.problems) == 1
    assert "the folder's name is not the manifest's digest" in found.problems[0]


def test_careful_liar_fails_at_the_signature_and_at_the_samples(bundle: Path, signer: Any) -> None:
    lied = rewritten(bundle, lambda document: document["gates"][0].update(outcome="fail", said="fail") or document.update(outcome="fail"))
    problems = verify(lied, signer).problems
    assert any("signature.json: signature.json is over the manifest" in one for one in problems)
    assert "policy: the samples give pass, and fail is recorded; judge again" in problems


def test_whole_outcome_follows_from_the_gates(bundle: Path, signer: Any) -> None:
    lied = rewritten(bundle, lambda document: document.update(outcome="pass"))
    (lied / "signature.json").write_bytes(sign_evidence(lied.name, signer))
    assert verify(lied, signer).problems == ("manifest.json: outcome = pass: its gates together are inconclusive; judge again",)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"samples": None}, "policy: pass without samples, so it is not proved; judge again"),
        ({"gate": "luck"}, "luck: no gate of this name is known here (budget, fit, "),
        ({"gate": "quota"}, "quota: its samples are of the gate policy; judge again"),
        ({"state": "skipped"}, "policy: skipped, and yet it has samples; judge again"),
    ],
)
def test_signed_and_yet_not_proved(bundle: Path, signer: Any, entry: dict[str, Any], problem: str) -> None:
    lied = rewritten(bundle, lambda document: document["gates"][0].update(entry))
    (lied / "signature.json").write_bytes(sign_evidence(lied.name, signer))
    assert any(one.startswith(problem) for one in verify(lied, signer).problems)


def test_samples_that_are_none_are_named(bundle: Path, signer: Any) -> None:
    lied = replaced(bundle, POLICY, gzip.compress(b'{"gate": 1}', mtime=0))
    assert any(one.startswith(f"{POLICY}: are no samples of policy: 1 validation error") for one in verify(lied, signer).problems)


def test_foreign_signature_is_refused(bundle: Path, tmp_path: Path) -> None:
    other = embedded_signer(EVIDENCE_KEY, tmp_path / "others")
    assert verify(bundle, other).problems == (
        "signature.json: the signature of signature.json does not hold: other content, or another key",
    )
    assert verify_bundle(HERE, bundle, {}).problems == (
        "signature.json: signed with gate-evidence, whose public key is not trusted here; give it with --key",
    )


def test_unsigned_bundle_is_taken_only_on_request(tmp_path: Path, signer: Any) -> None:
    folder, _ = write(tmp_path / "out", static_result())
    found = verify(folder, signer)
    assert found.problems == (
        "not signed: anybody may have written it; judge again where a key is, or give --unsigned to take it for what it is",
    )
    assert verify(folder, signer, unsigned_too=True).outcome is Outcome.PASS
    (folder / "signature.json").write_bytes(sign_evidence(folder.name, signer))
    assert "signature.json: the manifest says that nobody signed it" in verify(folder, signer, unsigned_too=True).problems[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "manifest.json: is not there; name the folder of a bundle, as `tidegate gate pr` prints it"),
        (b"", r"manifest.json: whole: Invalid JSON.*; it is damaged, or of another version than tidegate-gates/v1; judge again"),
        (b'{"format": "tidegate-gates/v2"}', "manifest.json: format: "),
        ("spaces", "manifest.json: is not in the form in which it is written, so its digest means nothing; judge again"),
    ],
)
def test_manifest_that_is_none_is_refused(bundle: Path, content: Any, said: str) -> None:
    path = bundle / "manifest.json"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b" " if content == "spaces" else content)
    with pytest.raises(BundleError, match=said):
        read_manifest(bundle)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/b/c", "..", "A", ".hidden"])
def test_manifest_names_no_file_elsewhere(bundle: Path, name: str) -> None:
    document = json.loads((bundle / "manifest.json").read_bytes())
    document["files"][name] = {"sha256": "0" * 64, "size_bytes": 1}
    with pytest.raises(ValueError, match="String should match pattern"):
        Manifest.model_validate_json(json.dumps(document))


def test_invalid_gate_without_samples_stays_invalid(tmp_path: Path, signer: Any) -> None:
    crashed = replace(
        unjudged("load"), state=State.JUDGED, verdict=Verdict("load", (Reason(Outcome.INVALID, "recording", "there is none"),))
    )
    folder, manifest = write(tmp_path / "out", static_result(), crashed, signer=signer)
    assert manifest.outcome is Outcome.INVALID
    assert (verify(folder, signer).problems, verify(folder, signer).outcome) == ((), Outcome.INVALID)
