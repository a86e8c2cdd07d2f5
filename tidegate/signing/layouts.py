"""Which files each model server loads, so that a version it could not load is refused before it is merged.

From the servers' own documentation: MLServer's model-settings.json, Triton's model repository, TorchServe's model store with its
snapshot, and what Hugging Face's `from_pretrained` reads, as vLLM does. Files that a server does not ask for do no harm.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tidegate.facts.models.served_model import Runtime

_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Layout:
    """What a server needs to find below /mnt/models. `{model}` is the served model's name, `|` separates alternatives."""

    files: tuple[str, ...]
    """Patterns of paths, each of which must match a file; `*` stays within one folder."""
    config: str = ""
    """The one of them that says how to serve."""
    states: str = ""
    """A regular expression that `config` must contain."""


def _mlserver(implementation: str, files: str) -> Layout:
    return Layout(("model-settings.json", files), "model-settings.json", rf'"implementation":\s*"[\w.]*{implementation}"')


_PRETRAINED = Layout(("config.json", "tokenizer.json|tokenizer.model", "*.safetensors"), "config.json", r'"architectures"')

LAYOUTS = {
    Runtime.MLSERVER_SKLEARN: _mlserver("SKLearnModel", "*.joblib|*.pkl|*.pickle"),
    Runtime.MLSERVER_LIGHTGBM: _mlserver("LightGBMModel", "*.txt|*.bst"),
    Runtime.MLSERVER_XGBOOST: _mlserver("XGBoostModel", "*.bst|*.json|*.ubj"),
    Runtime.TRITON: Layout(("{model}/config.pbtxt", "{model}/[0-9]*/model.*"), "{model}/config.pbtxt", r"(?m)^\s*(backend|platform)\s*:"),
    Runtime.TORCHSERVE: Layout(
        ("config/config.properties", "model-store/*.mar"), "config/config.properties", r"(?m)^model_snapshot=.*\.mar"
    ),
    Runtime.VLLM: _PRETRAINED,
    Runtime.HUGGINGFACE: _PRETRAINED,
    Runtime.NGRAM: Layout(("ngrams.json", "server.json")),
}  # fmt: skip
"""What each server loads."""

DENSE_POOL = Layout(("catalogue.json",), "catalogue.json", r'"implementation"')
"""What a dense pool loads, whichever of MLServer's implementations its catalogue names."""


def layout_problem(folder: Path, model: str, runtime: Runtime, *, dense_pool: bool = False) -> str:
    """What `runtime` would miss in `folder`, empty when it can load what is there. Zip files count as unpacked, as a pod unpacks them."""
    layout = DENSE_POOL if dense_pool else LAYOUTS[runtime]
    server = "a dense pool" if dense_pool else runtime
    names = list(_names(folder))
    for wanted in (pattern.format(model=model) for pattern in layout.files):
        if not any(_matches(name, pattern) for name in names for pattern in wanted.split("|")):
            shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
            return f"{server} loads {wanted.replace('|', ' or ')}, and there is none among {shown or 'no files'}"
    config = layout.config.format(model=model)
    if config and not re.search(layout.states, _text(folder, config)):
        return f"{config} does not say what {server} needs: nothing in it matches {layout.states}"
    return ""


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(fnmatchcase(part, one) for part, one in zip(parts, wanted, strict=True))


def _names(folder: Path) -> Iterable[str]:
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".zip" and path.parent == folder:
            with zipfile.ZipFile(path) as archive:
                yield from archive.namelist()
        elif path.is_file():
            yield path.relative_to(folder).as_posix()


def _text(folder: Path, name: str) -> str:
    if (folder / name).is_file():
        return (folder / name).read_text(encoding="utf-8", errors="replace")
    for path in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            if name in archive.namelist():
                return archive.read(name).decode(errors="replace")
    return ""
