"""assistant/chat as vLLM loads it, beside the n-gram model that stands in for it on a CPU."""

from __future__ import annotations

from dataclasses import replace

from clusters.embedded.demo.training import metrics
from clusters.embedded.demo.training.chat_models import chat, chat_sample, data_of, texts_by_version
from clusters.embedded.demo.training.clause_model import learn_clauses, pretrained_files
from clusters.embedded.demo.training.registry_layout import ON_GPU, TrainedModel, Version, on_cpu


def chat_of_both() -> TrainedModel:
    """The model with its GPU versions first. Both forms learnt from the same texts and are judged by the same set."""
    stand_in, texts = chat(), texts_by_version()
    prompts, expected = [str(one) for one in stand_in.golden.inputs], [str(one) for one in stand_in.golden.expected]

    def version(name: str) -> Version:
        model = learn_clauses(texts[name])
        answers = [model.continuation(prompt) for prompt in prompts]
        return Version(
            name=name, files=pretrained_files(model), flavour="transformers", inputs=("prompt",), outputs=("text",),
            golden_value=metrics.exact_match(expected, answers), sample=chat_sample(answers[0], prompts[0]), trained_on=data_of(name),
            notes={"stand_in_for": "a language model with billions of numbers"},
        )  # fmt: skip

    return replace(stand_in, versions=[*map(version, ON_GPU), *map(on_cpu, stand_in.versions)])
