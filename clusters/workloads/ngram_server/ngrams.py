"""A word n-gram language model: the stand-in for `assistant` where there is no GPU and no weights can be had.

It continues a text by the word that most often followed the longest known ending. It knows the sentences it was shown
and nothing else; what it shares with a language model is the interface and that it answers word by word. The server
serves with this very file. Standard library only.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

END = "</s>"
_WORD = re.compile(r"[\w'-]+|[^\w\s]")
_CLINGING = frozenset(".,!?:;")


@dataclass(frozen=True, slots=True)
class NgramModel:
    """`followers` maps the last words of a text, joined by blanks and at most `order` - 1 of them, to the next word."""

    order: int
    followers: Mapping[str, str]

    def continuation(self, prompt: str, limit: int) -> Iterator[str]:
        """The words that follow `prompt`, at most `limit`; ends where a shown text ended or nothing is known."""
        context = words(prompt)
        for _ in range(limit):
            following = self._next(context)
            if following in {None, END}:
                return
            assert following is not None
            yield following
            context.append(following)

    def _next(self, context: Sequence[str]) -> str | None:
        # Down to two words only: after one word anything would follow, and the answer would be about something else.
        for length in range(min(self.order - 1, len(context)), 1, -1):
            found = self.followers.get(" ".join(context[-length:]))
            if found is not None:
                return found
        return None


def learn(texts: Iterable[str], order: int) -> NgramModel:
    """The model of `texts`. Of followers seen equally often the first in the alphabet is kept."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        tokens = [*words(text), END]
        for position in range(2, len(tokens)):
            for length in range(2, min(order - 1, position) + 1):
                counts[" ".join(tokens[position - length : position])][tokens[position]] += 1
    followers = {context: min(found, key=lambda word, found=found: (-found[word], word)) for context, found in counts.items()}
    return NgramModel(order, dict(sorted(followers.items())))


def words(text: str) -> list[str]:
    """Lower-case words and punctuation marks."""
    return _WORD.findall(text.lower())


def joined(tokens: Iterable[str]) -> str:
    """Words as a sentence, marks clinging to what stands before them."""
    return "".join(pieces(tokens)).strip()


def pieces(tokens: Iterable[str]) -> Iterator[str]:
    """Each word as the piece of text that it adds."""
    for token in tokens:
        yield token if token in _CLINGING else f" {token}"
