"""Who asks: one class for each protocol of inference. Each knows its request and what is an answer to it; when to ask is not its business."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, ClassVar

from geventhttpclient.response import HTTPResponse

from loadtests.connections import NoAnswerError, Pool, request_bytes
from loadtests.plan import Endpoint


class _Body(HTTPResponse):
    """An answer with all of its body."""

    def __init__(self) -> None:
        super().__init__("POST")
        self.body = bytearray()

    def _on_body(self, buf: bytearray) -> None:
        self.body += buf


class InferenceUser:
    """Asks one endpoint. Its connections are shared by all requests of one process, as those of a caller's client."""

    answer_key: ClassVar[str]
    """Of the JSON that a model server of this protocol answers with."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._pool = Pool(endpoint.url, endpoint.address, endpoint.ca_file)
        headers = dict(endpoint.headers)
        if endpoint.token_file:
            headers["Authorization"] = f"Bearer {Path(endpoint.token_file).read_text(encoding='ascii').strip()}"
        host = headers.pop("Host", self._pool.host_header)
        self._request = request_bytes(endpoint.path, host, json.dumps(self.body_of(endpoint)).encode(), headers)

    def body_of(self, endpoint: Endpoint) -> dict[str, Any]:
        """What is sent."""
        return endpoint.body

    def ask(self) -> list[float]:
        """One request to the end of its answer: the moments of its tokens, none for protocols without. Raises `NoAnswerError`."""
        answer = _Body()
        self._pool.exchange(self._request, answer)
        if answer.status_code != 200:
            raise NoAnswerError(f"status {answer.status_code}")
        try:
            document: object = json.loads(answer.body)
        except ValueError as error:
            raise NoAnswerError("answer is no JSON") from error
        if not isinstance(document, dict) or self.answer_key not in document:
            raise NoAnswerError(f"answer without {self.answer_key}")
        return []

    def close(self) -> None:
        """Idle connections."""
        self._pool.close()


class V1User(InferenceUser):
    """KServe's first protocol."""

    answer_key = "predictions"


class V2User(InferenceUser):
    """The Open Inference Protocol."""

    answer_key = "outputs"


class _Events(HTTPResponse):
    """An answer of server-sent events: notes when each that carries text came, while it comes."""

    def __init__(self) -> None:
        super().__init__("POST")
        self.moments: list[float] = []
        self.failure = ""
        self.is_done = False
        self._rest = b""

    def _on_body(self, buf: bytearray) -> None:
        now = time.monotonic()
        *whole, self._rest = (self._rest + bytes(buf)).replace(b"\r\n", b"\n").split(b"\n")
        for line in whole:
            if line.startswith(b"data:"):
                self._note(line[5:].strip(), now)

    def _note(self, data: bytes, now: float) -> None:
        if data == b"[DONE]":
            self.is_done = True
            return
        try:
            event: Any = json.loads(data)
            if "error" in event:
                self.failure = "error in the stream"
                return
            choices: list[Any] = event.get("choices") or []
            deltas: list[Any] = [choice.get("delta") or choice for choice in choices]
            texts: list[Any] = [delta.get("content") or delta.get("text") for delta in deltas]
        except (ValueError, AttributeError, TypeError):
            self.failure = "event is no JSON of OpenAI's"
            return
        if any(texts):
            self.moments.append(now)


class OpenAIUser(InferenceUser):
    """OpenAI's chat and completions, streamed, because only then the first token can be seen."""

    def body_of(self, endpoint: Endpoint) -> dict[str, Any]:
        """With `stream`, whatever the sample has."""
        return {**endpoint.body, "stream": True}

    def ask(self) -> list[float]:
        """As for the others; the end of the stream must be there, and one token at least."""
        answer = _Events()
        self._pool.exchange(self._request, answer)
        if answer.status_code != 200:
            raise NoAnswerError(f"status {answer.status_code}")
        if answer.failure or not answer.is_done:
            raise NoAnswerError(answer.failure or "stream broken off")
        if not answer.moments:
            raise NoAnswerError("stream without a token")
        return answer.moments


USERS: dict[str, type[InferenceUser]] = {"v1": V1User, "v2": V2User, "openai": OpenAIUser}
"""By protocol."""
