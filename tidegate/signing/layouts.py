"""Which files each model server loads, so that a version it could not load is refused before it is merged.

From the servers' own documentation: MLServer's model-settings.json, Triton's model repository, TorchServe's model store with its
snapshot, and what Hugging Face's `from_pretrained` reads, as vLLM does. Files that a server does not ask for do no harm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tidegate.facts.models.artefact import BUNDLE
from tidegate.facts.models.served_model import Runtime
from tidegate.facts.signature import STATEMENT
from tidegate.signing.checks import archives
from tidegate.signing.checks.refusal import Refusal

_NAMES_SHOWN = 5
_CONFIG_MAX = 1 << 20
"""Bytes of a configuration that are read."""


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
    """What `runtime` would miss in `folder`, empty when it can load what is there. A lone zip counts as unpacked, as a pod unpacks it."""
    try:
        return _problem(folder, model, DENSE_POOL if dense_pool else LAYOUTS[runtime], "a dense pool" if dense_pool else runtime)
    except Refusal as refused:
        return str(refused)


def _problem(folder: Path, model: str, layout: Layout, server: str) -> str:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    names = [name for name in names if name not in {BUNDLE, STATEMENT}]
    archive = archives.packed(names)
    if archive:
        names = archives.entries_of(folder / archive)
    config = layout.config.format(model=model)
    for wanted in (pattern.format(model=model) for pattern in layout.files):
        # What configures is not the model: `*.json` must find another file.
        others = [name for name in names if name != config or wanted == config]
        if not any(_matches(name, pattern) for name in others for pattern in wanted.split("|")):
            shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
            return f"{server} loads {wanted.replace('|', ' or ')}, and there is none among {shown or 'no files'}"
    if config and not re.search(layout.states, _text(folder, archive, config)):
        return f"{config} does not say what {server} needs: nothing in it matches {layout.states}"
    return ""


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(fnmatchcase(part, one) for part, one in zip(parts, wanted, strict=True))


def _text(folder: Path, archive: str | None, name: str) -> str:
    content = archives.read_entry(folder / archive, name, _CONFIG_MAX) if archive else (folder / name).read_bytes()[:_CONFIG_MAX]
    return content.decode(errors="replace")
