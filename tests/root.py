"""Where the checkout is that the tests lie in, and how much of the long tests is to run."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

WHOLE = bool(os.environ.get("TIDEGATE_WHOLE"))
"""Whether seeded trials run all their rounds, as in `make soak`, or the first of them."""
