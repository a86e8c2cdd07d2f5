"""Where progress is told: on stderr, past pytest's capture, one line at a time."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest


class Terminal:
    """The terminal of the person who waits."""

    def __init__(self) -> None:
        self._past_capture: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
        self._one_at_a_time = threading.Lock()

    def open(self, config: pytest.Config) -> None:
        """Learns from pytest how to get past its capture."""
        capture: Any = config.pluginmanager.getplugin("capturemanager")
        if capture:
            self._past_capture = capture.global_and_fixture_disabled

    def tell(self, text: str) -> None:
        """A line for the person who waits."""
        with self._one_at_a_time, self._past_capture():
            sys.stderr.write(f"tests: {text}\n")
            sys.stderr.flush()


TERMINAL = Terminal()
tell = TERMINAL.tell
