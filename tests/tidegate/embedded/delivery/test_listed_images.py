"""What may run in the embedded regions: what this bring-up built, and what those before it did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tidegate.embedded.delivery.listed_images import listed_images
from tidegate.embedded.images import Image
from tidegate.facts.embedded import EmbeddedFacts
from tidegate.facts.models.images import KEPT


def images(digit: str) -> dict[str, Image]:
    return {
        name: Image(name, "1.7.1", f"registry.example.com/tidegate/{name}", f"sha256:{digit * 64}", Path("nowhere"))
        for name in ("pause", "mlserver", "model-verifier")
    }


def bring_up(digit: str, path: Path) -> list[str]:
    found = listed_images(images(digit), path)
    assert {one.name for one in found} == {"mlserver", "model-verifier"}
    facts = EmbeddedFacts(repository_url="git://git.example.com/tidegate", edge_addresses={"live-1": "192.0.2.1"}, images=found)
    path.write_text(facts.model_dump_json())
    return [one.digest[7] for one in found if one.name == "mlserver"]


def test_earlier_builds_stay_in_the_list_and_the_newest_is_last(tmp_path: Path) -> None:
    path = tmp_path / "embedded.json"
    assert bring_up("1", path) == ["1"]
    assert bring_up("1", path) == ["1"]
    assert bring_up("2", path) == ["1", "2"]
    assert bring_up("1", path) == ["2", "1"], "back to the first one"
    last = [bring_up(f"{number:x}", path) for number in range(3, KEPT + 4)][-1]
    assert (len(last), last[-1]) == (KEPT, f"{KEPT + 3:x}")


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"images": [{"name": "evil"}]}), json.dumps({"images": 7})])
def test_facts_of_an_older_tree_or_damaged_ones_add_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "embedded.json"
    path.write_text(content)
    assert bring_up("1", path) == ["1"]
