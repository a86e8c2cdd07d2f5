"""Whether a server's libraries can load what others wrote: the same major and minor version, of every library that both sides name.

A pickled model of another scikit-learn loads with a warning that nobody reads, and may score differently. Patches do not change that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .envelopes import Fields
from .refusal import Refusal, shown

STATED = "libraries"
"""The key of a statement's predicate; statements from before it, and models without such a library, have none."""

LIBRARIES_MAX = 20
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
_VERSION = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})([.a-z0-9+-]{0,40})")


def check_libraries(named: Mapping[str, object] | Mapping[object, object], what: str) -> dict[str, str]:
    """`named` as versions by library. Refuses a name or a version that is none."""
    if len(named) > LIBRARIES_MAX:
        raise Refusal(f"{what} names {len(named)} libraries; {LIBRARIES_MAX} is the most")
    for name, version in named.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Refusal(f"{what} names the library {shown(name)}; write a package's name in lower case, such as scikit-learn")
        if not isinstance(version, str) or not _VERSION.fullmatch(version):
            raise Refusal(f"{what} names {name} {shown(version)}; write a version that begins with two numbers, such as 1.9.1")
    return {str(name): str(version) for name, version in named.items()}


def stated_libraries(predicate: Fields, what: str) -> dict[str, str]:
    """What trained a model, from the predicate of its statement; nothing when that says nothing."""
    stated = predicate.get(STATED, {})
    if not isinstance(stated, dict):
        raise Refusal(f"{STATED} in {what} is no object")
    return check_libraries(stated, what)  # pyright: ignore[reportUnknownArgumentType] - each key and value is judged there


def refuse_other_versions(trained_with: Mapping[str, str], server: str, loads_with: Mapping[str, str]) -> None:
    """Refuses a library whose major or minor version is another in the server. What only one side names is not compared."""
    for library in sorted(trained_with.keys() & loads_with.keys()):
        before, now = trained_with[library], loads_with[library]
        if _series(before) != _series(now):
            raise Refusal(
                f"it was trained with {library} {before}, and {server} loads it with {now}; "
                f"train it with {library} {'.'.join(_series(now))} and sign that as a new version"
            )


def comparison(trained_with: Mapping[str, str], server: str, loads_with: Mapping[str, str]) -> str:
    """What was compared and what was not, in words."""
    if not trained_with:
        return "libraries not compared: the statement names none"
    said = [
        f"{library} {version} as in {server}" if library in loads_with else f"{library} {version} not compared"
        for library, version in sorted(trained_with.items())
    ]
    why = "" if trained_with.keys() <= loads_with.keys() else f" (what {server or 'the server'} has is not known)"
    return f"trained with {', '.join(said)}{why}"


def _series(version: str) -> tuple[str, str]:
    found = _VERSION.fullmatch(version)
    if not found:
        raise Refusal(f"{shown(version)} is no version of a library")
    return found[1], found[2]
