"""`make doctor`: what this machine lacks, before anything is set up. `python3 -m tidegate.cli.doctor` needs Python's standard library alone.

The command `tidegate doctor` tells the same from the same findings, and what a set-up environment lacks beside it.
"""

import sys

_OLDEST = (3, 11)

if sys.version_info < _OLDEST:  # what is imported below would not even be read
    sys.stderr.write("this machine: python3 = {}.{}: too old; install Python {}.{} or newer\n".format(*sys.version_info[:2], *_OLDEST))
    raise SystemExit(1)

from pathlib import Path  # noqa: E402 - after the look at the version

from tidegate.checkout import find_checkout  # noqa: E402 - as above
from tidegate.cloud import toolchain  # noqa: E402 - as above
from tidegate.embedded import machine_needs  # noqa: E402 - as above
from tidegate.endings import lines_of, program_code  # noqa: E402 - as above
from tidegate.errors import Finding  # noqa: E402 - as above

_OPTIONS = ("--without-regions", "--from-bundle")


def examine(*, with_regions: bool, from_bundle: bool = False) -> tuple[list[toolchain.Tool], list[Finding], list[str]]:
    """The tools, everything that is lacking, and what should be known beside it."""
    found = toolchain.inspect_tools()
    findings = [*toolchain.missing_tools(found), *toolchain.unusable_mirror()]
    if not with_regions:
        return found, findings, []
    return found, [*findings, *machine_needs.lacking(from_bundle=from_bundle)], machine_needs.notes()


def rows_of(found: list[toolchain.Tool]) -> list[tuple[str, str, str]]:
    """A row for each tool: its name, its version and what to do."""
    rows = [(tool.program, tool.version or "-", "ok" if tool.is_new_enough else tool.remedy) for tool in found]
    if toolchain.unusable_mirror():
        source = f"from nowhere: {toolchain.PROVIDER_MIRROR_VARIABLE} names no mirror"
    else:
        source = "from a mirror" if toolchain.find_provider_mirror() else "from the public registry"
    return [*rows, ("aws provider", toolchain.AWS_PROVIDER_VERSION, source)]


def main(arguments: list[str]) -> int:
    """Prints a line for each tool, then one for each thing that is lacking; returns the exit code."""
    if unknown := [one for one in arguments if one not in _OPTIONS]:
        sys.stderr.write(f"unknown option {unknown[0]}; there are {', '.join(_OPTIONS)}\n")
        return 2
    try:
        find_checkout(Path(__file__).resolve().parent)
        found, findings, notes = examine(with_regions="--without-regions" not in arguments, from_bundle="--from-bundle" in arguments)
        for row in rows_of(found):
            sys.stdout.write("{:<14}{:<12}{}\n".format(*row))
        for note in notes:
            sys.stdout.write(f"note: {note}\n")
        if not findings:
            sys.stdout.write("Nothing is missing.\n")
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - what nobody foresaw ends with 70
        sys.stderr.write(f"{lines_of(error)}\n")
        return program_code(error)
    for finding in sorted(findings):
        sys.stderr.write(f"{finding}\n")
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
