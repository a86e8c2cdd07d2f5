"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

BundleKey = Annotated[
    Path | None,
    typer.Option(
        "--bundle-key", metavar="FILE", help="The one public key (PEM) to trust for bundles. Default: those that the checkout commits."
    ),
]
