"""Model runtimes that misbehave on purpose: a version whose model-settings.json names one shows what a rollout does about it.

The fault's size is in the settings' `parameters.extra`: `delay_ms`, or `crash_at_request` counted from the server's start.
"""

from __future__ import annotations

import asyncio
import os

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver_lightgbm import LightGBMModel
from mlserver_sklearn import SKLearnModel

_EXIT_CODE = 99
"""Nothing else in the image ends with it, and nothing of Tidegate, so logs tell our crash from a real one."""

_answered = 0


def _setting(model: MLModel, name: str) -> int:
    parameters = model.settings.parameters
    return int(parameters.extra[name]) if parameters and parameters.extra else 0


class _Slow(MLModel):
    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        await asyncio.sleep(_setting(self, "delay_ms") / 1000)
        return await super().predict(payload)


class _Crashing(MLModel):
    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        global _answered  # noqa: PLW0603 - all models of a server share its life
        _answered += 1
        if _answered >= _setting(self, "crash_at_request"):
            os._exit(_EXIT_CODE)
        return await super().predict(payload)


class SlowLightGBMModel(_Slow, LightGBMModel):
    """LightGBM that answers correctly, but late."""


class SlowSKLearnModel(_Slow, SKLearnModel):
    """scikit-learn that answers correctly, but late."""


class CrashingLightGBMModel(_Crashing, LightGBMModel):
    """LightGBM that ends the whole server."""


class CrashingSKLearnModel(_Crashing, SKLearnModel):
    """scikit-learn that ends the whole server."""
