"""The transformer of credit/decision: takes applications, asks the predictor with features, answers with scores.

Started by KServe with `--model_name`, `--predictor_host` and `--http_port`. Callers speak the v1 protocol
(`:predict` with `instances`); the predictor is asked in v2, whichever server runs it.
"""

from __future__ import annotations

from typing import Any

from kserve import InferInput, InferRequest, InferResponse, Model, ModelServer, model_server
from kserve.errors import InvalidInput
from kserve.model import PredictorConfig

from clusters.embedded.demo.application_features import FEATURES, ApplicationError, derive_features

KEEP_ALIVE_SECONDS = 120
"""Longer than the 90 s that queue-proxy keeps an idle connection: who closes first must not be the server."""


MODEL_HEADERS = "tidegate-"
"""What the predictor says about the model that answered."""


class CreditFeatures(Model):
    """Applications in, probabilities of repayment out."""

    def __init__(self, name: str) -> None:
        super().__init__(name, return_response_headers=True)
        self.ready = True

    async def preprocess(self, payload: dict[str, Any], headers: dict[str, str] | None = None) -> InferRequest:  # noqa: ARG002
        """The predictor's request. Raises `InvalidInput` (400) for an application that cannot be judged."""
        instances = payload.get("instances") if isinstance(payload, dict) else None
        if not isinstance(instances, list) or not instances or not all(isinstance(instance, dict) for instance in instances):
            raise InvalidInput("instances: must be a list of applications")
        try:
            rows = [derive_features(instance) for instance in instances]
        except ApplicationError as error:
            raise InvalidInput(str(error)) from error
        values = [value for row in rows for value in row]
        tensor = InferInput("features", [len(rows), len(FEATURES)], "FP64", values)
        return InferRequest(self.name, [tensor])

    async def postprocess(
        self, result: InferResponse, headers: dict[str, str] | None = None, response_headers: dict[str, str] | None = None,  # noqa: ARG002
    ) -> dict[str, object]:  # fmt: skip
        """The probability of repayment of each application: the second of the predictor's columns (not repaid, repaid).

        `response_headers` come as the predictor's, and go on to the caller: of those, which model it was.
        """
        for name in [name for name in response_headers or {} if not name.lower().startswith(MODEL_HEADERS)]:
            del response_headers[name]
        return {"predictions": [float(value) for value in result.outputs[0].data[1::2]]}


def main() -> None:
    """Serves until asked to stop."""
    arguments = model_server.args
    predictor = PredictorConfig(arguments.predictor_host, "v2", predictor_request_timeout_seconds=30)
    # KServe asks for a worker per unit of concurrency; each would be a process, and one is enough for arithmetic.
    ModelServer(workers=1, enable_grpc=False, predictor_config=predictor, timeout_keep_alive=KEEP_ALIVE_SECONDS).start(
        [CreditFeatures(arguments.model_name)]
    )


if __name__ == "__main__":
    main()
