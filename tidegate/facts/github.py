"""Who reviews on GitHub: a team or a user, as CODEOWNERS names them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from tidegate.facts.fact import Fact, refuse

_ACCOUNT = r"[A-Za-z0-9](?:-?[A-Za-z0-9])*"
"""A user or an organisation: letters, digits and single hyphens between them."""
_ACCOUNT_LENGTH_MAX = 39
_USER = re.compile(rf"@({_ACCOUNT}(?:_[A-Za-z0-9]+)?)")
"""The part after the underscore is the short code of an enterprise that manages its users."""
_TEAM = re.compile(rf"@({_ACCOUNT})/[a-z0-9](?:[a-z0-9_-]{{0,253}}[a-z0-9_])?")


def _refuse_unknown_form(value: str) -> str:
    matched = _TEAM.fullmatch(value) or _USER.fullmatch(value)
    if matched and len(matched[1]) <= _ACCOUNT_LENGTH_MAX:
        return value
    remedy = 'write "@organisation/team" or "@user", as their addresses on GitHub spell them'
    if value.count("@") > 1 and " " in value:
        raise refuse("github-team-malformed", "names more than one", "write one team that has the members of all")
    if "@" in value[1:]:
        raise refuse("github-team-malformed", "is a mail address, and GitHub asks teams and users", remedy)
    raise refuse("github-team-malformed", "is neither a team nor a user of GitHub", remedy)


GithubTeam = Annotated[str, AfterValidator(_refuse_unknown_form)]
"""`@organisation/team`, or `@user` where one person is the team. In quotes, because a YAML value cannot begin with `@`."""


class PlatformFacts(Fact):
    """What holds for the platform as a whole. The file is `clusters/inventory/platform.yaml`."""

    github_team: GithubTeam
    """Who reviews everything that is not a tenant's own."""
