"""The soak finds every file with long tests, in an order that suits the regions."""

from __future__ import annotations

from tests.measure.soak.long_tests import files


def test_finds_marked_and_seeded_files() -> None:
    found = files()
    assert found["tests/environment/test_generated.py"]
    assert found["tests/acceptance/steady/test_odd_requests.py"]
    assert not found["tests/acceptance/disturbing/test_bad_versions.py"], "its tests are marked, none is seeded"
    assert "tests/acceptance/steady/test_predictions.py" not in found


def test_a_platform_at_rest_is_first_and_what_ends_a_region_last() -> None:
    on_regions = [file for file in files() if file.startswith("tests/acceptance/")]
    assert on_regions[0] == "tests/acceptance/steady/test_rest.py"
    assert on_regions[-1].startswith("tests/acceptance/ending/")
    assert not next(iter(files())).startswith("tests/acceptance/")
