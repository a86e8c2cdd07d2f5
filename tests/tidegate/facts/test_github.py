"""Teams and users are taken in the forms that GitHub gives them; what is refused is beside the other bad files of tenants."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tidegate.facts.github import PlatformFacts


@pytest.mark.parametrize(
    "team",
    [
        "@octocat", "@a", "@Example-Org/fraud", "@a-b-c/team_of-1", "@octocat_acme", f"@{'a' * 39}/{'b' * 255}",
    ],
    ids=["user", "one-letter", "team", "hyphens-and-underscore", "managed-user", "longest"],
)  # fmt: skip
def test_form_of_github_is_accepted(team: str) -> None:
    assert PlatformFacts(github_team=team).github_team == team


@pytest.mark.parametrize(
    "team",
    ["", "@", "@-a", "@a-", "@a--b", "@a/", "@/a", "@a/b/c", "@a/-b", "@a/b\n", "@a_b/c", f"@{'a' * 40}", f"@a/{'b' * 256}", "@a#b", "@ä"],
)
def test_other_form_is_refused(team: str) -> None:
    with pytest.raises(ValidationError, match="is neither a team nor a user of GitHub"):
        PlatformFacts(github_team=team)
