"""A revision that cannot be reckoned with is told in one line: which file, which key, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scratch_checkout import make_scratch_checkout
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import InventoryError, ManifestError, PriceError, UsageError
from tidegate.repository.revisions import compare

SCORER = "gitops/rendered/live-1/tenants/fraud/inferenceservice-scorer.yaml"
PRICES = "clusters/prices/us-east-1.yaml"
GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = make_scratch_checkout(tmp_path)
    tools.run(["git", "init", "-q"], cwd=made.root)
    commit(made)
    return made


def commit(checkout: Checkout) -> None:
    tools.run(["git", "add", "clusters", "gitops"], cwd=checkout.root)
    tools.run([*GIT, "commit", "-qm", "facts"], cwd=checkout.root)


def spoil(checkout: Checkout, source: str, pattern: str, odd: str) -> None:
    path = checkout.root / source
    text, count = re.subn(pattern, odd, path.read_text(), count=1)
    assert count == 1
    path.write_text(text)


@pytest.mark.parametrize(
    ("pattern", "odd", "said"),
    [
        (
            'cpu: "[0-9]+"',
            "cpu: much",
            rf"^{SCORER}: spec\.predictor\.model\.resources\.\w+\.cpu = much: is no amount of anything; write a ",
        ),
        (
            "minReplicas: [0-9]+",
            f"minReplicas: {2**70}",
            rf"^{SCORER}: spec\.predictor\.minReplicas = 1180591620717411303424: is no number of ",
        ),
        ("\napiVersion", "\n{", rf"^{SCORER}: .*; write one object in plain YAML \[yaml-syntax\]"),
    ],
    ids=["amount", "replicas", "no-yaml"],
)
def test_file_that_cannot_be_reckoned_with_is_named_in_both_revisions(checkout: Checkout, pattern: str, odd: str, said: str) -> None:
    assert compare(checkout, "HEAD").changed == ()
    spoil(checkout, SCORER, pattern, odd)
    with pytest.raises(ManifestError, match=said):
        compare(checkout, "HEAD")
    commit(checkout)
    with pytest.raises(UsageError, match=said.replace("^", "^HEAD cannot be reckoned .*: ")) as refused:
        compare(checkout, "HEAD")
    assert str(refused.value).endswith("; compare with a later revision")


def test_machine_without_a_price_is_named(checkout: Checkout) -> None:
    spoil(checkout, PRICES, "  p5.4xlarge: 6.88\n", "")
    with pytest.raises(PriceError, match=r"gpu_pools\.h100-slices\.instance_types\[0\] = p5\.4xlarge: .* has no price of it"):
        compare(checkout, "HEAD")


@pytest.mark.parametrize("odd", ["2026-02-30", "nan"])
def test_odd_price_table_is_named(checkout: Checkout, odd: str) -> None:
    pattern = "2026-07-06" if odd != "nan" else "6.88"
    spoil(checkout, PRICES, re.escape(pattern), odd if odd != "nan" else ".nan")
    with pytest.raises(
        InventoryError, match=rf"^{PRICES}: (published_on = 2026-02-30: the calendar has|on_demand\.p5\.4xlarge = nan: not a finite)"
    ):
        compare(checkout, "HEAD")
