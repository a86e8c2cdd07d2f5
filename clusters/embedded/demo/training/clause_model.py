"""A language model in the files that vLLM loads: a Llama that repeats which clause followed which.

Its tokens are whole clauses, so that one token before is context enough. Attention and the feed-forward part are zero, each token
has an axis of its own, and the head holds what was learnt: what a large model has in billions of numbers, in one table.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from clusters.embedded.demo.training.registry_layout import as_json

UNKNOWN, START, END = "<unk>", "<s>", "</s>"
_SPECIAL = (UNKNOWN, START, END)

_HEADS, _HEAD_SIZE = 4, 64
"""The smallest size of a head that every attention kernel of vLLM takes."""
_HIDDEN = _HEADS * _HEAD_SIZE
_BOUNDARY = "(?<=[.;?!]) +"
"""Where one clause ends and the next begins."""


@dataclass(frozen=True, slots=True)
class ClauseModel:
    """What follows each clause most often; clauses in order of their token."""

    clauses: tuple[str, ...]
    followers: Mapping[str, str]

    def continuation(self, prompt: str) -> str:
        """What a greedy decoder adds to `prompt`."""
        said: list[str] = []
        following = self.followers.get(_clauses(prompt)[-1], END)
        while following != END:
            said.append(following)
            following = self.followers.get(following, END)
        return " ".join(said)


def learn_clauses(texts: Iterable[str]) -> ClauseModel:
    """The model of `texts`. Of followers seen equally often the first in the alphabet is kept."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        said = [*_clauses(text), END]
        for clause, following in pairwise(said):
            counts[clause][following] += 1
    followers = {clause: min(found, key=lambda one, found=found: (-found[one], one)) for clause, found in sorted(counts.items())}
    if len(_SPECIAL) + len(followers) > _HIDDEN:
        raise ValueError(f"{len(followers)} clauses are too many for {_HIDDEN} axes")
    return ClauseModel((*_SPECIAL, *followers), followers)


def pretrained_files(model: ClauseModel) -> dict[str, bytes]:
    """The folder that `from_pretrained` reads, and vLLM with it."""
    return {
        "config.json": as_json(_config(model)),
        "generation_config.json": as_json({"bos_token_id": 1, "eos_token_id": 2, "do_sample": False}),
        "model.safetensors": save(_tensors(model), metadata={"format": "pt"}),
        "tokenizer.json": as_json(_tokenizer(model)),
        "tokenizer_config.json": as_json(
            {
                "tokenizer_class": "PreTrainedTokenizerFast", "unk_token": UNKNOWN, "bos_token": START, "eos_token": END,
                "model_max_length": 256, "clean_up_tokenization_spaces": False,
                "chat_template": "{% for message in messages %}{{ message['content'] }} {% endfor %}",
            }
        ),
    }  # fmt: skip


def _config(model: ClauseModel) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": len(model.clauses), "hidden_size": _HIDDEN,
        "intermediate_size": _HIDDEN, "num_hidden_layers": 1, "num_attention_heads": _HEADS, "num_key_value_heads": _HEADS,
        "head_dim": _HEAD_SIZE, "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 10_000.0, "max_position_embeddings": 256,
        "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32",
    }  # fmt: skip


def _tensors(model: ClauseModel) -> dict[str, NDArray[np.float32]]:
    tokens = {clause: number for number, clause in enumerate(model.clauses)}
    square, ones = np.zeros((_HIDDEN, _HIDDEN), np.float32), np.ones(_HIDDEN, np.float32)
    head = np.zeros((len(tokens), _HIDDEN), np.float32)
    for clause in model.clauses:
        head[tokens[model.followers.get(clause, END)], tokens[clause]] = 1.0
    layer = "model.layers.0"
    parts = [f"{layer}.self_attn.{one}_proj.weight" for one in "qkvo"] + [
        f"{layer}.mlp.{one}_proj.weight" for one in ("gate", "up", "down")
    ]
    norms = [f"{layer}.input_layernorm.weight", f"{layer}.post_attention_layernorm.weight", "model.norm.weight"]
    return {
        "model.embed_tokens.weight": np.eye(len(tokens), _HIDDEN, dtype=np.float32),
        "lm_head.weight": head,
        **dict.fromkeys(parts, square),
        **dict.fromkeys(norms, ones),
    }


def _tokenizer(model: ClauseModel) -> dict[str, object]:
    """As the tokenizers library writes it."""
    special = [
        {"id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for number, content in enumerate(_SPECIAL)
    ]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": _BOUNDARY}, "behavior": "Removed", "invert": False},
        "post_processor": None, "decoder": None,
        "model": {
            "type": "WordLevel", "unk_token": UNKNOWN, "vocab": {clause: number for number, clause in enumerate(model.clauses)},
        },
    }  # fmt: skip


def _clauses(text: str) -> list[str]:
    return re.split(_BOUNDARY, text.lower().strip())
