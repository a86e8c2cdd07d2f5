"""What a caller may take of its tenant's rate, and what counts as the origin of a page."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from tidegate.facts.callers.caller import Caller, rates
from tidegate.facts.callers.origin import Origin
from tidegate.facts.stage import Stage
from tidegate.facts.tenant import Tenant

ORIGIN = TypeAdapter[str](Origin)


@pytest.mark.parametrize(
    ("callers", "wanted"),
    [
        ((Caller(subject="a"),), {"a": 601}),
        ((Caller(subject="a"), Caller(subject="b")), {"a": 301, "b": 301}),
        ((Caller(subject="a", requests_per_second=20), Caller(subject="b")), {"a": 20, "b": 301}),
        ((Caller(subject="a"), Caller(tenant="merchants")), {"a": 601}),
        ((Caller(tenant="merchants"),), {}),
    ],
    ids=["alone", "two", "own", "beside-the-mesh", "mesh-only"],
)
def test_share_of_a_caller(callers: tuple[Caller, ...], wanted: dict[str, int]) -> None:
    assert rates(callers, 601) == wanted


@pytest.mark.parametrize("origin", ["https://app.example.com", "https://a-b.example.co.uk:8443", "http://localhost:3000"])
def test_origin_as_browsers_write_it_is_taken(origin: str) -> None:
    assert ORIGIN.validate_python(origin) == origin


@pytest.mark.parametrize(
    "origin",
    [
        "*", "null", "https://*.example.com", "https://app.example.com/", "https://app.example.com/page", "http://app.example.com",
        "https://App.example.com", "https://localhost", "http://localhost", "http://127.0.0.1:3000", "https://app.example.com:0", "app.example.com",
        "https://user@app.example.com", "https://app.example.com?", "https://192.0.2.7", "https://app.example.com\n",
    ],
)  # fmt: skip
def test_what_no_browser_sends_or_stands_for_more_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError, match="no origin as browsers write it"):
        ORIGIN.validate_python(origin)


@pytest.mark.parametrize("origin", ["https://app.example.com:443", "http://localhost:80"])
def test_usual_port_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError, match="browsers leave out"):
        ORIGIN.validate_python(origin)


def test_page_on_its_authors_machine_counts_outside_production_only() -> None:
    tenant = Tenant.model_construct(cors_origins=("https://app.example.com", "http://localhost:3000"))
    assert tenant.origins_in(Stage.PRODUCTION) == ["https://app.example.com"]
    assert tenant.origins_in(Stage.DEVELOPMENT) == ["https://app.example.com", "http://localhost:3000"]
