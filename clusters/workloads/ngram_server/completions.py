"""The OpenAI form of questions and answers, apart from HTTP. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from clusters.workloads.ngram_server.ngrams import NgramModel, joined, pieces, words

_DEFAULT_LIMIT = 128
_HIGHEST_LIMIT = 1024


class RequestError(ValueError):
    """The request cannot be answered; the text says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request: what to continue, by how many words at most, and in which form to answer."""

    prompt: str
    limit: int
    stream: bool
    is_chat: bool

    @property
    def kind(self) -> str:
        """The `object` of the answer."""
        if self.is_chat:
            return "chat.completion.chunk" if self.stream else "chat.completion"
        return "text_completion"


def read_question(body: bytes, *, is_chat: bool) -> Question:
    """The request in `body`. Raises `RequestError`."""
    try:
        loaded = cast("object", json.loads(body))
    except ValueError as error:
        raise RequestError("the body is not JSON") from error
    if not isinstance(loaded, dict):
        raise RequestError("the body is not a JSON object")
    document = cast("dict[str, object]", loaded)
    limit = document.get("max_completion_tokens", document.get("max_tokens", _DEFAULT_LIMIT))
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= _HIGHEST_LIMIT:
        raise RequestError(f"max_tokens: must be a whole number from 1 to {_HIGHEST_LIMIT}")
    prompt = _last_message(document) if is_chat else document.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise RequestError("messages: the last one has no text" if is_chat else "prompt: must be a text")
    return Question(prompt, limit, document.get("stream") is True, is_chat)


def answer(model: NgramModel, question: Question, header: Mapping[str, object]) -> dict[str, object]:
    """The whole answer as one document; `header` is what the server adds to each (id, created, model)."""
    found = list(model.continuation(question.prompt, question.limit))
    asked = len(words(question.prompt))
    usage = {"prompt_tokens": asked, "completion_tokens": len(found), "total_tokens": asked + len(found)}
    text = joined(found)
    choice: dict[str, object] = {"message": {"role": "assistant", "content": text}} if question.is_chat else {"text": text}
    reason = "length" if len(found) == question.limit else "stop"
    return {**header, "object": question.kind, "choices": [{"index": 0, "finish_reason": reason, **choice}], "usage": usage}


def chunks(model: NgramModel, question: Question, header: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """The answer piece by piece, as it is found; the last one only says why it ended."""
    count = 0
    for piece in pieces(model.continuation(question.prompt, question.limit)):
        text = piece if count else piece.lstrip()
        count += 1
        yield _chunk(question, header, text, None)
    yield _chunk(question, header, "", "length" if count == question.limit else "stop")


def _chunk(question: Question, header: Mapping[str, object], text: str, reason: str | None) -> dict[str, object]:
    choice: dict[str, object] = {"delta": {"content": text} if text else {}} if question.is_chat else {"text": text}
    return {**header, "object": question.kind, "choices": [{"index": 0, "finish_reason": reason, **choice}]}


def _last_message(document: Mapping[str, object]) -> object:
    messages = document.get("messages")
    last = cast("list[object]", messages)[-1] if isinstance(messages, list) and messages else None
    return cast("dict[str, object]", last).get("content") if isinstance(last, dict) else None
