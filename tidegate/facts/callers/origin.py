"""Where a web page comes from that may call a tenant from a browser."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from tidegate.facts.fact import refuse

LOCAL_PAGES = "http://localhost:"
"""How the origin of a page on its author's own machine begins. Any program of that machine can show one, so production knows none."""


_HOST_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_FORM = rf"^(https://({_HOST_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?(:[1-9][0-9]{{0,4}})?|http://localhost:[1-9][0-9]{{0,4}})$"


def _as_a_browser_writes_it(origin: str) -> str:
    if not re.fullmatch(_FORM, origin):
        raise refuse(
            "origin-form", "is no origin as browsers write it", "write https://<host in lower case> alone, with :<port> where it is not 443"
        )
    if re.fullmatch(r"https:.*:443|http:.*:80", origin):
        raise refuse("origin-usual-port", "names the usual port, which browsers leave out", "remove the port")
    return origin


Origin = Annotated[str, Field(max_length=253, json_schema_extra={"pattern": _FORM}), AfterValidator(_as_a_browser_writes_it)]
"""Where a web page comes from, as browsers write it: scheme, host in lower case and a port that is not the usual one, such as
`https://app.example.com`; no path and no wildcard. `http://localhost:<port>` counts in clusters outside production only."""
