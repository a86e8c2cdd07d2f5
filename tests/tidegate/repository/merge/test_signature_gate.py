"""The signature gate: a version passes when its bytes, signature, name and key agree, and fails for each that does not."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.root import ROOT
from tests.tidegate.repository.merge.judging import change_in, run, said
from tidegate.checkout import Checkout
from tidegate.errors import UsageError
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.gates.merge import GateResult, State
from tidegate.gates.verdict import Outcome
from tidegate.repository.merge.changes import read_tree
from tidegate.signing import review
from tidegate.signing.bundles import digest_of, sign_version
from tidegate.signing.keys import embedded_signer


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, Platform, Callable[..., Any]]:
    """A registry with version 1 of the scorer, the platform that names it, and the verifier of both."""
    registry = tmp_path / "registry"
    folder = registry / "fraud/scorer/1"
    folder.mkdir(parents=True)
    (folder / "model.txt").write_text("tree")
    (folder / "model-settings.json").write_text(
        '{"name": "scorer", "implementation": "mlserver_lightgbm.LightGBMModel", "parameters": {"uri": "./model.txt"}}'
    )
    signer = embedded_signer("fraud-release", tmp_path / "keys")
    sign_version(folder, "fraud/scorer/1", signer)
    platform = inventory.load(ROOT)
    digests = {"s3://tidegate-models/fraud/scorer/1": digest_of(folder)}

    def verifier(keys: dict[str, str] | None = None, other: str = "") -> Any:
        def verify(models: Collection[str]) -> Iterable[tuple[str, list[review.Checked]]]:
            named = {uri: other or digest for uri, digest in digests.items()}
            public = {"fraud-release": signer.public_pem()} if keys is None else keys
            yield "registry", review.check_models(platform, public, review.Registry(review.in_folder(registry)), digests=named, only=models)

        return verify

    return folder, platform, verifier


def signature(verify: Any) -> GateResult:
    return run(change_in(ROOT), verify, ("signature",))["signature"]


@pytest.mark.usefixtures("judged_nothing")
def test_signed_version_passes(signed: Any) -> None:
    assert (
        said(signature(signed[2]()))
        == "signature: pass\n  pass: registry: versions: bytes, signature, name and key agree: 1, and nothing was found"
    )


@pytest.mark.usefixtures("judged_nothing")
@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("unsigned", r"model.sig"),
        ("foreign", r"or another key|made with another key"),
        ("unknown key", r"the public key of fraud-release is not known"),
        ("other digest", r"fraud/scorer/1: "),
        ("other bytes", r"fraud/scorer/1: "),
        ("gone", r"is not in "),
    ],
)
def test_version_that_is_not_what_was_signed_fails(signed: Any, tmp_path: Path, case: str, words: str) -> None:
    folder, _platform, verifier = signed
    verify = verifier()
    if case == "unsigned":
        (folder / "model.sig").unlink()
    elif case == "foreign":
        verify = verifier({"fraud-release": embedded_signer("other", tmp_path / "others").public_pem()})
    elif case == "unknown key":
        verify = verifier({})
    elif case == "other digest":
        verify = verifier(other="0" * 64)
    elif case == "other bytes":
        (folder / "model.txt").write_text("tampered")
    else:
        shutil.rmtree(folder)
    result = signature(verify)
    assert result.verdict.outcome is Outcome.FAIL
    line = result.verdict.lines()[1]
    assert line.startswith(
        "  fail: gitops/tenants/fraud.yaml: models.scorer.artefact.signature = s3://tidegate-models/fraud/scorer/1/model.sig: "
    )
    assert re.search(words, line)
    assert "sign the files again with that key (`tidegate model sign`), or correct the entry [model-signature]" in line


@pytest.mark.usefixtures("judged_nothing")
def test_without_a_registry_nothing_is_verified() -> None:
    def nowhere(_models: Collection[str]) -> Any:
        raise UsageError("the regions do not run; `tidegate up` starts them")

    def empty(_models: Collection[str]) -> Any:
        yield "live-2", ()

    assert signature(nowhere).state is State.NOT_EXECUTED
    assert "no registry to verify fraud/scorer in: the regions do not run" in said(signature(nowhere))
    assert "there are no versions of fraud/scorer, so nothing was judged" in said(signature(empty))


@pytest.mark.usefixtures("judged_nothing")
def test_catalogue_that_cannot_be_read_fails_at_signature(facts: Path) -> None:
    (facts / "gitops/catalogue").mkdir()
    (facts / "gitops/catalogue/fraud.json").write_text("{}")
    result = run(replace(change_in(ROOT), tree=read_tree(Checkout(facts))), picked=("signature",))["signature"]
    assert "fail: gitops/catalogue/fraud.json: is no catalogue; delete it and write it again with `tidegate model catalogue`" in said(
        result
    )
