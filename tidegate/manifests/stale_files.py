"""Rendered files that are not what the facts render to: stale, edited by hand, missing, or nobody's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tidegate.errors import Finding
from tidegate.facts.inventory.readable import clipped
from tidegate.manifests.tree import FIRST_BYTES, RENDER_COMMAND, read_files

RULE = "rendered-stale"
FOREIGN = "is rendered from no fact"


def stale_findings(root: Path, folder: Path, wanted: Mapping[str, bytes]) -> Iterator[Finding]:
    """A finding for each file of `folder` that differs from `wanted` (by path below it), is missing, or should not be there.

    Sources are paths below `root`. A folder without any file has no findings here: `validate_folder` tells that it is empty.
    """
    present = dict(read_files(folder)) if folder.is_dir() else {}
    if not present:
        return
    ours = {path.rpartition("/")[0] for path, content in present.items() if content.startswith(FIRST_BYTES)}
    again = f"run `{RENDER_COMMAND}` and commit the file"
    for path in sorted(present.keys() | wanted.keys()):
        source, found, right = f"{folder.relative_to(root).as_posix()}/{path}", present.get(path), wanted.get(path)
        if found is None:
            yield Finding(source, "", RULE, "is missing", again)
        elif right is None:
            # A folder with nothing of ours may be anybody's work, which rendering refuses to remove.
            remedy = f"run `{RENDER_COMMAND}`, which removes it" if path.rpartition("/")[0] in ours else "move it away"
            yield Finding(source, "", RULE, FOREIGN, remedy)
        elif (folder / path).is_symlink():
            yield Finding(source, "", RULE, "is a link, and what is rendered is a file", again)
        elif found != right:
            number, line = _first_difference(found, right)
            yield Finding(source, f"line {number}", RULE, "is not what the facts render to", again, line)


def _first_difference(found: bytes, right: bytes) -> tuple[int, str]:
    """The number of the first line that differs, from 1, and the line as it stands."""
    stands, wanted = found.decode(errors="replace").split("\n"), right.decode().split("\n")
    for number, line in enumerate(stands, start=1):
        if number > len(wanted) or line != wanted[number - 1]:
            return number, clipped(line)
    return len(stands) + 1, ""
