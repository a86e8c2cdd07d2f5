"""Which models a pod keeps in memory: the most recently used ones that fit its budget. Pure."""

from __future__ import annotations

from collections import OrderedDict


class NoRoomError(Exception):
    """The model cannot be admitted: it is larger than the budget, or requests hold what would have to leave."""


class Residency:
    """The resident models, least recently used first. `budget_bytes` is never exceeded.

    A pinned model, that is one with requests in flight, is never evicted.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._pins: dict[str, int] = {}
        self._used_bytes = 0

    @property
    def used_bytes(self) -> int:
        """The sum of what is resident."""
        return self._used_bytes

    @property
    def names(self) -> tuple[str, ...]:
        """What is resident, least recently used first."""
        return tuple(self._sizes)

    def touch(self, name: str) -> bool:
        """Notes a use. False when `name` is not resident."""
        if name not in self._sizes:
            return False
        self._sizes.move_to_end(name)
        return True

    def pin(self, name: str) -> bool:
        """Notes a use and keeps `name` until `unpin`, as often as pinned. False when it is not resident."""
        if not self.touch(name):
            return False
        self._pins[name] = self._pins.get(name, 0) + 1
        return True

    def unpin(self, name: str) -> None:
        """Takes one pin back; `ValueError` without one."""
        left = self._pins.get(name, 0) - 1
        if left < 0:
            raise ValueError(f"{name} is not pinned")
        if left:
            self._pins[name] = left
        else:
            del self._pins[name]

    def admit(self, name: str, size_bytes: int) -> tuple[str, ...]:
        """Makes `name` resident as the most recently used one; returns who left for it, in the order of leaving.

        Raises `NoRoomError`, with nothing changed, when it does not fit beside what is pinned, and `ValueError` when it
        is resident already or its size is not above zero.
        """
        if name in self._sizes or size_bytes <= 0:
            raise ValueError(f"cannot admit {name} of {size_bytes} bytes")
        missing = self._used_bytes + size_bytes - self.budget_bytes
        leaving: list[str] = []
        for other, size in self._sizes.items():
            if missing <= 0:
                break
            if other not in self._pins:
                leaving.append(other)
                missing -= size
        if missing > 0:
            raise NoRoomError(f"{name} of {size_bytes} bytes does not fit: {missing} of {self.budget_bytes} bytes are missing")
        for other in leaving:
            self.remove(other)
        self._sizes[name] = size_bytes
        self._used_bytes += size_bytes
        return tuple(leaving)

    def remove(self, name: str) -> bool:
        """Takes `name` out. False when it was not resident; `ValueError` when it is pinned."""
        if name in self._pins:
            raise ValueError(f"{name} is pinned")
        size = self._sizes.pop(name, None)
        if size is None:
            return False
        self._used_bytes -= size
        return True
