"""What a long run tells whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable

OnProgress = Callable[[str, str], None]
"""Called with a subject, such as a stack or a region, and what became of it."""
