"""Every error Tidegate raises, as one tree, and the finding they are made of.

    TidegateError
    ├── FindingsError          a set of findings; nothing was changed
    │   ├── InventoryError       a cluster or tenant file, or how they fit together
    │   ├── ManifestError        a rendered Kubernetes object
    │   ├── PriceError           a price is missing, is none or is too old to plan with
    │   ├── LedgerError          a cost ledger is damaged, empty or names a node without a price
    │   └── DoctorError          this machine lacks something
    ├── ToolError              a program we started failed; its stderr is in the text
    │   ├── ProgramError         a program of this repository refused its input; its own lines are the text
    │   └── ToolMissingError     the program is not installed
    ├── StateError             Terraform state is missing, locked or older than the cloud
    ├── CloudError             AWS, or what stands for it, refused a call or did not answer
    ├── EmulatorError          the emulated cloud did not start or stop
    ├── BundleError            a bundle is refused, damaged or cannot be fetched; the caches are as before
    ├── MachineError           a machine of the embedded platform did not start, or does not run
    ├── HostError              the operating system refused: a full disk, a read-only folder, a right that is missing
    ├── BusyError              another command is at work in this checkout
    ├── UnexpectedError        a fault in Tidegate; nothing else becomes one
    └── UsageError             the request itself makes no sense (unknown model, bad revision)

Library code raises these; only `tidegate.cli` prints them and chooses the exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """One thing that is wrong, in one line: where, what stands there, why it is refused and what to do.

    `source` is a file path relative to the repository (or an object's name where there is no file), `path` the
    dotted path inside it (empty for the whole file), `value` what was found as the reader wrote it (empty if
    absent), `rule` the short name of the rule, which is also the name of its test case.
    """

    source: str
    path: str
    rule: str
    problem: str
    remedy: str
    value: str = ""

    def __str__(self) -> str:
        where = f"{self.source}: {self.path}" if self.path else self.source
        found = f" = {self.value}" if self.value else ""
        return f"{where}{found}: {self.problem}; {self.remedy} [{self.rule}]"


class TidegateError(Exception):
    """Anything Tidegate refuses or fails at; the text is ready to be shown."""


class FindingsError(TidegateError):
    """Some input was refused. Carries all findings, sorted, so that one run shows everything to correct."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(sorted(findings))
        super().__init__("\n".join(str(finding) for finding in self.findings))


class InventoryError(FindingsError):
    """A cluster or tenant file is refused, or the files contradict each other."""


class ManifestError(FindingsError):
    """A rendered object does not fit its schema or breaks a rule."""


class LedgerError(FindingsError):
    """A cost ledger cannot be read, continued or priced."""


class PriceError(FindingsError):
    """A price cannot be planned with: it is missing, is none, or is too old."""


class DoctorError(FindingsError):
    """This machine lacks something the command needs."""


class ToolError(TidegateError):
    """A program that we started exited with an error."""

    def __init__(self, command: str, exit_code: int, stderr: str) -> None:
        self.command = command
        self.exit_code = exit_code
        self.stderr = stderr
        tail = stderr.strip() or "(nothing on stderr)"
        super().__init__(f"exit code {exit_code} from: {command}\n{tail}")


class ProgramError(ToolError):
    """A program of this repository (`clusters.program`, `infra`) refused or failed; it said why in lines that are shown as they are."""

    def __init__(self, error: ToolError) -> None:
        super().__init__(error.command, error.exit_code, error.stderr)
        self.args = (error.stderr.strip() or str(error),)


class ToolMissingError(ToolError):
    """The program to start is not installed."""

    def __init__(self, command: str, program: str) -> None:
        super().__init__(command, 127, f"{program} is not on PATH; `tidegate doctor` tells how to get it")
        self.args = (self.stderr,)


class StateError(TidegateError):
    """Terraform state cannot be trusted; the text says how to restore it."""


class CloudError(TidegateError):
    """A call to AWS, or to the emulated one, was refused or got no answer."""


class EmulatorError(TidegateError):
    """The emulated cloud did not come up, or did not go."""


class MachineError(TidegateError):
    """A machine of the embedded platform did not start, does not run, or did not become ready."""


class HostError(TidegateError):
    """The operating system refused something; the text names the path, the reason and the remedy."""


class BusyError(TidegateError):
    """Another command is at work in this checkout; the text names it."""


class UnexpectedError(TidegateError):
    """What nobody foresaw. The text names the place; whoever shows it adds how to see more."""


class BundleError(TidegateError):
    """A bundle is refused, is damaged or cannot be fetched. Nothing was changed in the caches."""


class UsageError(TidegateError):
    """The request names something that does not exist or asks for the impossible."""
