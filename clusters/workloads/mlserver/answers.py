"""A caller's mistake is answered with 4xx, in the protocol's form, `{"error": "text"}`, and never a path or a traceback.

MLServer checks that a request is one of its protocol. What is inside is first seen by the model's library, whose error was the server's (500)
although the caller sent the wrong number of features. What a model does with inputs that fit is its own fault, and stays 500: a version
that fails must count as failing.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from mlserver import MLModel
from mlserver.cloudevents import CloudEventsMiddleware
from mlserver.errors import InferenceError, MLServerError
from mlserver.rest import errors
from mlserver.rest.responses import Response
from mlserver.types import InferenceRequest

_PayloadT = TypeVar("_PayloadT")
_SHOWN_MAX = 300
_decode = MLModel.decode_request


def _decoded(model: MLModel, payload: InferenceRequest, *arguments: object, **options: object) -> object:
    """The inputs as the model takes them. Raises `InferenceError` (400) for inputs that are none, or do not fit it."""
    try:
        found = _decode(model, payload, *arguments, **options)
    except MLServerError:
        raise
    except Exception as error:
        raise InferenceError(f"inputs: cannot be read: {_first_line(error)}") from error
    if isinstance(found, numpy.ndarray):
        _refuse_unfit(found, _features(getattr(model, "_model", None)))
    return found


def _features(model: object) -> int | None:
    """How many features a row has; None where the library does not say."""
    if count := getattr(model, "n_features_in_", None):  # scikit-learn
        return int(count)
    asked = getattr(model, "num_feature", None) or getattr(model, "num_features", None)  # LightGBM, XGBoost
    return int(asked()) if callable(asked) else None


def _refuse_unfit(found: numpy.ndarray[Any, Any], features: int | None) -> None:
    if found.dtype.kind not in "biuf":
        raise InferenceError(f"inputs: must be numbers, not {found.dtype}")
    if features is not None and (found.ndim != 2 or found.shape[1] != features):
        raise InferenceError(f"inputs: have the shape {list(found.shape)}; a row has {features} features")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:_SHOWN_MAX]


async def _malformed(_request: Request, error: RequestValidationError) -> Response:
    """422, as before, with what is wrong and where."""
    told = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
    return Response(status_code=422, content={"error": "; ".join(told)[:_SHOWN_MAX]})


async def _failed(_request: Request, _error: Exception) -> Response:
    """500; the traceback is in the log."""
    return Response(status_code=500, content={"error": "the model failed on this request"})


def _without_events(_middleware: CloudEventsMiddleware, payload: _PayloadT, _settings: object) -> _PayloadT:
    """MLServer copies a request's `id` into headers for CloudEvents, which nobody reads here: one that is no header made a model fail."""
    return payload


def install() -> None:
    """Makes MLServer answer so; before its application is made."""
    CloudEventsMiddleware.request_middleware = _without_events
    CloudEventsMiddleware.response_middleware = _without_events
    MLModel.decode_request = _decoded  # pyright: ignore[reportAttributeAccessIssue] - MLServer has no place for it
    errors._EXCEPTION_HANDLERS.update({RequestValidationError: _malformed, Exception: _failed})  # noqa: SLF001 - nor for these
