"""The embedded region's 420 merchants as a pool has them: a catalogue, objects by digest, and what each must answer."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusters.workloads.dense_pool import catalogue
from tidegate import tools
from tidegate.checkout import find_checkout
from tidegate.embedded import example_models

CHECKOUT = find_checkout(Path(__file__).parent)
VERSION = "1"
INPUT = "takings"

ROWS = [
    [20.0, 10.0, 0.05, 0.05, 0.05, 0.05], [60.0, 40.0, 0.1, 0.02, 0.3, 0.08], [110.0, 70.0, 0.01, 0.2, 0.02, 0.02],
    *([amount, pace, 0.06, 0.06, 0.06, 0.06] for amount in (10.0, 35.0, 90.0) for pace in (5.0, 30.0, 75.0)),
]  # fmt: skip
"""Asked of every merchant; the answers tell every two of them apart."""

_PREDICT = """
import json, sys, joblib, numpy
rows = numpy.array(json.loads(sys.argv[2]))
names = json.load(sys.stdin)
print(json.dumps({name: joblib.load(f"{sys.argv[1]}/{digest}").predict(rows).tolist() for name, digest in names.items()}))
"""


@dataclass(frozen=True, slots=True)
class Published:
    """A folder with `catalogue.json` and `objects/<sha256>`, and the in-process answers to `ROWS` by model."""

    folder: Path
    digests: Mapping[str, str]
    answers: Mapping[str, list[float]]

    @property
    def objects(self) -> Path:
        return self.folder / "objects"

    @property
    def sha256(self) -> str:
        """The catalogue's digest."""
        return str(catalogue.read(self.folder).sha256)

    @property
    def entries(self) -> dict[str, Any]:
        """The catalogue's entries, as a pod reads them."""
        return dict(catalogue.read(self.folder).models)

    def with_bytes(self, folder: Path, model: str, content: bytes) -> Published:
        """A copy in which `model` has another content, which the catalogue names."""
        shutil.copytree(self.folder, folder)
        digest = hashlib.sha256(content).hexdigest()
        (folder / "objects" / digest).write_bytes(content)
        document = json.loads((folder / "catalogue.json").read_text(encoding="utf-8"))
        document["models"][model] = {"sha256": digest, "bytes": len(content)}
        (folder / "catalogue.json").write_text(json.dumps(document), encoding="utf-8")
        return Published(folder, {**self.digests, model: digest}, self.answers)

    def path(self, model: str) -> Path:
        """The object of a model."""
        return self.objects / self.digests[model]


def publish(folder: Path) -> Published:
    """Writes catalogue and objects below `folder`."""
    objects = folder / "objects"
    with zipfile.ZipFile(example_models.train(CHECKOUT) / "merchants/anomaly" / VERSION / "models.zip") as archive:
        archive.extractall(folder)
    entries = json.loads((folder / "catalogue.json").read_text(encoding="utf-8"))["models"]
    digests = {name: str(entry["sha256"]) for name, entry in entries.items()}
    python = str(CHECKOUT.root / example_models.PYTHON)
    answers = json.loads(tools.run([python, "-c", _PREDICT, str(objects), json.dumps(ROWS)], stdin=json.dumps(digests)).stdout)
    assert len({tuple(values) for values in answers.values()}) == len(answers), "two merchants answer alike: a mix-up would not be seen"
    return Published(folder, digests, answers)


def request_body() -> bytes:
    """`ROWS` as the V2 protocol asks."""
    flat = [value for row in ROWS for value in row]
    return json.dumps({"inputs": [{"name": INPUT, "shape": [len(ROWS), len(ROWS[0])], "datatype": "FP64", "data": flat}]}).encode()
