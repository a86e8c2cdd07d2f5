"""Runs one piece of work per stack, two at a time, each after the stacks it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from tidegate import tools

SIDE_BY_SIDE = 2
"""Terraform with the AWS provider keeps a core busy for some seconds per process; more at once gain nothing on two."""


def run_in_order(needs: Mapping[str, Sequence[str]], work: Callable[[str], None], *, side_by_side: int = SIDE_BY_SIDE) -> None:
    """Calls `work` for every key of `needs`, after those it maps to; what is no key itself counts as done.

    Earlier keys go first. After a failure nothing new begins, what runs is waited for, and then the first error is raised
    again, with the others in its notes. An interrupt is passed to the programs that run, and they are waited for.
    """
    waiting, done, errors = list(needs), set[str](), list[BaseException]()
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(side_by_side) as pool:
        try:
            while running or (waiting and not errors):
                if not errors:
                    for name in _ready(waiting, needs, done)[: side_by_side - len(running)]:
                        waiting.remove(name)
                        running[pool.submit(work, name)] = name
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    name = running.pop(future)
                    if error := future.exception():
                        errors.append(error)
                    else:
                        done.add(name)
        except BaseException:
            tools.interrupt_streams()
            raise
    if errors:
        for other in errors[1:]:
            errors[0].add_note(str(other))
        raise errors[0]


def _ready(waiting: Sequence[str], needs: Mapping[str, Sequence[str]], done: set[str]) -> list[str]:
    ready = [name for name in waiting if all(need in done or need not in needs for need in needs[name])]
    if not ready and not any(name in needs and name not in waiting and name not in done for name in needs):
        raise ValueError(f"these need each other: {', '.join(waiting)}")
    return ready


def by_urgency(needs: Mapping[str, Sequence[str]], sizes: Mapping[str, int], awaited: Collection[str] = ()) -> dict[str, Sequence[str]]:
    """`needs` in the order to begin with: `awaited` ones, the longest chain of others waiting behind it, the larger by `sizes`."""
    waiting_for: dict[str, list[str]] = {name: [] for name in needs}
    for name, needed in needs.items():
        for need in needed:
            waiting_for.get(need, []).append(name)

    def chain(name: str) -> int:
        return 1 + max((chain(other) for other in waiting_for[name]), default=0)

    return {name: needs[name] for name in sorted(needs, key=lambda name: (name not in awaited, -chain(name), -sizes[name]))}
