"""`make merge-ready`: reads GitHub's `needs` from the variable JOBS. Needs nothing but `python3`."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from tidegate.gates.jobs import judge
from tidegate.gates.verdict import Outcome


def main(given: str) -> int:
    """Prints the verdict; its exit code."""
    try:
        needs: dict[str, dict[str, Any]] = json.loads(given)
        results = {str(job): str(found["result"]) for job, found in needs.items()}
        region = str(needs.get("scope", {}).get("outputs", {}).get("region", ""))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        print(f"JOBS: is not what GitHub has in `needs` ({error!r}); pass toJSON(needs)", file=sys.stderr)
        return Outcome.INVALID.exit_code
    verdict = judge(results, region)
    print("\n".join(verdict.lines()))
    return verdict.outcome.exit_code


if __name__ == "__main__":
    sys.exit(main(os.environ.get("JOBS", "")))
