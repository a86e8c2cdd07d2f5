"""Rows of a golden set as requests of the three protocols, several in one where the protocol has a form for it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

from tidegate.errors import UsageError
from tidegate.facts.models.spoken import Protocol

BATCH_ROWS = 32
"""As many as GPU servers commonly put together themselves; a body stays far below the smallest limit of bodies."""

TENSOR = "features"
"""The name of the one input tensor of the second protocol; servers with one input take any, Triton the one of its configuration."""

_TOKENS_PER_WORD, _TOKENS_MORE = 3, 16
"""Of a generous tokenizer: an answer that is cut off would be wrong by our fault."""


class OddAnswerError(ValueError):
    """An answer has not the form of its protocol; the text is the kind under which its rows are counted."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that are asked by one request."""

    rows: tuple[int, ...]
    path: str
    body: dict[str, Any]
    protocol: Protocol

    def values_in(self, body: bytes) -> list[float | str]:
        """What came back, in order of the rows. What is no finite number is kept as text, so that the verdict can name it."""
        try:
            found = _values(self.protocol, json.loads(body))
        except OddAnswerError:
            raise
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            raise OddAnswerError("answer without the form of its protocol") from error
        if len(found) != len(self.rows):
            raise OddAnswerError(f"{len(found)} values for {len(self.rows)} rows")
        return [_plain(one) for one in found]


def batches(inputs: Sequence[object], labels: Sequence[float | str], protocol: Protocol, model: str) -> Iterator[Batch]:
    """Requests for all rows. Raises `UsageError` for rows of a form that the protocol has no request for."""
    longest = max((len(label.split()) for label in labels if isinstance(label, str)), default=0)
    tokens = _TOKENS_PER_WORD * longest + _TOKENS_MORE
    for (name, _), group in groupby(enumerate(inputs), key=lambda one: (_model_of(one[1], model), protocol)):
        numbered = list(group)
        size = 1 if protocol == "openai" else BATCH_ROWS
        for begin in range(0, len(numbered), size):
            part = numbered[begin : begin + size]
            rows = [_row_of(row) for _, row in part]
            path, body = _request(protocol, name, rows, tokens)
            yield Batch(tuple(number for number, _ in part), path, body, protocol)


def _request(protocol: Protocol, model: str, rows: list[object], tokens: int) -> tuple[str, dict[str, Any]]:
    if protocol == "openai":
        (row,) = rows
        sampling = {"model": model, "max_tokens": tokens, "temperature": 0}
        if isinstance(row, str):
            return "/v1/completions", {**sampling, "prompt": row}
        if isinstance(row, list):
            return "/v1/chat/completions", {**sampling, "messages": row}
        raise UsageError(f"a row of inputs.json is neither a prompt nor a list of messages: {str(row)[:80]}; correct the golden set")
    if protocol == "v1":
        return f"/v1/models/{model}:predict", {"instances": rows}
    lists = [cast("list[object]", row) for row in rows if isinstance(row, list)]
    data = [value for row in lists for value in row]
    width = len(lists[0]) if lists else 0
    if len(lists) != len(rows) or any(len(row) != width for row in lists) or not all(type(one) in {int, float} for one in data):
        raise UsageError(f"a row of inputs.json is no list of {width or 'its'} numbers, which protocol v2 needs; correct the golden set")
    return f"/v2/models/{model}/infer", {"inputs": [{"name": TENSOR, "datatype": "FP64", "shape": [len(rows), width], "data": data}]}


def _model_of(row: object, model: str) -> str:
    """A pool of many models has rows that name one each."""
    return str(cast("dict[str, object]", row)["model"]) if _is_of_pool(row) else model


def _row_of(row: object) -> object:
    return cast("dict[str, object]", row)["row"] if _is_of_pool(row) else row


def _is_of_pool(row: object) -> bool:
    return isinstance(row, dict) and row.keys() == {"model", "row"}


def _values(protocol: Protocol, document: dict[str, Any]) -> list[object]:
    if protocol == "v1":
        return list(document["predictions"])
    if protocol == "v2":
        return list(document["outputs"][0]["data"])
    choice: dict[str, Any] = document["choices"][0]
    if choice.get("finish_reason") == "length":
        raise OddAnswerError("cut off at max_tokens")
    return [choice["message"]["content"] if "message" in choice else choice["text"]]


def _plain(value: object) -> float | str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return json.dumps(value)
