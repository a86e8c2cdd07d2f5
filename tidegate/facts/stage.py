"""What a cluster is for. One tenant file serves every stage; a promotion is a commit that names a version for the next one."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """How much a cluster's answers count."""

    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"
