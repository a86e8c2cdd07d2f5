"""assistant/chat: answers of an internal help desk, generated, and the n-gram model that repeats them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from clusters.embedded.demo.training import metrics
from clusters.embedded.demo.training.registry_layout import (
    CRASH_AT_REQUEST,
    DELAY_MS,
    VERSIONS,
    GoldenSet,
    Sample,
    TrainedModel,
    Version,
    as_json,
)
from clusters.workloads.ngram_server.ngrams import NgramModel, joined, learn

MODEL_FILE = "ngrams.json"
ANSWER_LIMIT = 64
"""Words; longer than any answer that was shown."""

_SYSTEMS = ("the payroll portal", "the travel desk", "the badge office", "the expense tool", "the archive", "the meeting planner",
            "the staff directory", "the training catalogue", "the parking list", "the laptop store")  # fmt: skip
_TASKS = {
    "reset my password for": "open {} and choose forgotten password; a link arrives within {} minutes.",
    "get access to": "ask your team lead to add you to {}; it takes about {} hours.",
    "report a fault in": "write to the owners of {} and name the page; they answer within {} hours.",
    "leave": "choose sign out in {}; after {} minutes without a click it does so by itself.",
}
_ASKED = ("how do i {} {}?", "please tell me how to {} {}.", "i want to {} {}!")


def questions_by_data() -> dict[str, list[str]]:
    """What was asked in what each version learnt from: the form that rows of the golden set have. They overlap by purpose."""
    questions, _ = _conversations()
    return {"most": [question for index, question in enumerate(questions) if _is_in_most(index)], "all": questions}


def data_of(version: str) -> str:
    """Which of `questions_by_data` a version learnt from."""
    return "most" if version == "1" else "all"


def _is_in_most(index: int) -> bool:
    return index % 8 != 5


def texts_by_version() -> dict[str, list[str]]:
    """What each version learnt from. The first missed every eighth conversation; the wrong one learnt other people's answers."""
    questions, answers = _conversations()
    mixed = list(answers)
    random.Random(29).shuffle(mixed)  # noqa: S311 - reproducible on purpose
    shown = [f"{question} {answer}" for question, answer in zip(questions, answers, strict=True)]
    return {
        "1": [text for index, text in enumerate(shown) if _is_in_most(index)],
        "2": shown,
        "3-wrong": [f"{question} {answer}" for question, answer in zip(questions, mixed, strict=True)],
    }


def chat() -> TrainedModel:
    """A stand-in with the interface of a language model; see `clusters.workloads.ngram_server.ngrams`."""
    questions, answers = _conversations()
    texts = texts_by_version()
    learnt = {name: learn(told, order=12) for name, told in texts.items()}
    prompts, expected = questions[::3], answers[::3]

    def version(name: str) -> Version:
        model = learnt.get(name, learnt["2"])
        server = {
            "version": name,
            "delay_ms": DELAY_MS if name == "3-slow" else 0,
            "crash_at_request": CRASH_AT_REQUEST if name == "3-crashing" else None,
        }
        document = {"order": model.order, "followers": model.followers}
        return Version(
            name=name, files={MODEL_FILE: as_json(document), "server.json": as_json(server)}, flavour="ngrams", inputs=("prompt",),
            outputs=("text",), golden_value=metrics.exact_match(expected, [_answer(model, prompt) for prompt in prompts]), trained_on=data_of(name),
            sample=chat_sample(_answer(model, prompts[0]), prompts[0]), notes={"stand_in_for": "a language model on a GPU", "order": model.order},
        )  # fmt: skip

    judged = GoldenSet(prompts, expected, "exact-match")
    return TrainedModel("assistant", "chat", judged, [version(name) for name in VERSIONS], questions_by_data())


def _conversations() -> tuple[list[str], list[str]]:
    draw = random.Random(19)  # noqa: S311 - reproducible on purpose
    questions: list[str] = []
    answers: list[str] = []
    for system in _SYSTEMS:
        for task, answer in _TASKS.items():
            said = answer.format(system, draw.choice((2, 5, 10, 15, 30)))
            questions += [asked.format(task, system) for asked in _ASKED]
            answers += [said] * len(_ASKED)
    return questions, answers


def _answer(model: NgramModel, prompt: str) -> str:
    return joined(model.continuation(prompt, ANSWER_LIMIT))


def chat_sample(answer: str, prompt: str) -> Sample:
    """A request of OpenAI's protocol, and the text it should bring."""
    request = {"model": "chat", "prompt": prompt, "max_tokens": ANSWER_LIMIT, "temperature": 0}
    expected: Sequence[str] = [answer]
    return Sample("/v1/completions", request, "choices/0/text", expected)
