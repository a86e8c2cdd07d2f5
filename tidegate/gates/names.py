"""The gates by name, in order of what they cost: a failure spares those behind it."""

from __future__ import annotations

POLICY = "policy"
ISOLATION = "isolation"
QUOTA = "quota"
SURGE = "surge"
FIT = "fit"
BUDGET = "budget"
SIGNATURE = "signature"
GOLDEN_SET = "golden-set"
LOAD = "load"
SCALE = "scale"

STATIC = (POLICY, ISOLATION, QUOTA, SURGE, FIT, BUDGET, SIGNATURE)
"""They read files only, and judge all that changed at once."""

DYNAMIC = (GOLDEN_SET, LOAD, SCALE)
"""They ask a candidate that runs, one model at a time."""

ORDER = (*STATIC, *DYNAMIC)
