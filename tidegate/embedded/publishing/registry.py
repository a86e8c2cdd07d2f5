"""An image registry, spoken to by crane (go-containerregistry), which is built from its pinned module when it is first needed.

Who may push is in the configuration that `docker login` and `crane auth login` write (`DOCKER_CONFIG`); no token passes through here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.builds.go_programs import build_tool
from tidegate.errors import TidegateError, ToolError
from tidegate.tools.progress import OnProgress

PINS = Path("locks/crane")
PACKAGE = "github.com/google/go-containerregistry/cmd/crane"

_ABSENT = re.compile(r"MANIFEST_UNKNOWN|NAME_UNKNOWN|BLOB_UNKNOWN|404 Not Found")
_NO_RIGHT = re.compile(r"UNAUTHORIZED|DENIED|401 Unauthorized|403 Forbidden")
_PUSH_SECONDS = 3600


class RegistryError(TidegateError):
    """An image registry refused a call, did not answer, or holds other bytes than it should."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The registry at `host`, which may be another way to the one that images are named by."""

    crane: Path
    host: str

    @classmethod
    def opened(cls, checkout: Checkout, host: str, on_progress: OnProgress) -> Registry:
        """With crane, after building it where the cache lacks it (about 20 s)."""
        return cls(build_tool(checkout.root / PINS, PACKAGE, on_progress), host)

    def digest_of(self, repository: str, reference: str) -> str | None:
        """The digest of what is at `reference`, a tag or a digest; None when nothing is there."""
        said = self._asked("digest", self._name(repository, reference))
        return said.strip() if said is not None else None

    def manifest_of(self, repository: str, reference: str) -> Any:  # noqa: ANN401 - whatever somebody has put there
        """The manifest at `reference`; None when there is none, or it is no JSON."""
        said = self._asked("manifest", self._name(repository, reference))
        try:
            return json.loads(said) if said is not None else None
        except ValueError:
            return None

    def blob(self, repository: str, digest: str) -> bytes | None:
        """The text of a blob; None when it is not there."""
        said = self._asked("blob", self._name(repository, digest))
        return said.encode() if said is not None else None

    def push(self, layout: Path, repository: str, tag: str, digest: str) -> bool:
        """Puts the one image of an OCI layout there, unless it is there; returns whether anything had to be sent.

        A tag that is other bytes already is refused: what somebody runs may not change under its name.
        """
        found = self.digest_of(repository, tag)
        if found == digest:
            return False
        name = self._name(repository, tag)
        if found is not None:
            raise RegistryError(f"{name} is {found}, and would become {digest}; nobody may overwrite a tag, so find out who pushed it")
        try:
            tools.run([str(self.crane), "push", str(layout), name], timeout_seconds=_PUSH_SECONDS)
        except ToolError as error:
            raise self._refused(name, error) from error
        if (now := self.digest_of(repository, tag)) != digest:
            raise RegistryError(f"{name} was sent as {digest} and is {now or 'not there'}; use a registry that keeps manifests as they are")
        return True

    def _asked(self, verb: str, name: str) -> str | None:
        try:
            return tools.run([str(self.crane), verb, name], timeout_seconds=300).stdout
        except ToolError as error:
            if _ABSENT.search(error.stderr):
                return None
            raise self._refused(name, error) from error

    def _name(self, repository: str, reference: str) -> str:
        sign = "@" if reference.startswith("sha256:") else ":"
        return f"{self.host}/{repository.partition('/')[2]}{sign}{reference}"

    def _refused(self, name: str, error: ToolError) -> RegistryError:
        said = next((line for line in reversed(error.stderr.splitlines()) if line.startswith("Error: ")), error.stderr[-300:])
        if _NO_RIGHT.search(error.stderr):
            remedy = f"log in with `docker login {self.host}` as somebody who may push there"
        else:
            remedy = "run the command again: what has arrived is not sent twice"
        return RegistryError(f"{name}: {' '.join(said.removeprefix('Error: ').split())}; {remedy}")
