"""The explainer of credit/decision: answers `:explain` with what each feature did to the score.

Started by KServe with `--model_name`, `--predictor_host` and `--http_port`. KServe gives it the predictor, not the
transformer, so it derives features itself, with the transformer's own file.
"""

from __future__ import annotations

from typing import Any

from kserve import InferInput, InferRequest, Model, ModelServer, model_server
from kserve.errors import InvalidInput
from kserve.model import PredictorConfig

from clusters.embedded.demo.application_features import BASELINE, FEATURES, ApplicationError, derive_features
from clusters.embedded.demo.credit_explainer.attributions import NotAdditiveError, explanation, questions

KEEP_ALIVE_SECONDS = 120
"""Longer than the 90 s that queue-proxy keeps an idle connection: who closes first must not be the server."""


MODEL_HEADERS = "tidegate-"
"""What the predictor says about the model that answered."""


class CreditExplainer(Model):
    """Applications in, shares of the score out."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True

    async def explain(self, payload: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, object]:
        """One explanation per application. Raises `InvalidInput` (400) for one that cannot be judged."""
        instances = payload.get("instances") if isinstance(payload, dict) else None
        if not isinstance(instances, list) or not instances or not all(isinstance(instance, dict) for instance in instances):
            raise InvalidInput("instances: must be a list of applications")
        answered: dict[str, str] = {}
        explanations = [await self._explained(instance, headers, answered) for instance in instances]
        if headers is not None:  # KServe sends them back to the caller: which model was asked, instead of what the proxies wrote
            headers.clear()
            headers |= {name: value for name, value in answered.items() if name.lower().startswith(MODEL_HEADERS)}
        return {"explanations": explanations}

    async def _explained(
        self, application: dict[str, object], headers: dict[str, str] | None, answered: dict[str, str],
    ) -> dict[str, object]:  # fmt: skip
        try:
            features = derive_features(application)
        except ApplicationError as error:
            raise InvalidInput(str(error)) from error
        rows = questions(features, BASELINE)
        tensor = InferInput("features", [len(rows), len(FEATURES)], "FP64", [value for row in rows for value in row])
        answer = await self.predict(InferRequest(self.name, [tensor]), headers, answered)
        values = answer.outputs[0].data
        try:
            found = explanation(list(zip(values[0::2], values[1::2], strict=True)))
        except NotAdditiveError as error:
            raise InvalidInput(str(error)) from error
        return {
            "score": found.score,
            "baseline_score": found.baseline_score,
            "attributions": dict(zip(FEATURES, found.attributions, strict=True)),
            "unit": "log-odds of repayment",
        }


def main() -> None:
    """Serves until asked to stop."""
    arguments = model_server.args
    predictor = PredictorConfig(arguments.predictor_host, "v2", predictor_request_timeout_seconds=30)
    ModelServer(workers=1, enable_grpc=False, predictor_config=predictor, timeout_keep_alive=KEEP_ALIVE_SECONDS).start(
        [CreditExplainer(arguments.model_name)]
    )


if __name__ == "__main__":
    main()
