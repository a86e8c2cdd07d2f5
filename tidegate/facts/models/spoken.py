"""What callers of a model speak."""

from __future__ import annotations

from typing import Literal

from tidegate.facts.models.protocols import PROTOCOLS
from tidegate.facts.models.served_model import ServedModel

Protocol = Literal["v1", "v2", "openai"]


def protocol_of(model: ServedModel) -> Protocol:
    """A transformer speaks the first protocol whatever its server does, vLLM and the like OpenAI's."""
    if model.transformer:
        return "v1"
    for spoken in PROTOCOLS.get(model.runtime, ()):
        if spoken == "v1" or spoken == "v2":  # noqa: PLR1714 - narrows the type
            return spoken
    return "openai"
