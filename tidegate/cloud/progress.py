"""Turns what cdktf prints into progress, one line per finished resource, from several threads one at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from threading import Lock

from tidegate.tools.progress import OnProgress

_COMPLETE = re.compile(r"([a-z0-9_]+\.[\w-]+)[^:]*: ((?:Creation|Modifications|Destruction|Import) complete.*)")


@dataclass
class StackProgress:
    """Hands events of parallel stacks to one listener."""

    listener: OnProgress
    _lock: Lock = field(default_factory=Lock)

    def say(self, stack: str, what: str) -> None:
        """Tells the listener."""
        with self._lock:
            self.listener(stack, what)

    def watch(self, stack: str) -> Watch:
        """A watch over the output of one cdktf process."""
        return Watch(stack, self)


@dataclass
class Watch:
    """Counts the resources that one cdktf process finished; `on_line` takes its output line by line."""

    stack: str
    progress: StackProgress
    changed: int = 0

    def on_line(self, line: str) -> None:
        """One line of output."""
        if match := _COMPLETE.search(line):
            self.changed += 1
            self.progress.say(self.stack, f"{match.group(1)} {match.group(2)}")
