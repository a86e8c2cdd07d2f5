"""What docs/release-analysis.md says about claims, outcomes, holds and figures is what the analysis does."""

from __future__ import annotations

import math
import re

from tests.docs.tables import table
from tests.measure.bench.release_replay.series import KINDS as REPLAYED
from tests.measure.bench.release_replay.steering import STEERING
from tests.root import ROOT
from tests.tidegate.release.analysis.test_power import KINDS
from tidegate.release.analysis.limits import TESTS, Limits
from tidegate.release.analysis.outcome import Outcome
from tidegate.release.analysis.readings import Wanted

PAGE = (ROOT / "docs" / "release-analysis.md").read_text(encoding="utf-8")
PLAIN = " ".join(PAGE.split())
LIMITS = Limits(errors_allowed=0.01)


def test_outcomes_are_those_of_the_program() -> None:
    assert [row[0] for row in table(PAGE, "| outcome | means | what may follow |")] == [one.value for one in Outcome]


def test_holds_are_those_of_the_program() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tidegate" / "release" / "analysis").glob("*.py"))
    made = set(re.findall(r'old\(\s*"([a-z-]+)"', code))
    assert len(made) > 9
    assert {row[0] for row in table(PAGE, "| rule | cause | remedy |")} == made


def test_claims_are_as_many_as_share_the_chance() -> None:
    assert len(table(PAGE, "| figure | claim about a healthy candidate | what is counted |")) == TESTS
    assert f"the money reaches {1 / LIMITS.alpha:.0f} in at most one release of {1 / LIMITS.alpha:.0f}" in PLAIN
    assert f"which is {LIMITS.false_abort:.0%}".replace("%", " %") in PLAIN


def test_numbers_are_those_of_the_limits() -> None:
    assert LIMITS.slow_allowed
    assert LIMITS.shift_tolerated
    assert f"at most {LIMITS.slow_allowed * 100:.0f} % are slower" in PLAIN
    assert f"at most {LIMITS.shift_tolerated * 100:.0f} % of them change" in PLAIN
    assert f"Fewer than {LIMITS.minimum_bad} bad answers abort nothing" in PLAIN
    assert f"a change of {LIMITS.shift_harm * 100:.0f} %" in PLAIN
    few = LIMITS.model_copy(update={"minimum_requests": 300})
    assert f"{LIMITS.harmless(0.01) * 100:.1f} % with 1,000 answers and 1 % allowed, {few.harmless(0.01) * 100:.1f} % with 300" in PLAIN
    assert f"older than {Wanted.__dataclass_fields__['stale_seconds'].default:g} s" in PLAIN


def test_every_kind_has_its_row() -> None:
    rows = table(PAGE, "| candidate | seconds | nine of ten | its answers until then | bad ones among them |")
    assert [row[0] for row in rows] == list(KINDS)
    for kind, seconds, *_ in rows:
        assert float(seconds) <= KINDS[kind][1], f"{kind}: the test demands less"
    replayed = table(PAGE, "| candidate | ours | Flagger, example | threshold left out | Argo Rollouts, example | failureLimit left out |")
    assert [row[0] for row in replayed] == list(REPLAYED)
    assert {len(row) for row in replayed} == {1 + len(STEERING)}


def test_one_of_so_many_is_not_all() -> None:
    assert math.isclose(TESTS * LIMITS.alpha, LIMITS.false_abort)
